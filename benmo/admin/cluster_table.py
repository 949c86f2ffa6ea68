"""All nodes of a cluster at a glance: one table, from what each says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from benmo.commands.answers import Answer, Cell, Status, Table
from benmo.network.link import Link
from benmo.paxos.types import Ballot, NodeId
from benmo.repl.toolbar import LINK_SIGNS

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

Said = Mapping[str, object] | Absent | None
"""The value of a node's `printStatus` in JSON; or why there is none, None for `DOWN`."""


class _Peer(msgspec.Struct, frozen=True):
    node: NodeId
    link: Link


class _State(msgspec.Struct, frozen=True):
    """What the table needs of a node's `printStatus`."""

    role: str
    ballot: Ballot
    height: int
    head: str
    queue: int
    quorum: bool
    peers: tuple[_Peer, ...]

    def cells(self) -> tuple[Cell, ...]:
        links = " ".join(f"{peer.node}{LINK_SIGNS[peer.link]}" for peer in self.peers)
        ballot = "none" if self.ballot == Ballot.ZERO else str(self.ballot)
        head = self.head[:_HEAD_DIGITS]
        return ("yes", self.role, ballot, self.height, head, self.queue, links)


def overview(
    nodes: Sequence[NodeId],
    said: Mapping[NodeId, Said],
    more: Mapping[str, Mapping[NodeId, Cell]] | None = None,
) -> Answer:
    """One row a node. `more` are columns of the caller's own, by their headers, after the node.

    The status is `DONE` if a quorum is up, else `UNKNOWN`.
    """
    columns = more or {}
    found = {node: said.get(node) or DOWN for node in nodes}
    states = {node: _read(item) for node, item in found.items()}
    rows: list[tuple[Cell, ...]] = []
    values: list[dict[str, object]] = []
    for node, state in states.items():
        own = {header: cells.get(node) for header, cells in columns.items()}
        rows.append((node, *(cell or "" for cell in own.values()), *_cells(state)))
        values.append({"node": node, **own, **_value(found[node])})
    is_up = _has_quorum(list(states.values()))
    table = Table((HEADERS[0], *columns, *HEADERS[1:]), rows)
    return Answer(Status.DONE if is_up else Status.UNKNOWN, values, _summary(states, is_up), table)


def _read(item: Mapping[str, object] | Absent) -> _State | Absent:
    return item if isinstance(item, Absent) else msgspec.convert(item, _State)


def _has_quorum(states: Sequence[_State | Absent]) -> bool:
    """Whether a node says that it reaches a quorum, and enough nodes may be up for that.

    A node learns only after a while that another is gone, so its word alone is not enough.
    """
    claims = any(isinstance(state, _State) and state.quorum for state in states)
    down = sum(isinstance(state, Absent) and state.is_down is True for state in states)
    return claims and len(states) - down > len(states) // 2


def _summary(states: Mapping[NodeId, _State | Absent], is_up: bool) -> str:
    up = sum(isinstance(state, _State) for state in states.values())
    what = "a quorum is up" if is_up else "no quorum is up and connected, so nothing is decided"
    return f"{up} of {len(states)} nodes answer: {what}"


def _cells(state: _State | Absent) -> tuple[Cell, ...]:
    if isinstance(state, Absent):
        return (state.word, *[""] * (len(HEADERS) - 2))
    return state.cells()


def _value(item: Mapping[str, object] | Absent) -> dict[str, object]:
    if isinstance(item, Absent):
        return {"up": None if item.is_down is None else False, "reason": item.reason}
    known = {name: part for name, part in item.items() if name not in ("node", "peers")}
    peers = msgspec.convert(item, _State).peers
    return {"up": True, **known, "links": {str(peer.node): str(peer.link) for peer in peers}}
