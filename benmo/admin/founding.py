"""The ledger with which a cluster began, before the first block."""

from __future__ import annotations

from benmo.cluster import Cluster
from benmo.ledger.ledger import Ledger


def founded_ledger(cluster: Cluster) -> Ledger:
    """Make the ledger at height 0: each founder has the balance of the settings."""
    balances = dict.fromkeys(cluster.founders.nodes, cluster.settings.balance)
    return Ledger(balances, membership=cluster.founders)
