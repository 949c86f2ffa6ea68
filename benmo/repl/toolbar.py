"""The prompt's bottom lines: a node's state at a glance."""

from __future__ import annotations

from benmo.commands.node_status import NodeSnapshot, link_signs
from benmo.paxos.types import Ballot


def toolbar_text(snapshot: NodeSnapshot | None, columns: int) -> str:
    """Show what a node is, has and reaches; lines break between parts to fit into `columns`."""
    if snapshot is None:
        return "…"
    money = f"balance {snapshot.balance}"
    if snapshot.available != snapshot.balance:
        money += f" ({snapshot.available} available)"
    parts = [
        f"node {snapshot.node}: {snapshot.role}",
        f"ballot {snapshot.ballot}" if snapshot.ballot != Ballot.ZERO else "no ballot yet",
        f"height {snapshot.height}",
        money,
        f"queue {snapshot.queue}",
    ]
    below = [
        f"links: {link_signs(snapshot.peers)}",
        f"quorum: {'yes' if snapshot.quorum else 'no'}",
    ]
    if snapshot.countdown_s is not None and snapshot.quorum:
        below.append(f"election delay: {snapshot.countdown_s:.0f} s left")
    return "\n".join([*_lines(parts, columns), *_lines(below, columns)])


def _lines(parts: list[str], columns: int) -> list[str]:
    lines = [f" {parts[0]}"]
    for part in parts[1:]:
        longer = f"{lines[-1]} · {part}"
        if len(longer) < columns:
            lines[-1] = longer
        else:
            lines.append(f" {part}")
    return lines
