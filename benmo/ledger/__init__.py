"""Money: transfers, blocks, balances, and the queue of what waits. No I/O.

May import `benmo.paxos.types`, and nothing else of Benmo outside this package but `benmo.errors`.

Begin with `transfers.py` (a transfer, a run of them), then `blocks.py` (a block and the bytes that
are hashed) and `ledger.py` (what applying a block does to balances). `payment_queue.py` is what
waits at a node; `payment_keys.py` sees to it that a node pays once under one key.
"""
