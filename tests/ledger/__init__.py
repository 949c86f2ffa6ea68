"""Blocks, balances, the queue and the keys: money is neither made nor lost."""
