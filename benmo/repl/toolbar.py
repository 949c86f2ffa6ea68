"""The prompt's bottom lines: a node's state at a glance."""

from __future__ import annotations

from benmo.commands.node_status import Toolbar
from benmo.network.link import Link
from benmo.paxos.types import Ballot

LINK_SIGNS = {Link.UP: "✓", Link.DOWN: "✗", Link.SEVERED: "✂"}


def toolbar_text(toolbar: Toolbar | None, columns: int) -> str:
    """The bottom lines: what this node is, has and reaches; broken between parts, not in them."""
    if toolbar is None:
        return "…"
    links = " ".join(f"{node}{LINK_SIGNS[link]}" for node, link in toolbar.links)
    money = f"balance {toolbar.balance}"
    if toolbar.available != toolbar.balance:
        money += f" ({toolbar.available} available)"
    parts = [
        f"node {toolbar.node}: {toolbar.role}",
        f"ballot {toolbar.ballot}" if toolbar.ballot != Ballot.ZERO else "no ballot yet",
        f"height {toolbar.height}",
        money,
        f"queue {toolbar.queue}",
    ]
    below = [f"links: {links}", f"quorum: {'yes' if toolbar.has_quorum else 'no'}"]
    if toolbar.countdown_s is not None and toolbar.has_quorum:
        below.append(f"election delay: {toolbar.countdown_s:.0f} s left")
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
