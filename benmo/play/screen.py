"""Shows what a command led to: the nodes, the messages under way, a hint."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benmo.commands.answers import Answer, Cell, Status, Table
from benmo.commands.fitting import fitted
from benmo.paxos.types import Ballot
from benmo.play.branches import Branches, BranchPlace
from benmo.play.outlook import DecisionOutlook, NodeOutlook, Outlook, outlook
from benmo.wording import joined, many

_CELL_MAX = 20
_NONE = "-"
_MESSAGES_MAX = 20

HEADERS = ("node", "is", "promised", "accepted", "height", "queue", "balance", "follows")
_SPARE = ("balance", "follows", "queue")


def command_answer(
    place: BranchPlace, branches: Branches, is_whole: bool, columns: int | None
) -> Answer:
    """The answer to a command; with `is_whole`, for a person who sees nothing but this."""
    seen = outlook(branches.scenario.sandbox)
    value = {
        "place": place.number,
        "command": place.line.text,
        "trace": place.trace,
        **situation(seen),
    }
    lines = [fitted(each, columns, "    ") for each in place.trace]
    if is_whole:
        lines += ["", *situation_lines(seen, columns)]
    return Answer(Status.DONE, value, "\n".join(lines))


def situation(seen: Outlook) -> dict[str, object]:
    """All that an observer sees, for JSON."""
    nodes = [{**_fields(each), "is": each.is_} for each in seen.nodes]
    for each in nodes:
        del each["is_"]
    decision = None if seen.decision is None else _fields(seen.decision)
    messages = [_fields(each) for each in seen.messages]
    return {"nodes": nodes, "messages": messages, "decided": decision}


def situation_lines(seen: Outlook, columns: int | None) -> list[str]:
    """All that an observer sees, for a terminal of this many columns."""
    table = Table(HEADERS, [_row(each) for each in seen.nodes], spare=_SPARE)
    lines = [table.as_text(columns)]
    if seen.decision is not None:
        lines.append(fitted(_decided(seen.decision, len(seen.nodes)), columns, "   "))
    return [*lines, *_under_way(seen, columns)]


def hint(seen: Outlook | None) -> str:
    """Say what may be typed next, as somebody new to this needs it."""
    if seen is None:
        return "Begin with: nodes 3"
    if seen.messages:
        number = seen.messages[0].number
        return (
            f"You are the network: deliver {number}, drop {number}, or double {number} (it "
            f"arrives twice). settle lets everything arrive."
        )
    return f"Nothing is under way. {_without_messages(seen)}"


def _without_messages(seen: Outlook) -> str:
    """Say what may be done where no message waits."""
    for each in seen.nodes:
        is_stuck = each.is_ == "candidate" or (each.is_ == "leader" and each.accepted)
        if is_stuck:
            return f"Node {each.node} waits for answers in vain: wait 3 lets its time run out"
    for each in seen.nodes:
        if each.is_ == "acceptor" and (each.queue or each.accepted):
            return f"Let a node try to lead: campaign {each.node}"
    for each in seen.nodes:
        if each.is_ == "down":
            return f"Node {each.node} is down: start {each.node}"
        if each.is_ == "paused":
            return f"Node {each.node} is paused: resume {each.node}"
    return "Let a node pay: pay 1 2 10 (node 1 pays 10 to node 2)"


def branch_values(branches: Branches) -> list[dict[str, object]]:
    """The tree of all that was tried, for JSON, in the order in which it is shown."""
    return [
        {
            "place": place.number,
            "after": None if place.parent is None else place.parent.number,
            "command": place.line.text,
            "here": place is branches.here,
        }
        for place, _ in branches.rows()
    ]


def branch_answer(branches: Branches) -> Answer:
    """The tree of all that was tried; `*` marks where the run is."""
    lines = []
    width = len(str(len(branches.places) - 1))
    for place, before in branches.rows():
        mark = "*" if place is branches.here else " "
        text = place.line.text or "the beginning"
        lines.append(f"{mark}{place.number:>{width}}  {before}{text}")
    return Answer(Status.DONE, branch_values(branches), "\n".join(lines))


def _fields(value: object) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(value)
    return fields


def _row(node: NodeOutlook) -> tuple[Cell, ...]:
    return (
        node.node,
        node.is_,
        _ballot(node.promised),
        _short(node.accepted),
        node.height,
        _short(node.queue),
        node.balance,
        _ballot(node.follows),
    )


def _ballot(ballot: Ballot) -> str:
    return _NONE if ballot == Ballot.ZERO else str(ballot)


def _short(text: str) -> str:
    if not text:
        return _NONE
    return text if len(text) <= _CELL_MAX else f"{text[: _CELL_MAX - 1]}…"


def _decided(decision: DecisionOutlook, nodes: int) -> str:
    """Say what is decided, and who knows it."""
    slot = f"Slot {decision.slot} is decided"
    if decision.ballot != Ballot.ZERO:
        slot += f": a majority accepted it in {decision.ballot}"
    if not decision.known_by:
        return f"{slot}. No node knows that yet."
    if len(decision.known_by) == nodes:
        return f"{slot}. All nodes know it."
    verb = "know" if len(decision.known_by) > 1 else "knows"
    who = many(decision.known_by)
    return f"{slot}. {who[0].upper()}{who[1:]} {verb} it."


def _under_way(seen: Outlook, columns: int | None) -> list[str]:
    heartbeats = f"{seen.heartbeats} heartbeat{'' if seen.heartbeats == 1 else 's'}"
    if not seen.messages:
        return [f"under way: {heartbeats}" if seen.heartbeats else "under way: nothing"]
    width = len(str(seen.messages[-1].number))
    lines = [
        fitted(f"  {each.number:>{width}}  {each.sender}->{each.to}  {each.text}", columns, "     ")
        for each in seen.messages[:_MESSAGES_MAX]
    ]
    rest: Sequence[str] = ()
    if len(seen.messages) > _MESSAGES_MAX:
        rest = [f"{len(seen.messages) - _MESSAGES_MAX} more: show pending"]
    if seen.heartbeats:
        rest = [*rest, heartbeats]
    return ["under way:", *lines, *([f"  and {joined(list(rest))}"] if rest else [])]
