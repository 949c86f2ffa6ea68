"""Sockets: TLS, frames, and the links between nodes.

May import `benmo.paxos`, `benmo.ledger` (for `wire.py`), `benmo.cluster`, `benmo.notices` and
`benmo.errors`.

Begin with `peer_links.py`: which node dials which, and when a link is up. `listener.py` accepts
connections, `certificates.py` says which node is at the other end, `frames.py` cuts bytes into
frames and checks their length, `wire.py` turns a frame into a message, `ports.py` says which
process holds a port.
"""
