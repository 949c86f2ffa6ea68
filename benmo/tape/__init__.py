"""The tape: what happens in a node, fact by fact, each with its cause.

May import `benmo.paxos`, `benmo.ledger`, `benmo.storage`, `benmo.engine`, `benmo.notices`,
`benmo.wording` and `benmo.errors`.

Begin with `records.py`, the closed list of what can happen, and `facts.py`, what records say of
messages and blocks; `world_records.py` has what is done to nodes, rather than by them.
`recorder.py` makes records of what an engine and its links do, with `causes.py`, which tells what
led to what, and `replica_facts.py`; `counter.py` only counts them;
`merging.py` brings those of several nodes into one order; `trace_file.py` is the file. While nobody
records, an engine and its links pay a comparison with None for it.

Two promises hold for each node's records:

1. Their numbers are 1, 2, 3 …, in the order in which the facts happened; where some are missing, a
   `Gap` says which.
2. A record names the event of its node that led to it: the message that arrived, the time that was
   up, the request that came. Where that isn't known, it names none: there are no guesses.
"""
