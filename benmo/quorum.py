"""The size of a quorum, for modules that count nodes and have no `Membership`."""

from __future__ import annotations


def quorum_of(nodes: int) -> int:
    """Tell how many of this many nodes are a majority."""
    return nodes // 2 + 1
