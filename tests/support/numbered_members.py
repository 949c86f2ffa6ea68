"""Members whose ids anybody can tell from their nodes."""

from __future__ import annotations

from benmo.paxos.types import MemberId, NodeId


def numbered_member(node: NodeId) -> MemberId:
    """The id of the one member that a node has in a test."""
    return f"{node:032x}"
