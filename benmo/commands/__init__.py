"""The command language: what can be typed, with which arguments, and how answers look.

This package carries no command out: `benmo.node.execute` does, for a node. May import
`benmo.ledger`, `benmo.paxos.types`, `benmo.network.link`, `benmo.typed_json` and `benmo.errors`.

Begin with `table.py`, the one list of commands. `arguments.py` reads a command's arguments;
`answers.py` shows an answer as a table, JSON or TSV; `block_table.py` and `node_status.py` are
blocks and a node's state, which several commands and programs show.
"""
