"""What an operator runs: make a cluster, look at it, check its files, export them.

May import everything that lies below `benmo.node`.

Begin with `initialize.py` (make a cluster), `status.py` (all nodes in one table), `verify.py`
(check the files of all nodes) or `export.py` (the transfers, for other programs).
"""
