"""Money: transfers, blocks, balances, and the queue of what waits. No I/O.

May import `benmo.paxos.types` and `benmo.errors`, and nothing else of Benmo outside this package.

Begin with `transfers.py` (a transfer, a run of them), then `blocks.py` (a block and the bytes that
are hashed) and `ledger.py` (what applying a block does to balances). `payment_queue.py` checks a
new transfer against the balance and what waits, and holds the transfers that wait at a node;
`payment_keys.py` makes sure that a node pays only once under one key.
"""
