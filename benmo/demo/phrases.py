"""Words for nodes in a sentence: lists of nodes, verbs that agree with them; the legend."""

from __future__ import annotations

from collections.abc import Sequence

from benmo.paxos.types import NodeId

LEGEND = "The bottom line shows each node: its role, height (h) and queue (q)."


def listed(nodes: Sequence[NodeId]) -> str:
    """Nodes as a user types them: `3 4 5`."""
    return " ".join(map(str, nodes))


def is_or_are(nodes: Sequence[NodeId]) -> str:
    return "are" if len(nodes) > 1 else "is"


def has_or_have(nodes: Sequence[NodeId]) -> str:
    return "have" if len(nodes) > 1 else "has"
