"""The way to a counterexample, in lines.

< 1->2 Prepare (1, 1)                       node 2 received it
= 2 promised (1, 1)                         node 2's state changed
> 2->1 Promise (1, 1) height 0              node 2 sent it
! 2 crashes and restarts, at height 0       a fault; and what went wrong, at the end

A later member of node 2 is called 2b; messages to node 2 may come to either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from benmo.paxos.messages import Behind
from benmo.paxos.types import Change
from benmo.sim.explore.node import Moment
from benmo.sim.explore.search import Counterexample, Move, Place, Search
from benmo.sim.explore.system import Cause, Envelope, System, bits
from benmo.sim.member_names import change_text
from benmo.sim.trace import accepted_text, ids, text_of
from benmo.sim.violation import Finding


@dataclass(frozen=True, slots=True)
class PathStep:
    """One event of a node. With a `violation`, it isn't left in the state `after`."""

    before: Moment
    after: Moment
    cause: Envelope | Cause
    asked: Change | None
    """The change of the members that somebody asks this node for, right before that."""
    sent: tuple[Envelope, ...]
    crashes: int
    violation: Finding | None

    def lines(self) -> Iterator[str]:
        node = self.before.actor.label
        if self.asked is not None:
            yield f"! {node} is asked to {change_text(self.asked)}"
        if isinstance(self.cause, Envelope):
            receiver = "" if node == str(self.cause.to) else f", to {node}"
            yield _line("<", self.cause) + receiver
        if not (self.crashes or self.violation):
            yield from (f"= {node} {change}" for change in _changes(self.before, self.after))
        yield from (_line(">", envelope) for envelope in self.sent)
        if self.crashes:
            yield f"! {node} crashes and restarts, at height {len(self.after.chain)}"


def lines_of(steps: list[PathStep], violation: Finding) -> Iterator[str]:
    """Describe the steps, and the violation to which they lead."""
    sent: set[Envelope] = set()
    for step in steps:
        cause = step.cause
        if isinstance(cause, Envelope) and cause not in sent:
            # Only a `Behind` may be delivered without having been sent: it may be sent any time.
            assert isinstance(cause.message, Behind)
            yield _line(">", cause)
        sent.update(step.sent)
        yield from step.lines()
    yield f"! {violation.sentence}"


def steps_of(system: System, search: Search, counterexample: Counterexample) -> list[PathStep]:
    """Find the steps to a counterexample, leaving out replies that led to nothing."""
    taken: list[tuple[Place, Move, bool]] = []
    for place, following in pairwise(counterexample.places):
        full, replies, moves = search.moves(place)
        taken += [(full, reply, True) for reply in replies]
        move = next(move for move in moves if search.after(full, move) == following)
        taken.append((full, move, False))
    if counterexample.move is not None:
        full, replies, _ = search.moves(counterexample.places[-1])
        taken += [(full, reply, True) for reply in replies]
        taken.append((full, counterexample.move, False))
    needed = _needed(taken, counterexample.places[0].messages)
    return [_path_step(system, search, place, move) for place, move in needed]


def _needed(taken: list[tuple[Place, Move, bool]], present: int) -> list[tuple[Place, Move]]:
    """Leave out the replies that sent nothing new that was delivered later."""
    sends = []
    for _, move, _ in taken:
        sends.append(move.transition.sent & ~present)
        present |= move.transition.sent
    wanted = 0
    needed = []
    for (place, move, is_reply), new in zip(reversed(taken), reversed(sends), strict=True):
        if is_reply and not new & wanted:
            continue
        needed.append((place, move))
        if not isinstance(move.cause, Cause):
            wanted |= move.cause
    return needed[::-1]


def _path_step(system: System, search: Search, place: Place, move: Move) -> PathStep:
    cause = move.cause if isinstance(move.cause, Cause) else _envelope(system, move.cause)
    assert cause is not None
    sent = (_envelope(system, bit) for bit in bits(move.transition.sent))
    return PathStep(
        search.local(place, move.actor_index).moment,
        system.locals[move.transition.target].moment,
        cause,
        system.bounds.planned[move.transition.asked - 1] if move.transition.asked else None,
        tuple(envelope for envelope in sent if envelope is not None),
        move.transition.crashes,
        move.transition.violation,
    )


def _envelope(system: System, bit: int) -> Envelope | None:
    letter = system.letters[bit.bit_length() - 1]
    return letter if isinstance(letter, Envelope) else None


def _line(sign: str, envelope: Envelope) -> str:
    return f"{sign} {envelope.sender.label}->{envelope.to} {text_of(envelope.message)}"


def _changes(before: Moment, after: Moment) -> Iterator[str]:
    was, now = before.replica, after.replica
    accepted = now.acceptor.accepted
    has_accepted = accepted is not None and accepted != was.acceptor.accepted
    if now.acceptor.promised != was.acceptor.promised and not has_accepted:
        yield f"promised {now.acceptor.promised}"
    if now.leader.is_active and not was.leader.is_active:
        yield f"wants to lead with {now.leader.ballot}"
    if now.leader.is_leading and not was.leader.is_leading:
        yield f"leads with {now.leader.ballot}"
    for slot in range(len(before.chain) + 1, len(after.chain) + 1):
        yield f"decided slot {slot}: {ids(after.block(slot))}"
    if has_accepted and accepted is not None:
        yield f"accepted {accepted_text(accepted)}"
    if accepted is None and was.acceptor.accepted is not None and before.chain == after.chain:
        yield "forgets what it accepted"
    if was.leader.is_active and not now.leader.is_active:
        yield f"leads no more with {was.leader.ballot}"
