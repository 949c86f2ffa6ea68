"""Benmo: a public ledger kept by five nodes that agree through Paxos."""

__version__ = "0.1.0"
