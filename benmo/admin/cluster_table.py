"""The table of all nodes of a cluster, one row each, from the status that each node reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from benmo.commands.answers import Answer, Cell, Status, Table
from benmo.commands.node_status import NodeStatus, link_signs
from benmo.control.member_requests import MembersRead
from benmo.paxos.types import Ballot, NodeId
from benmo.wording import many

HEADERS = ("node", "up", "role", "ballot", "height", "head", "queue", "links")
_HEAD_DIGITS = 12
_NOTHING_IS_DECIDED = "no quorum is up and connected, so nothing is decided"


@dataclass(frozen=True, slots=True)
class Absent:
    """Stands for a node that reports no status.

    word     shown in the table in place of the node's status
    reason   why there is no status, for JSON
    is_down  whether the node counts as down; None if that can't be known here
    """

    word: str = "no"
    reason: str = "not running"
    is_down: bool | None = True


DOWN = Absent()
SILENT = Absent("no answer", "no answer")
UNKNOWN = Absent("?", "no certificate here", None)

_NO_VOTE = "no vote"


def without_vote(read: MembersRead) -> Absent:
    """Say what answers in a node's place: another member than the one that votes."""
    retired = [each.until for each in read.members if each.member == read.member]
    became = "isn't in the chain yet" if not retired else "has no vote any more"
    return Absent(_NO_VOTE, f"member {read.member[:8]} runs there, which {became}")


Said = NodeStatus | Absent
"""The status that a node reports, or why it reports none."""


def cluster_table(
    said: Mapping[NodeId, Said], more: Mapping[str, Mapping[NodeId, Cell]] | None = None
) -> Answer:
    """The table of all nodes, as an answer: `DONE` if a quorum is up, else `UNKNOWN`.

    `more` are columns that the caller adds after the node's number: for each header, the cell of
    each node.
    """
    columns = more or {}
    rows: list[tuple[Cell, ...]] = []
    values: list[dict[str, object]] = []
    for node, status in said.items():
        own = {header: cells.get(node) for header, cells in columns.items()}
        rows.append((node, *(cell or "" for cell in own.values()), *_cells(status)))
        values.append({"node": node, **own, **_value(status)})
    is_up = _has_quorum(list(said.values()))
    table = Table((HEADERS[0], *columns, *HEADERS[1:]), rows, spare=("head", *columns))
    text = "\n".join([_summary(said, is_up), *_why_not_asked(said), *_who_has_no_vote(said)])
    return Answer(Status.DONE if is_up else Status.UNKNOWN, values, text, table)


def _why_not_asked(said: Mapping[NodeId, Said]) -> Iterator[str]:
    """A line for each reason for which nodes can't be asked from here."""
    nodes: dict[str, list[NodeId]] = {}
    for node, status in said.items():
        if isinstance(status, Absent) and status.is_down is None:
            nodes.setdefault(status.reason, []).append(node)
    for reason, some in nodes.items():
        yield f"{many(some)} can't be asked: {reason}"


def _who_has_no_vote(said: Mapping[NodeId, Said]) -> Iterator[str]:
    for node, status in said.items():
        if isinstance(status, Absent) and status.word == _NO_VOTE:
            yield f"node {node}: {status.reason}"


def _has_quorum(said: Sequence[Said]) -> bool:
    """Whether a node reports that it reaches a quorum, and enough nodes may be up for that.

    A node learns only after a while that another is gone, so the report alone is not enough.
    """
    claims = any(isinstance(status, NodeStatus) and status.quorum for status in said)
    down = sum(isinstance(status, Absent) and status.is_down is True for status in said)
    return claims and len(said) - down > len(said) // 2


def _summary(said: Mapping[NodeId, Said], is_up: bool) -> str:
    answers = {node: status for node, status in said.items() if isinstance(status, NodeStatus)}
    what = _who_reaches_quorum(answers, len(said)) if is_up else _NOTHING_IS_DECIDED
    unknown = sum(isinstance(status, Absent) and status.is_down is None for status in said.values())
    if unknown and not is_up:
        what = "what answers reaches no quorum" if answers else "nothing is known of them here"
    hidden = f"; {unknown} of them can't be asked from here" if unknown else ""
    return f"{len(answers)} of {len(said)} nodes answer: {what}{hidden}"


def _who_reaches_quorum(answers: Mapping[NodeId, NodeStatus], nodes: int) -> str:
    """Say that a quorum is up, or, where not all that is known bears that out, who reaches one."""
    reach = [node for node, status in answers.items() if status.quorum]
    if len(reach) == len(answers) > nodes // 2:
        return "a quorum is up"
    rest = ", the others don't" if len(reach) < len(answers) else ""
    if len(reach) == 1:
        return f"node {reach[0]} reaches a quorum{rest}"
    return f"nodes {', '.join(map(str, reach[:-1]))} and {reach[-1]} reach a quorum{rest}"


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
