"""The words that several checkers' sentences share."""

from __future__ import annotations

from collections.abc import Iterable

from benmo.paxos.types import NodeId


def short(block_hash: str) -> str:
    """Shorten a hash to its first eight digits."""
    return block_hash[:8]


def nodes_text(nodes: Iterable[NodeId]) -> str:
    """List nodes: `node 1`, `nodes 1 and 3`, `nodes 1, 3 and 4`."""
    *first, last = [str(node) for node in sorted(nodes)]
    return f"nodes {', '.join(first)} and {last}" if first else f"node {last}"
