"""The ids of simulated members, and the short names that traces and sentences call them by."""

from __future__ import annotations

from functools import cache

from benmo.paxos.types import Change, ChangeKind, MemberId, NodeId


def numbered_successor(node: NodeId, ordinal: int) -> MemberId:
    """Make the id of a node's member that had `ordinal` members of the node before it."""
    return f"{ordinal:016x}{node:016x}"


@cache
def label_of(member: MemberId) -> str:
    """Name a member of a simulated node: its number, with a letter for all but the first: `3b`."""
    ordinal, node = int(member[:16], 16), int(member[16:], 16)
    return f"{node}{chr(ord('a') + ordinal) if ordinal else ''}"


def change_text(change: Change) -> str:
    """Describe a change of the membership: `replace node 3 by 3b`."""
    by = f" by {label_of(change.member)}" if change.kind is ChangeKind.REPLACE else ""
    return f"{change.kind} node {label_of(change.replaces or change.member)}{by}"
