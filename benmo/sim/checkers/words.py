"""The words that several checkers' sentences share."""

from __future__ import annotations

from collections.abc import Iterable

from benmo.paxos.types import MemberId
from benmo.sim.member_names import label_of


def short(block_hash: str) -> str:
    """Shorten a hash to its first eight digits."""
    return block_hash[:8]


def nodes_text(members: Iterable[MemberId]) -> str:
    """List members by their nodes: `node 1`, `nodes 1 and 3b`, `nodes 1, 3 and 4`."""
    *first, last = sorted(map(label_of, members))
    return f"nodes {', '.join(first)} and {last}" if first else f"node {last}"
