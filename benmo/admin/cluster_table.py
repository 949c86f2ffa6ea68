"""All nodes of a cluster at a glance: one table, from what each says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from benmo.commands.answers import Answer, Cell, Status, Table
from benmo.commands.node_status import NodeStatus, link_signs
from benmo.paxos.types import Ballot, NodeId

HEADERS = ("node", "up", "role", "ballot", "height", "head", "queue", "links")
_HEAD_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing is heard from a node: `word` stands in the table in place of its state.

    `is_down` is None where nobody here can tell whether it is.
    """

    word: str = "no"
    reason: str = "not running"
    is_down: bool | None = True


DOWN = Absent()
SILENT = Absent("no answer", "no answer")
UNKNOWN = Absent("no certificate here", "no certificate here", None)

Said = NodeStatus | Absent
"""What a node says of itself, or why nothing is heard from it."""


def cluster_table(
    said: Mapping[NodeId, Said], more: Mapping[str, Mapping[NodeId, Cell]] | None = None
) -> Answer:
    """One row a node. `more` are columns of the caller's own, by their headers, after the node.

    The status is `DONE` if a quorum is up, else `UNKNOWN`.
    """
    columns = more or {}
    rows: list[tuple[Cell, ...]] = []
    values: list[dict[str, object]] = []
    for node, status in said.items():
        own = {header: cells.get(node) for header, cells in columns.items()}
        rows.append((node, *(cell or "" for cell in own.values()), *_cells(status)))
        values.append({"node": node, **own, **_value(status)})
    is_up = _has_quorum(list(said.values()))
    table = Table((HEADERS[0], *columns, *HEADERS[1:]), rows)
    return Answer(Status.DONE if is_up else Status.UNKNOWN, values, _summary(said, is_up), table)


def _has_quorum(said: Sequence[Said]) -> bool:
    """Whether a node says that it reaches a quorum, and enough nodes may be up for that.

    A node learns only after a while that another is gone, so its word alone is not enough.
    """
    claims = any(isinstance(status, NodeStatus) and status.quorum for status in said)
    down = sum(isinstance(status, Absent) and status.is_down is True for status in said)
    return claims and len(said) - down > len(said) // 2


def _summary(said: Mapping[NodeId, Said], is_up: bool) -> str:
    up = sum(isinstance(status, NodeStatus) for status in said.values())
    what = "a quorum is up" if is_up else "no quorum is up and connected, so nothing is decided"
    return f"{up} of {len(said)} nodes answer: {what}"


def _cells(status: Said) -> tuple[Cell, ...]:
    if isinstance(status, Absent):
        return (status.word, *[""] * (len(HEADERS) - 2))
    ballot = "none" if status.ballot == Ballot.ZERO else str(status.ballot)
    head = status.head[:_HEAD_DIGITS]
    links = link_signs(status.peers)
    return ("yes", status.role, ballot, status.height, head, status.queue, links)


def _value(status: Said) -> dict[str, object]:
    if isinstance(status, Absent):
        return {"up": None if status.is_down is None else False, "reason": status.reason}
    known = msgspec.to_builtins(status)
    del known["node"], known["peers"]
    links = {str(peer.node): str(peer.link) for peer in status.peers}
    return {"up": True, **known, "links": links}
