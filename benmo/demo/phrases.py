"""Words for nodes in a sentence: lists of nodes, and verbs that agree with them."""

from __future__ import annotations

from collections.abc import Sequence

from benmo.paxos.types import NodeId


def listed(nodes: Sequence[NodeId]) -> str:
    """Nodes as a user types them: `3 4 5`."""
    return " ".join(map(str, nodes))


def many(nodes: Sequence[NodeId]) -> str:
    """Nodes as a sentence names them: `node 3`, or `nodes 3, 4 and 5`."""
    return f"node{'s' if len(nodes) > 1 else ''} {joined(list(map(str, nodes)))}"


def is_or_are(nodes: Sequence[NodeId]) -> str:
    return "are" if len(nodes) > 1 else "is"


def has_or_have(nodes: Sequence[NodeId]) -> str:
    return "have" if len(nodes) > 1 else "has"


def joined(parts: Sequence[str]) -> str:
    """Join parts as a sentence does: `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
