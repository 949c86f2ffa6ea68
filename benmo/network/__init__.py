"""Sockets: TLS, frames, and the links between nodes.

May import `benmo.paxos`, `benmo.ledger` (for `wire.py`), `benmo.cluster`, `benmo.notices` and
`benmo.errors`.

Begin with `peer_links.py`: which node has links to which, and who is heard. `peer_link.py` is one
link, `peer_connections.py` a connection in it. `listener.py` accepts connections,
`certificates.py` says who is at the other end, `frames.py` cuts bytes into frames and checks their
length, `wire.py` turns a frame into a message, `retirement.py` the one thing besides that a node is
told, and `ports.py` says which process holds a port.
"""
