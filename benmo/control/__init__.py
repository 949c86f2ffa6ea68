"""Commanding a running node over its port: the messages, and the caller's end.

May import `benmo.commands`, `benmo.network`, `benmo.ledger`, `benmo.cluster` and `benmo.errors`.

Begin with `requests.py`, which has a diagram of the messages. `connection.py` sends requests in an
asyncio loop; `attached_node.py` wraps one in a thread, for prompts and scripts. The node's end is
`benmo.node.control_server`.
"""
