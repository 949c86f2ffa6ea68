"""The command language: what can be typed, with which arguments, and how answers look.

It carries nothing out: `benmo.node.execute` does, for a node. May import `benmo.ledger`,
`benmo.paxos.types`, `benmo.network.link`, `benmo.typed_json` and `benmo.errors`.

Begin with `table.py`, the one list of commands. `arguments.py` reads what stands behind a name;
`answers.py` is an answer as a table, JSON or TSV; `block_table.py` and `node_status.py` are two
things that are shown in several places.
"""
