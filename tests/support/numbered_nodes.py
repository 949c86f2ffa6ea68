"""Nodes' files in a cluster whose members are known by their nodes' numbers."""

from __future__ import annotations

from collections.abc import Mapping

from benmo.ledger.ledger import Ledger
from benmo.paxos.membership import numbered_member
from benmo.paxos.types import NodeId
from benmo.storage.disk import Disk
from benmo.storage.journal import NodeState
from benmo.storage.node_storage import NodeStorage


def created(disk: Disk, cluster: str, node: NodeId, balances: Mapping[NodeId, int]) -> NodeStorage:
    """A node's new files, in a cluster that began with these balances."""
    return NodeStorage.create(disk, cluster, node, numbered_member(node), Ledger(balances))


def opened(disk: Disk, cluster: str, node: NodeId) -> tuple[NodeStorage, NodeState]:
    """A node's files, of whichever member, and the state that they lead to."""
    return NodeStorage.open(disk, cluster, node)
