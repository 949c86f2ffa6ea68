"""Makes records of what one node's engine and links do, as they do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any

import msgspec

from benmo.engine.engine import Engine
from benmo.engine.events import (
    ChangeRequested,
    Event,
    Hurried,
    LinkChanged,
    ReadRequested,
    Received,
    Report,
    Submitted,
)
from benmo.ledger.blocks import AppliedBlock
from benmo.paxos.messages import Heartbeat, Message
from benmo.paxos.notices import BlockReported, ForeignBlockReported
from benmo.paxos.step import AcceptRecord, DecideRecord, PromiseRecord, Step
from benmo.paxos.types import Ballot, NodeId
from benmo.storage.journal import JournalRecord, QueueRecord
from benmo.tape.causes import Causes
from benmo.tape.facts_of import (
    block_facts,
    change_text,
    held_block,
    message_facts,
    payments_facts,
    transfers_facts,
)
from benmo.tape.records import (
    AcceptedRecord,
    AnsweredRecord,
    AnyRecord,
    AppliedRecord,
    AskedRecord,
    DecidedRecord,
    DroppedRecord,
    DueRecord,
    DurableRecord,
    LeaderRecord,
    LinkRecord,
    MisbehavedRecord,
    NoticedRecord,
    PromisedRecord,
    QueuedRecord,
    ReceivedRecord,
    RoleRecord,
    SentRecord,
    StateRecord,
    TimerRecord,
)
from benmo.tape.replica_facts import countdowns_of, role_of, times_up
from benmo.wording import sentence

CHAIN_SHOWN = 20
"""The limit of blocks in a `StateRecord`."""

_TIMER_S = 0.001
"""A countdown that moves by less is the same one."""

Place = tuple[NodeId, int]
"""A node and the life of its process."""


class Recorder:
    """The tape of one process of a node: an `engine.Tape`, and a `LinkTape` for its links.

    place       the node, and when its process began, as a number that only grows
    clock       gives the time of a record, in seconds
    emit        takes each record
    heartbeats  says whether heartbeats are recorded that nothing comes of; they aren't by default
    after       the number of the last record of this process before these
    """

    def __init__(
        self,
        place: Place,
        engine: Engine,
        clock: Callable[[], float],
        emit: Callable[[AnyRecord], None],
        heartbeats: Callable[[], bool] = bool,
        after: int = 0,
    ) -> None:
        self._node, self._life = place
        self._engine = engine
        self._clock = clock
        self._emit = emit
        self._heartbeats = heartbeats
        self.number = after
        """The last record's."""
        self._causes = Causes(engine)
        self._pending: Callable[[], None] | None = None
        """Records the event that the engine has turned to, once something comes of it."""
        self._now = 0.0
        """The engine's time, in this turn."""
        self._frames: dict[int, str] = {}
        """By identity, the frames of messages that wait for the engine."""
        self._role = role_of(self._engine.replica)
        self._leader = engine.replica.known_leader
        self._timers: dict[str, float] = {}

    # What an engine tells its tape.

    def happens(self, event: Event | None, now: float) -> None:
        """Note that the engine turns to an event, or to what is due at `now`, its own time."""
        self._now = now
        self._end_event()
        self._causes.turns_to(event)
        match event:
            case Received():
                self._received(event)
            case Submitted(ticket, payments):
                shown = payments_facts(self._node, payments)
                self._begin(
                    AskedRecord, what="pay", ticket=ticket, count=len(payments), transfers=shown
                )
                self._causes.asked[ticket] = self.number
            case ReadRequested(ticket):
                self._begin(AskedRecord, what="confirm", ticket=ticket)
            case ChangeRequested(ticket, change):
                self._begin(AskedRecord, what="change", ticket=ticket, change=change_text(change))
                self._causes.changes[ticket] = self.number
            case Hurried():
                self._begin(AskedRecord, what="hurry")
            case LinkChanged(peer, is_up):
                self._begin(LinkRecord, peer=peer, is_up=is_up)
            case None:
                self._due(now)

    def recorded(self, records: Sequence[JournalRecord]) -> None:
        """Note records that the engine will make durable."""
        self._settle()
        causes = self._causes
        causes.step_begins()
        for record in records:
            match record:
                case PromiseRecord(ballot):
                    self._put(PromisedRecord, ballot=ballot)
                case AcceptRecord(proposal):
                    facts = block_facts(proposal.block)
                    self._put(AcceptedRecord, ballot=proposal.ballot, block=facts)
                case DecideRecord(block, ballot):
                    causes.decided[block.slot] = causes.now
                    self._put(DecidedRecord, ballot=ballot, block=block_facts(block))
                case QueueRecord(run):
                    shown = transfers_facts(run)
                    asked, count = causes.queued, len(run)
                    self._put(
                        QueuedRecord, cause=asked, first=run.first, count=count, transfers=shown
                    )
            causes.kept = causes.queued if isinstance(record, QueueRecord) else causes.now

    def stepped(self, step: Step) -> None:
        """Note what a step of the replica says, and what it leads to once the disk is done."""
        self._causes.step_begins()
        for notice in step.notices:
            fields: dict[str, Any] = msgspec.to_builtins(notice)
            is_report = isinstance(notice, BlockReported | ForeignBlockReported)
            ballot = self._engine.replica.leader.ballot if is_report else Ballot.ZERO
            what, text = type(notice).__name__, sentence(notice)
            self._put(NoticedRecord, what=what, fields=fields, text=text, ballot=ballot)
        self._compare()
        is_answered = any(not isinstance(message, Heartbeat) for _, message in step.messages)
        is_wanted = step.reads or step.confirmations or self._causes.going_on() is not None
        if is_answered or is_wanted:
            self._settle()
        self._causes.step_ends(step)
        self._pending = None  # or else nothing came of it

    def durable(self) -> None:
        """Note that all records so far are on the disk."""
        self._put(DurableRecord, cause=self._causes.kept, upto=self.number)

    def told(self, report: Report) -> None:
        """Note the answers and the applied blocks of a turn."""
        self._end_event()
        causes = self._causes
        is_known = len(causes.refused) == len(report.misbehaved)
        for place, (peer, reason) in enumerate(report.misbehaved):
            cause = causes.refused[place] if is_known else 0
            self._put(MisbehavedRecord, cause=cause, peer=peer, reason=reason)
        for admission in report.admissions:
            outcome = "refused" if admission.run is None else "queued"
            if admission.run is not None and not len(admission.run) and admission.known:
                outcome = "known"
            self._answered(causes.asked, admission.ticket, outcome, reason=admission.reason)
        for answer in report.change_answers:
            outcome = "refused" if answer.reason else "queued"
            self._answered(causes.changes, answer.ticket, outcome, reason=answer.reason)
        for confirmation in report.confirmations:
            height = confirmation.height
            self._answered(causes.confirmed, confirmation.ticket, "confirmed", height=height)
        for applied in report.applied:
            self._applied(applied)
        self._compare()
        causes.turn_ends()

    # What links tell their tape.

    def arrived(self, message: Message, frame: str) -> None:
        """Note by which frame a message came, before the engine turns to it."""
        self._frames[id(message)] = frame

    def sent(self, to: NodeId, message: Message, frame: str, late_s: float) -> None:
        """Note that a message leaves in a frame, `late_s` seconds later than it could have."""
        cause = self._causes.of_message(to, message, is_late=late_s > 0)
        if not isinstance(message, Heartbeat) or self._heartbeats():
            facts, late_ms = message_facts(message), round(1000 * late_s, 1)
            self._put(SentRecord, cause=cause, to=to, message=facts, frame=frame, late_ms=late_ms)

    def dropped(self, to: NodeId, message: Message, why: str, frame: str = "") -> None:
        """Note that a message is lost: its link is down or severed, or the network loses it."""
        cause = self._causes.of_message(to, message, is_late=why == "down")
        if not isinstance(message, Heartbeat) or self._heartbeats():
            facts = message_facts(message)
            self._put(DroppedRecord, cause=cause, to=to, message=facts, why=why, frame=frame)

    # The node as it is.

    def state(
        self, links: dict[NodeId, bool], chain: Sequence[AppliedBlock], engine_now: float
    ) -> None:
        """Record all that a reader needs to begin with.

        `chain` holds the last blocks, `engine_now` is the engine's time.
        """
        engine, replica = self._engine, self._engine.replica
        due = replica.election.deadline
        self._put(
            StateRecord,
            cause=0,
            role=role_of(replica),
            ballot=replica.leader.ballot,
            promised=replica.durable.promised,
            accepted=held_block(replica.durable.accepted),
            height=engine.ledger.height,
            chain=tuple(block_facts(each.block) for each in chain[-CHAIN_SHOWN:]),
            balances=dict(engine.ledger.balances),
            queue=len(engine.queue.own),
            links=links,
            leader=replica.known_leader,
            members=engine.membership.nodes,
            due_s=None if due == inf else due - engine_now,
            member=engine.settings.member,
        )

    def goes_on_with(self, engine: Engine) -> None:
        """Take a copy of the engine for the node, as of an event; its time begins anew."""
        self._engine = self._causes.engine = engine
        self._timers = countdowns_of(self._engine.replica)

    # How records are made.

    def _put(self, kind: type[AnyRecord], cause: int | None = None, **fields: Any) -> None:
        self._settle()
        self.number += 1
        self._emit(
            kind(
                node=self._node,
                life=self._life,
                number=self.number,
                time=self._clock(),
                cause=self._causes.now if cause is None else cause,
                **fields,
            )
        )

    def _begin(self, kind: type[AnyRecord], cause: int = 0, **fields: Any) -> None:
        """Record an event, which is the cause of what follows."""
        self._put(kind, cause=cause, **fields)
        self._causes.now = self.number

    def _answered(self, causes: dict[int, int], ticket: int, outcome: str, **fields: Any) -> None:
        cause = causes.get(ticket, 0)
        self._put(AnsweredRecord, cause=cause, ticket=ticket, outcome=outcome, **fields)

    def _end_event(self) -> None:
        """Note what nothing came of, or that the engine has refused a message."""
        if self._causes.is_refused:
            self._settle()
            self._causes.note_refused()
        self._pending = None

    def _settle(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            pending()

    def _received(self, event: Received) -> None:
        message, sender = event.message, event.sender
        frame = self._frames.pop(id(message), "")
        is_own = sender == self._node
        cause = self._causes.of_message(sender, message) if is_own else 0

        def begin() -> None:
            facts = message_facts(message)
            self._begin(ReceivedRecord, cause=cause, sender=sender, message=facts, frame=frame)

        if isinstance(message, Heartbeat) and not self._heartbeats():
            self._pending = begin
        else:
            begin()

    def _due(self, now: float) -> None:
        """Note which times are up, unless the node goes on with what it was about."""
        what = times_up(self._engine.replica, now)
        if what:
            self._begin(DueRecord, what=what)
        elif self._engine.deadline > -inf:
            self._pending = partial(self._begin, DueRecord, what=("heartbeat",))

    def _applied(self, applied: AppliedBlock) -> None:
        engine = self._engine
        self._put(
            AppliedRecord,
            cause=self._causes.decided.pop(applied.block.slot, 0),
            slot=applied.block.slot,
            balances=dict(engine.ledger.balances),
            queue=len(engine.queue.own),
            refused=len(applied.refused),
            skipped=len(applied.skipped),
            members=() if applied.block.change is None else engine.membership.nodes,
        )

    def _compare(self) -> None:
        """Record what has changed in the node's role, its leader and its countdowns."""
        replica = self._engine.replica
        role = role_of(replica)
        if role != self._role:
            was, self._role = self._role, role
            self._put(RoleRecord, was=was, now=role, ballot=replica.leader.ballot)
        if replica.known_leader != self._leader:
            self._leader = replica.known_leader
            self._put(LeaderRecord, ballot=self._leader)
        for what, due in countdowns_of(replica).items():
            before = self._timers.get(what, inf)
            if due != before and not abs(due - before) < _TIMER_S:
                self._timers[what] = due
                left = None if due == inf else self._clock() + due - self._now
                self._put(TimerRecord, what=what, due=left)
