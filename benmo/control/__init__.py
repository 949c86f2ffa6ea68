"""Commanding a running node over its port: the messages, and the caller's end.

May import `benmo.commands`, `benmo.network`, `benmo.cluster` and what they import, and
`benmo.notices` and `benmo.waiting`.

Begin with `requests.py`, which has a diagram of the messages. `connection.py` sends requests in an
asyncio loop; `attached_node.py` runs such a connection in a thread of its own, for prompts and
scripts. `chain_reads.py` reads blocks from either end of the chain, and `account_history.py` what
they did to one account. The node's end is `benmo.node.control_server`.
"""
