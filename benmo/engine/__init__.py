"""One turn of a node: event, step, durable, send, apply, answer. No I/O of its own.

May import `benmo.paxos`, `benmo.ledger`, `benmo.storage` and `benmo.errors`.

Begin with `Engine.turn` in `engine.py`; `events.py` lists what may happen to a node and what a turn
reports. A node gives the engine a disk and sockets; the simulator gives it a faulty disk and a
faulty network.
"""
