"""The operator's programs: make a cluster, show its state, check its files, export its transfers.

May import `benmo.control` and what that may import, `benmo.options` and `benmo.storage`.

Begin with the program that you look for: `initialize.py`, which makes a cluster (and
`authority.py`, its certificates); `client_certificate.py`, which lets a program pay or read;
`status.py`, which shows all nodes in the table of `cluster_table.py`; `replace.py`, `add.py`,
`remove.py` and `move.py`, which change who votes (`changing.py` is what they share, `desk.py` asks
the nodes, `deciding.py` has the change decided, and `new_member.py` makes the directory);
`rescue.py`, which begins a new cluster with the chain that is left of an old one
(`surviving_chain.py` reads it, `unknowable.py` says what is lost); `verify.py`, which checks the
files of all nodes (and `certificate_check.py`, their certificates); `history.py`, which shows one
account, and `find.py`, one key, over the connection of `node_reading.py`; `export.py`, which writes
transfers for other programs, from files or over `remote_chain.py`. `progress.py` is the bar that
`rescue`, `verify` and `export` show.
"""
