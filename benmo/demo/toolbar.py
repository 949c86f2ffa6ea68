"""The prompt's bottom line: every node at a glance."""

from __future__ import annotations

from collections.abc import Sequence

from benmo.demo.fleet import Fleet
from benmo.paxos.types import NodeId

_SEPARATOR = " · "
_LINES_MAX = 2


def bottom_text(fleet: Fleet, columns: int) -> str:
    """Such as `1 leader h7 q0 · 2 acceptor h6 q1 · 3 down`: height and queue; short if need be."""
    full = [_node(fleet, node, False) for node in fleet.nodes]
    text = _SEPARATOR.join(full)
    if len(text) + 2 <= columns:
        return f" {text}"
    return _folded([_node(fleet, node, True) for node in fleet.nodes], columns)


def _node(fleet: Fleet, node: NodeId, is_short: bool) -> str:
    state = fleet.state_of(node)
    snapshot = fleet.snapshot(node)
    if state != "running":
        return f"{node} {state}"
    if snapshot is None:
        return f"{node} …"
    role = f" {snapshot.role}"
    queue = f" q{snapshot.queue}"
    if is_short:
        role = "" if snapshot.role == "acceptor" else role
        queue = queue if snapshot.queue else ""
    alone = "" if snapshot.quorum else " no quorum"
    return f"{node}{role} h{snapshot.height}{queue}{alone}"


def _folded(parts: Sequence[str], columns: int) -> str:
    """Join the nodes' parts in one line or two; `+3` at the end counts those that don't fit."""
    lines = [f" {parts[0]}"]
    for index, part in enumerate(parts[1:], start=1):
        longer = f"{lines[-1]}{_SEPARATOR}{part}"
        if len(longer) + 5 <= columns or columns < 20:
            lines[-1] = longer
        elif len(lines) < _LINES_MAX:
            lines.append(f" {part}")
        else:
            lines[-1] += f" +{len(parts) - index}"
            break
    return "\n".join(lines)
