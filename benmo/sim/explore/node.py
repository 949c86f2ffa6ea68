"""One node of an exploration, as a pure function: from a state and an event to the next state.

Crashes. A node may crash between two turns, and within a turn wherever something has been sent
and something else is about to be written; both a kill, which leaves what was written, and a power
cut, which leaves what was synced, are tried. That covers every other point of time:

- Before anything of a turn is written: like a crash before the turn.
- Between write and fsync: the disk has kept the lines or not. If not, this is a crash before the
  turn (or at the last point where something was sent); if so, one after the turn whose messages are
  lost.
- Between fsync and send: like a crash after the turn whose messages are lost. If only some messages
  leave, the others are lost.
- A power cut that keeps the first of two decisions: like a kill after the first. The block alone
  can always come first, since a node at that height has sent it to all that may ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

from benmo.engine.events import ChangeRequested, Event, LinkChanged, ReadRequested, Received
from benmo.errors import ProtocolError, StateError
from benmo.ledger.blocks import Block as LedgerBlock
from benmo.paxos.messages import Accepted, Blocks, Confirm, Confirmed, Message, Promise
from benmo.paxos.replica import Replica
from benmo.paxos.types import Ballot, Change
from benmo.sim.disk import MemoryDisk
from benmo.sim.explore.bounds import Actor, Bounds
from benmo.sim.explore.parts import Parts, Sent, after_crash, create, recovered
from benmo.sim.explore.reductions import identity_of, may_lose_answers
from benmo.sim.explore.snapshot import LATER_S, ROUND_S
from benmo.sim.violation import Finding, Violation
from benmo.storage.damage import damage_remedy
from benmo.storage.node_storage import JOURNAL

_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class EventResult:
    """The result of an event: the node afterwards, the messages it sent, and crashes on the way.

    Each of `crashed` is the node as it came back from a crash in the middle of the event, or the
    violation that kept it from that, and the messages it had sent by then.
    """

    moment: Moment
    sent: Sent
    crashed: tuple[tuple[Moment | Violation, Sent], ...] = ()


class Moment:
    """A node between two events. Nothing changes it once it is made."""

    def __init__(
        self,
        bounds: Bounds,
        actor: Actor,
        parts: Parts,
        chain: tuple[str, ...],
        campaigns: int,
        now: float,
    ) -> None:
        self.bounds = bounds
        self.actor = actor
        self.chain = chain
        """The hashes of the decided blocks."""
        self.campaigns = campaigns
        """The number of campaigns that this node has left."""
        self.parts = parts
        self.now = now

    @classmethod
    def first(cls, bounds: Bounds, actor: Actor) -> Moment:
        """Start a member for the first time; if it votes, with its queue filled and durable."""
        campaigns = bounds.campaigns if bounds.may_lead(actor.node) else 0
        return cls._started(bounds, actor, create(bounds, actor), campaigns)

    @classmethod
    def _started(cls, bounds: Bounds, actor: Actor, disk: MemoryDisk, campaigns: int) -> Moment:
        """Start the actor from this disk, with every link up at once."""
        try:
            parts = Parts.opened(bounds, actor, disk)
            parts.engine.start()
            blocks = parts.storage.read(1, _READ_BYTES) if parts.storage.height else []
            peers = (node for node in bounds.all_nodes if node != actor.node)
            parts.engine.turn([LinkChanged(peer, True) for peer in peers], 0.0)
        except (AssertionError, StateError) as error:
            reason, _, _ = str(error).partition(f". {damage_remedy(actor.node)}")
            sentence = f"node {actor.label} can't start: {reason}"
            raise Violation(Finding("program", sentence, node=actor.node)) from error
        assert not parts.outbox.sent, "a node that has just started knows of nobody to write to"
        chain = tuple(each.block.hash for each in blocks)
        return cls(bounds, actor, parts, chain, campaigns, 0.0)

    @property
    def replica(self) -> Replica:
        """The replica, to look at and not to change."""
        return self.parts.engine.replica

    def block(self, slot: int) -> LedgerBlock:
        """Read a decided block."""
        return self.parts.copy(self.now).storage.read(slot, 1)[0].block

    @property
    def askable(self) -> tuple[Change, ...]:
        """The changes that somebody may ask this actor for, and that would wait for a proposal."""
        if not self.bounds.planned or len(self.chain) + 1 >= self.bounds.slots:
            return ()
        engine = self.parts.engine
        is_void, known = engine.ledger.why_change_void, engine.queue.change
        return tuple(each for each in self.bounds.planned if each != known and not is_void(each))

    @property
    def may_propose(self) -> bool:
        """Whether this node may still propose something, or forward it."""
        if len(self.chain) >= self.bounds.slots:
            return False
        return self.bounds.forwards or self.campaigns > 0 or self.replica.leader.is_active

    def has_only_given_up(self, before: Moment) -> bool:
        """Whether all that the last event did was to end a leadership that can't be tried again.

        That is the same as losing all further answers. The event left the moment `before`.
        """
        has_given_up = before.replica.leader.is_active and not self.replica.leader.is_active
        bounds = self.bounds
        if not (bounds.reduces and has_given_up) or self.campaigns or bounds.forwards:
            return False
        if not may_lose_answers(before.replica, bounds.tenure, bool(bounds.changes)):
            return False
        parts = before.parts.copy(before.now)
        parts.engine.replica.leader.resign()
        followed = Moment(before.bounds, before.actor, parts, before.chain, 0, before.now)
        return followed.calm.identity == self.calm.identity

    @property
    def calm(self) -> Moment:
        """The same moment where nobody crashes any more, so that the disk doesn't matter."""
        if not (self.bounds.crashes and self.bounds.reduces):
            return self
        calm = self.bounds.without_crashes
        return Moment(calm, self.actor, self.parts, self.chain, self.campaigns, self.now)

    @property
    def settled_height(self) -> int:
        """The height below which this node won't go, whatever crashes come."""
        if not self.bounds.crashes:
            return len(self.chain)
        heights = [0 if isinstance(each, str) else each[0].height for each in self.durable[:2]]
        return min(heights)

    def has_proposed(self, change: Change, before: Moment) -> bool:
        """Whether the last event, which left the moment `before`, has made this node propose it."""
        proposal = self.replica.leader.proposal
        is_new = proposal is not None and proposal != before.replica.leader.proposal
        return is_new and proposal is not None and proposal.block.change == change

    @property
    def may_campaign(self) -> bool:
        """Whether the node's election delay runs, and it has campaigns left."""
        return self.campaigns > 0 and self.replica.election.deadline != inf

    @property
    def may_time_out(self) -> bool:
        """Whether the node's round may fail for lack of answers, and the node could try again.

        If it couldn't, giving up would be the same as losing all further answers.
        """
        return self.campaigns > 0 and self.replica.leader.deadline != inf

    @cached_property
    def confirmed_height(self) -> int:
        """The height that this node would report to a question now. Raises `Violation`."""
        question = Confirm(0)
        sent = self.receive(self._another, question).sent
        (height,) = [each.height for _, each in sent if isinstance(each, Confirmed)]
        return height

    def confirmed_by(
        self, answers: Mapping[Actor, int], blocks: tuple[LedgerBlock, ...]
    ) -> int | None:
        """Ask how far the chain is, and let these answers come, then these blocks.

        Return the height that the node takes for confirmed, if it does by then.
        """
        parts = self.parts.copy(self.now)
        report = parts.engine.turn([ReadRequested(0)], 0.0)
        confirmations = report.confirmations
        (number,) = {each.number for _, each in parts.outbox.sent if isinstance(each, Confirm)}
        height = max(answers.values())
        events: list[Event] = [
            Received(actor.node, Confirmed(number, answer), actor.member)
            for actor, answer in answers.items()
            if actor != self.actor
        ]
        if blocks:
            events.append(
                Received(self._another.node, Blocks(blocks, height), self._another.member)
            )
        confirmations += parts.engine.turn(events, 0.0).confirmations
        return min((each.height for each in confirmations), default=None)

    @property
    def _another(self) -> Actor:
        return next(each for each in self.bounds.founders if each.node != self.actor.node)

    @cached_property
    def identity(self) -> tuple[object, ...]:
        """Equal for two moments that no later event can tell apart."""
        return identity_of(self)

    @cached_property
    def durable(self) -> tuple[Any, ...]:
        """The storage, known by what is recovered from it after either kind of crash."""
        found = tuple(recovered(disk, self.actor) for disk in after_crash(self.parts.disk))
        return (*found, self.parts.storage.needs_sync)

    def receive(self, sender: Actor, message: Message, asked: Change | None = None) -> EventResult:
        """Let a message arrive, perhaps right after somebody has asked for a change.

        Raises `Violation`, as all events do but `crash`.
        """
        event = Received(sender.node, message, sender.member)
        return self._turn([*_asking(asked), event], 0.0, self.campaigns)

    def ask_for(self, change: Change) -> EventResult:
        """Let an operator ask for a change of the membership."""
        return self._turn(_asking(change), 0.0, self.campaigns)

    def campaign(self) -> EventResult:
        """Let the election delay end."""
        return self._turn([], LATER_S, self.campaigns - 1)

    def time_out(self) -> EventResult:
        """Let the round's time limit end."""
        return self._turn([], ROUND_S, self.campaigns)

    def crash(self) -> tuple[Moment | Violation, ...]:
        """Crash the node by a kill, and by a power cut; return what comes back, if it can."""
        return self._restarts(self.parts.disk, self.campaigns, ())

    def _turn(self, events: list[Event], now: float, campaigns: int) -> EventResult:
        parts = self.parts.copy(self.now)
        try:
            report = parts.engine.turn(events, now)
        except (AssertionError, ProtocolError, StateError) as error:
            reason = f"node {self.actor.label} fails: {type(error).__name__}: {error}"
            raise Violation(Finding("program", reason, node=self.actor.node)) from error
        for sender, reason in report.misbehaved:
            fault = f"node {self.actor.label} finds fault with node {sender}: {reason}"
            raise Violation(Finding("program", fault, node=self.actor.node))
        chain = self.chain + tuple(applied.block.hash for applied in report.applied)
        after = Moment(self.bounds, self.actor, parts, chain, campaigns, now)
        if parts.written == self.parts.written:
            after.__dict__["durable"] = self.durable
        return EventResult(after, tuple(parts.outbox.sent), self._crashed(parts, campaigns))

    def _crashed(self, parts: Parts, campaigns: int) -> tuple[tuple[Moment | Violation, Sent], ...]:
        """Try the crashes in a turn, but for those that equal one after the turn."""
        if not self.bounds.crashes:
            return ()
        crashed: list[tuple[Moment | Violation, Sent]] = []
        for length, (disk, count) in parts.outbox.disks.items():
            if length != parts.disk.size(JOURNAL):
                sent = tuple(parts.outbox.sent[:count])
                crashed += [(after, sent) for after in self._restarts(disk, campaigns, sent)]
        return tuple(crashed)

    def _restarts(
        self, disk: MemoryDisk, campaigns: int, sent: Sent
    ) -> tuple[Moment | Violation, ...]:
        return tuple(self._restarted(left, campaigns, sent) for left in after_crash(disk))

    def _restarted(self, disk: MemoryDisk, campaigns: int, sent: Sent) -> Moment | Violation:
        """Restart the node; what it promised or accepted, or said it did, outlasts the crash."""
        try:
            moment = self._started(self.bounds, self.actor, disk, campaigns)
        except Violation as violation:
            return violation
        said = [message.ballot for _, message in sent if isinstance(message, Promise | Accepted)]
        promised = max([self.replica.acceptor.promised, *said])
        if moment.replica.acceptor.promised < promised:
            return self._forgets(f"promised {promised}", promised)
        accepted, found = self.replica.acceptor.accepted, moment.replica.acceptor.accepted
        if accepted is None or accepted.slot <= moment.replica.learner.height:
            return moment
        if found is None or found.ballot < accepted.ballot:
            what = f"accepted slot {accepted.slot} in {accepted.ballot}"
            return self._forgets(what, accepted.ballot)
        return moment

    def _forgets(self, what: str, ballot: Ballot) -> Violation:
        sentence = f"node {self.actor.label} forgets that it {what}"
        return Violation(Finding("acceptors", sentence, "rule A5", self.actor.node, ballot=ballot))


def _asking(change: Change | None) -> list[Event]:
    return [] if change is None else [ChangeRequested(0, change)]
