"""One turn of the node: event → step → durable → send → apply → answer → write what may wait.

The engine knows no sockets, no files, no clock: it is given a `Storage`, a `Transport` and the
time. It runs in one thread, its caller's; a turn waits for nothing but the disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from math import inf
from random import Random
from typing import assert_never

from benmo.engine.admitting import admit
from benmo.engine.events import (
    ChangeAnswer,
    ChangeRequested,
    Event,
    Hurried,
    LinkChanged,
    ReadRequested,
    Received,
    Report,
    Submitted,
)
from benmo.engine.surroundings import DiskWait, Limits, Storage, Tape, Transport
from benmo.ledger.blocks import AppliedBlock, Block, encode_block
from benmo.ledger.payment_keys import KeyIndex, MemoryKeyIndex, PaymentKeys
from benmo.ledger.payment_queue import PaymentQueue
from benmo.paxos.membership import Membership
from benmo.paxos.messages import Accept, Accepted, Blocks, Message
from benmo.paxos.replica import Replica
from benmo.paxos.step import DecideRecord, Step
from benmo.paxos.types import Ballot, NodeId, PaxosBlock, ProtocolError, Settings
from benmo.storage.journal import JournalRecord, NodeState, QueueRecord

_RECENT_KEYS_MAX = 10_000
"""A checkpoint moves the keys of decided transfers into their index: not too many in one turn."""


def _discard(_report: Report) -> None:
    """Publish nothing: the caller uses the report that the turn returns."""


class Engine:
    """A replica, a ledger and a queue over a storage and a transport.

    An `OSError` or `StateError` of the storage passes through: the engine's owner must end at once.
    """

    def __init__(
        self,
        settings: Settings,
        limits: Limits,
        state: NodeState,
        storage: Storage,
        transport: Transport,
        random: Random,
        now: float,
        key_index: KeyIndex | None = None,
    ) -> None:
        self.settings = settings
        self.ledger = state.ledger
        self.queue = PaymentQueue(
            settings.node,
            settings.member,
            state.ledger,
            encode_block,
            limits.queue_limit,
            limits.block_transfers_max,
            state.queue,
        )
        self.keys = PaymentKeys(settings.node, key_index or MemoryKeyIndex(), storage)
        self.replica = Replica(settings, state.durable, self.queue, random, now)
        self.tape: Tape | None = None
        """Records what this engine does, while somebody wants that."""
        self._limits = limits
        self._storage = storage
        self._transport = transport
        self._records: list[JournalRecord] = []
        self._must_sync = False
        """Whether a record other than a usual decision isn't durable yet: messages wait for it."""
        self._has_queued = False
        """Whether the queue has grown since the replica was last told."""
        self._queued_end = self.queue.own.end
        """The number after the last transfer of this node that is recorded."""
        self._outbox: list[tuple[NodeId, Message]] = []
        """The messages that leave once all records so far are durable."""
        self._decided: list[tuple[PaxosBlock, Ballot]] = []
        """The decided blocks that the ledger has yet to apply, and in which ballots, if known."""
        self._wanted: dict[NodeId, int] = {}
        """By peer, the first slot of the blocks to send to it."""

    def start(self) -> None:
        """Write the recovered state anew; called once, before the first turn.

        After a failed fsync the operating system may hold as clean what never reached the disk: a
        later fsync of the same file succeeds and writes nothing. So a process does not build on
        bytes that an earlier process wrote, however that one ended.
        """
        self.keys.recover(self.queue.own)
        self.checkpoint()

    @property
    def deadline(self) -> float:
        """When the next turn is due, if no event comes before; in seconds."""
        return self.replica.deadline

    def turn(
        self, events: Iterable[Event], now: float, publish: Callable[[Report], None] = _discard
    ) -> Report:
        """Process these events and all that is due at `now`, until nothing is left to do.

        `now` is in seconds and never goes back. `publish` gets the report as soon as users may see
        it, before the records that can wait are written; the same report is returned.
        """
        turn = self.turn_in_parts(events, now, publish)
        while True:
            try:
                wait = next(turn)
            except StopIteration as end:
                report: Report = end.value
                return report
            wait()

    def turn_in_parts(
        self, events: Iterable[Event], now: float, publish: Callable[[Report], None]
    ) -> Generator[DiskWait, None, Report]:
        """Do the same as `turn`, but leave each wait for the disk to the caller.

        The caller waits, in any thread, before it goes on with the turn. Meanwhile it may read the
        engine's state, but for `keys`, and blocks; what isn't durable yet must not be shown.
        """
        report = Report()
        inbox: deque[Event] = deque(events)
        is_due = True
        while inbox or is_due:
            is_due = self._process(inbox, now, report)
            yield from self._make_durable()
            self._send_outbox(inbox)
            self._apply_decided(report)
            self._send_wanted_blocks()
        if self.tape is not None:
            self.tape.told(report)
        publish(report)
        yield from self._write_postponed()
        return report

    @property
    def membership(self) -> Membership:
        """The members that vote for the slot after the last applied block."""
        return self.ledger.membership

    @property
    def retired_in(self) -> int | None:
        """The slot whose block has retired this member; None if none has. See `may_leave`."""
        own = self.membership.find(self.settings.member)
        return None if own is None else own.until

    def may_leave(self, told_by: Collection[NodeId]) -> bool:
        """Whether this member is retired, and a quorum of those that vote now knows that.

        `told_by` are the nodes that have said so; others are known by their heights. Until then
        this process goes on: it may be the only one that has the block with the change. Where the
        chain isn't that far, those count of which it says that they vote.
        """
        slot, reachability = self.retired_in, self.replica.reachability
        return reachability.has_quorum_at(inf if slot is None else slot, told_by)

    def may_decide(self, message: Accepted, votes: int) -> bool:
        """Whether `votes` more accept votes, `message` among them, may decide the proposal."""
        return self.replica.leader.may_decide(message, votes)

    def checkpoint(self) -> None:
        """Replace the journal by a durable checkpoint: at a size limit, and at a clean stop."""
        self._storage.checkpoint(self.replica.durable, self.ledger, self.queue.own)
        self.keys.checkpoint(self.ledger.height, self.ledger.head)

    def _process(self, inbox: deque[Event], now: float, report: Report) -> bool:
        """Process the inbox and what is due; True if more is due, but a sync must come first.

        The sync comes first if messages may be waiting for it while decided blocks are yet to be
        applied: the messages leave before the blocks are applied and the timer runs.
        """
        while True:
            if inbox:
                self._apply_decided(report)
                self._dispatch(inbox.popleft(), now, inbox, report)
            elif self._has_queued:
                self._apply_decided(report)
                self._tell_queued(now, inbox, report)
            elif self.replica.deadline > now:
                return False
            elif self._must_sync and self._decided:
                return True
            else:
                self._apply_decided(report)
                if self.tape is not None:
                    self.tape.happens(None, now)
                self._perform(self.replica.on_timer(now), inbox, report)

    def _send_outbox(self, inbox: deque[Event]) -> None:
        """Send the messages that waited for the disk; those to this node go into the inbox."""
        outbox, self._outbox = self._outbox, []
        for to, message in outbox:
            if to == self.settings.node:
                inbox.append(Received(to, message, self.settings.member))
            else:
                self._transport.send(to, message)

    def _send_wanted_blocks(self) -> None:
        """Read and send the blocks that peers lack, but for a peer that has yet to read others."""
        for to in [to for to in self._wanted if not self._transport.is_full(to)]:
            self._transport.send(to, self._read(self._wanted.pop(to)))

    def _dispatch(self, event: Event, now: float, inbox: deque[Event], report: Report) -> None:
        """Pass one event to the replica or the queue, and perform the step that it leads to."""
        if self.tape is not None:
            self.tape.happens(event, now)
        match event:
            case Received(sender, message, member):
                try:
                    step = self.replica.on_message(sender, message, now, member)
                except ProtocolError as error:
                    if sender == self.settings.node:
                        raise
                    report.misbehaved.append((sender, str(error)))
                    return
            case LinkChanged(peer, up):
                step = self.replica.on_link(peer, up, now)
            case Submitted():
                self._submit(event, report)
                return
            case ReadRequested(ticket):
                step = self.replica.on_confirm(ticket, now)
            case ChangeRequested(ticket, change):
                report.change_answers.append(ChangeAnswer(ticket, self.queue.ask_for(change)))
                self._has_queued = True
                return
            case Hurried():
                self._tell_queued(now, inbox, report)
                step = self.replica.on_request(now, is_urgent=True)
            case _:
                assert_never(event)
        self._perform(step, inbox, report)

    def _submit(self, event: Submitted, report: Report) -> None:
        """Queue payments or refuse them; the replica is told once, after the rest of the inbox."""
        limit = self._limits.queue_limit
        admission = admit(event, self.keys, self.queue, limit, self.ledger.height)
        report.admissions.append(admission)
        if admission.run is not None and admission.run.amount:
            self._has_queued = True

    def _tell_queued(self, now: float, inbox: deque[Event], report: Report) -> None:
        """Tell the replica that the queue has grown, if it has."""
        if self._has_queued:
            self._has_queued = False
            self._perform(self.replica.on_request(now), inbox, report)

    def _record_queued(self) -> None:
        """Record the newly queued transfers, all in one record.

        Called before any record is made or message sent that may contain them.
        """
        queue = self.queue.own
        if queue.end > self._queued_end and queue.amount:
            self._record((QueueRecord(queue.since(self._queued_end)),))
            self._queued_end = queue.end

    def _record(self, records: Sequence[JournalRecord]) -> None:
        """Keep records until `_make_durable` writes all at once; note if one needs a sync."""
        if self.tape is not None and records:
            self.tape.recorded(records)
        for record in records:
            self._records.append(record)
            if not isinstance(record, DecideRecord) or record.block.change is not None:
                self._must_sync = True

    def _make_durable(self) -> Iterator[DiskWait]:
        """Append the records to the storage, and sync if they need it."""
        self._storage.append(self._records)
        self._records = []
        yield from self._sync()
        self._must_sync = False

    def _sync(self) -> Iterator[DiskWait]:
        if self._storage.needs_sync:
            yield self._storage.sync
            if self.tape is not None:
                self.tape.durable()

    def _write_postponed(self) -> Iterator[DiskWait]:
        """Write the records that could wait until the report was published: decisions."""
        self._storage.write()
        yield from self._sync()
        is_long = self._storage.journal_bytes > self._limits.journal_bytes_max
        if is_long or self.keys.recent_count > _RECENT_KEYS_MAX:
            yield self.checkpoint

    def _perform(self, step: Step, inbox: deque[Event], report: Report) -> None:
        """Perform a step but for its durability, which the turn ensures for many steps at once.

        Messages leave now if no earlier record awaits a sync, to be on their way while this node's
        disk is at work. An `Accept` to this node itself never waits: it leads only to one more
        record, behind all earlier ones, and to a vote that waits for all of them. So queued
        transfers and this node's vote for their block share a sync.
        """
        self._record_queued()
        self._record(step.records)
        if self.tape is not None:
            self.tape.stepped(step)
        for to, message in step.messages:
            is_own = to == self.settings.node
            if is_own and (isinstance(message, Accept) or not self._must_sync):
                inbox.append(Received(to, message, self.settings.member))
            elif self._must_sync:
                self._outbox.append((to, message))
            else:
                self._transport.send(to, message)
        report.notices.extend(step.notices)
        report.confirmations.extend(step.confirmations)
        for block in step.decided:
            self._decided.append((block, step.decided_in))
        for wanted in step.reads:
            self._wanted[wanted.to] = wanted.first_slot

    def _apply_decided(self, report: Report) -> None:
        """Apply the decided blocks to the ledger.

        Called as late as possible, so that messages leave first, but before the replica is called
        again, which relies on it.
        """
        for block, decided_in in self._decided:
            report.applied.append(self._apply(block, decided_in))
        self._decided.clear()

    def _apply(self, block: PaxosBlock, decided_in: Ballot) -> AppliedBlock:
        assert isinstance(block, Block)
        applied = self.ledger.apply(block, decided_in)
        self._storage.applied(applied)
        self.queue.on_applied()
        self.keys.applied(applied)
        return applied

    def _read(self, first_slot: int) -> Blocks:
        read = self._storage.read(first_slot, self._limits.blocks_bytes_max)
        return Blocks(tuple(applied.block for applied in read), self.ledger.height)
