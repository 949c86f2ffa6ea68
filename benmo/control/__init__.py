"""Commanding a running node over its port: the messages, and the caller's end.

May import `benmo.commands`, `benmo.network`, `benmo.cluster` and what they import, and
`benmo.notices` and `benmo.waiting`.

Begin with `requests.py`, which has a diagram of the messages. `connection.py` sends requests in an
asyncio loop; `attached_node.py` runs such a connection in a thread of its own, for prompts and
scripts. The node's end is `benmo.node.control_server`.
"""
