"""One turn of the node: event → step → durable → send → apply → answer → write what may wait.

The engine knows no sockets, no files, no clock: it is given a `Storage`, a `Transport` and the
time. It runs in whatever owns it, in one thread; a turn doesn't wait for anything but the disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol, assert_never

from benmo.engine.events import (
    Admission,
    Asked,
    Event,
    Hurried,
    LinkChanged,
    Received,
    Report,
    Submitted,
)
from benmo.errors import Refused
from benmo.ledger.blocks import AppliedBlock, encode_block
from benmo.ledger.blocks import Block as LedgerBlock
from benmo.ledger.ledger import Ledger
from benmo.ledger.payment_keys import KeyIndex, Keys, MemoryKeyIndex
from benmo.ledger.payment_queue import Pool
from benmo.ledger.transfers import Run
from benmo.paxos.messages import Accept, Blocks, Message
from benmo.paxos.replica import Replica
from benmo.paxos.step import DecideRecord, Step
from benmo.paxos.types import Block, Durable, NodeId, ProtocolError, Settings
from benmo.storage.journal import NodeState, QueueRecord, Record


class Transport(Protocol):
    """Carries messages; may lose, double, delay and reorder them, but not alter them."""

    def send(self, to: NodeId, message: Message) -> None:
        """Send to another node if that is possible now; else the message is lost."""


class Storage(Protocol):
    """The durable state of one node: see `benmo.storage.node_storage.Storage`."""

    @property
    def journal_bytes(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def needs_sync(self) -> bool: ...

    def append(self, records: Sequence[Record]) -> None: ...

    def write(self) -> None: ...

    def sync(self) -> None: ...

    def applied(self, block: AppliedBlock) -> None: ...

    def read(self, first_slot: int, bytes_max: int) -> list[AppliedBlock]: ...

    def checkpoint(self, durable: Durable, ledger: Ledger, queue: Run) -> None: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes that bound memory and messages."""

    log_limit: int = 10
    journal_bytes_max: int = 4 << 20
    blocks_bytes_max: int = 1 << 20
    block_transfers_max: int = 20_000


def _to_nobody(_report: Report) -> None:
    """For whoever looks at what a turn returns."""


class Engine:
    """A replica, a ledger and a queue over a storage and a transport.

    An `OSError` or `StateError` of the storage passes through: the owner is to end at once.
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
        self.pool = Pool(
            settings.node,
            state.ledger,
            encode_block,
            limits.log_limit,
            limits.block_transfers_max,
            state.queue,
        )
        self.keys = Keys(settings.node, key_index or MemoryKeyIndex(), storage)
        self.replica = Replica(settings, state.durable, self.pool, random, now)
        self._limits = limits
        self._storage = storage
        self._transport = transport
        self._records: list[Record] = []
        self._must_sync = False
        """Whether one of them, in which a promise may rest, isn't durable."""
        self._has_queued = False
        """Whether the queue has grown and the replica doesn't know."""
        self._queued_end = self.pool.queue.end
        """The number after the last transfer of this node that is recorded."""
        self._outbox: list[tuple[NodeId, Message]] = []
        """What leaves once all that was recorded before is durable."""
        self._decided: list[Block] = []
        """What the ledger is to apply yet."""
        self._wanted: dict[NodeId, int] = {}
        """The first slot of the blocks that a peer asked for last."""

    def start(self) -> None:
        """Write anew what was recovered, before the first turn.

        After a failed fsync the operating system may hold as clean what never reached the disk: a
        later fsync of the same file succeeds and writes nothing. So a process does not build on
        bytes that another one wrote, however that one ended.
        """
        self.keys.recover(self.pool.queue)
        self.checkpoint()

    @property
    def deadline(self) -> float:
        """When the next turn is due, if no event comes before; in seconds."""
        return self.replica.deadline

    def turn(
        self, events: Iterable[Event], now: float, publish: Callable[[Report], None] = _to_nobody
    ) -> Report:
        """Let these events happen, and all that is due, until nothing is left to do.

        `publish` is given what that led to as soon as it may be told; what is returned is the same.
        """
        report = Report()
        inbox: deque[Event] = deque(events)
        is_due = True
        while inbox or is_due:
            is_due = self._take(inbox, now, report)
            self._make_durable()
            self._send_outbox(inbox)
            self._apply_decided(report)
            self._send_read()
        publish(report)
        self._write_the_rest()
        return report

    def checkpoint(self) -> None:
        """Make the state durable in its short form: at a size limit, and at a clean stop."""
        self._storage.checkpoint(self.replica.durable, self.ledger, self.pool.queue)
        self.keys.checkpoint(self.ledger.height, self.ledger.head)

    def _take(self, inbox: deque[Event], now: float, report: Report) -> bool:
        """Let happen what has come and what is due; True if the disk comes first for the rest.

        So it is when somebody waits for the disk: what was decided is applied after that.
        """
        while True:
            if inbox:
                self._apply_decided(report)
                self._happen(inbox.popleft(), now, inbox, report)
            elif self._has_queued:
                self._apply_decided(report)
                self._tell_queued(now, inbox, report)
            elif self.replica.deadline > now:
                return False
            elif self._must_sync and self._decided:
                return True
            else:
                self._apply_decided(report)
                self._carry_out(self.replica.on_timer(now), inbox, report)

    def _send_outbox(self, inbox: deque[Event]) -> None:
        outbox, self._outbox = self._outbox, []
        for to, message in outbox:
            if to == self.settings.node:
                inbox.append(Received(to, message))
            else:
                self._transport.send(to, message)

    def _send_read(self) -> None:
        """Send the blocks that peers asked for."""
        for to, first in self._wanted.items():
            self._transport.send(to, self._read(first))
        self._wanted.clear()

    def _happen(self, event: Event, now: float, inbox: deque[Event], report: Report) -> None:
        match event:
            case Received(sender, message):
                try:
                    step = self.replica.on_message(sender, message, now)
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
            case Asked(ticket):
                step = self.replica.on_confirm(ticket, now)
            case Hurried():
                self._tell_queued(now, inbox, report)
                step = self.replica.on_request(now, is_urgent=True)
            case _:
                assert_never(event)
        self._carry_out(step, inbox, report)

    def _submit(self, event: Submitted, report: Report) -> None:
        """The replica hears of it once, after whatever else is asked in this turn."""
        try:
            known = self.keys.known(event.payments, new_max=self._limits.log_limit)
        except Refused as error:
            report.admissions.append(Admission(event.ticket, None, str(error)))
            return
        payments = event.payments.without(known) if known else event.payments
        run = self.pool.add(payments)
        if isinstance(run, str):
            report.admissions.append(Admission(event.ticket, None, run))
            return
        if run.amount:
            self.keys.queued(run)
            self._has_queued = True
        report.admissions.append(
            Admission(event.ticket, run, known=known, height=self.ledger.height)
        )

    def _tell_queued(self, now: float, inbox: deque[Event], report: Report) -> None:
        """Let the replica know that the queue has grown, if it has."""
        if self._has_queued:
            self._has_queued = False
            self._carry_out(self.replica.on_request(now), inbox, report)

    def _record_queued(self) -> None:
        """Before anything is recorded, or leaves, in which it may be; one record for all of it."""
        queue = self.pool.queue
        if queue.end > self._queued_end and queue.amount:
            self._record((QueueRecord(queue.since(self._queued_end)),))
            self._queued_end = queue.end

    def _record(self, records: Sequence[Record]) -> None:
        """What a turn records is written at once, before it is made durable."""
        for record in records:
            self._records.append(record)
            if not isinstance(record, DecideRecord):
                self._must_sync = True

    def _make_durable(self) -> None:
        self._storage.append(self._records)
        self._records = []
        if self._storage.needs_sync:
            self._storage.sync()
        self._must_sync = False

    def _write_the_rest(self) -> None:
        """What nobody waits for."""
        self._storage.write()
        if self._storage.needs_sync:
            self._storage.sync()
        if self._storage.journal_bytes > self._limits.journal_bytes_max:
            self.checkpoint()

    def _carry_out(self, step: Step, inbox: deque[Event], report: Report) -> None:
        """Everything of a step but durability, which the turn does for many at once.

        What needs none leaves now, to be on its way while this node's disk is at work. Nor does an
        `Accept` to oneself, which leads to nothing but another record after those before it, and
        to a vote that waits for all of them: so what is queued and the vote for it share a sync.
        """
        self._record_queued()
        self._record(step.records)
        for to, message in step.messages:
            is_own = to == self.settings.node
            if is_own and (isinstance(message, Accept) or not self._must_sync):
                inbox.append(Received(to, message))
            elif self._must_sync:
                self._outbox.append((to, message))
            else:
                self._transport.send(to, message)
        report.notices.extend(step.notices)
        report.confirmations.extend(step.confirmations)
        self._decided.extend(step.decided)
        for wanted in step.reads:
            self._wanted[wanted.to] = wanted.first_slot

    def _apply_decided(self, report: Report) -> None:
        """Before the replica is called again, as it relies on that; and after others were told."""
        for block in self._decided:
            report.applied.append(self._apply(block))
        self._decided.clear()

    def _apply(self, block: Block) -> AppliedBlock:
        assert isinstance(block, LedgerBlock)
        applied = self.ledger.apply(block)
        self._storage.applied(applied)
        self.pool.on_applied()
        self.keys.applied(applied)
        return applied

    def _read(self, first_slot: int) -> Blocks:
        read = self._storage.read(first_slot, self._limits.blocks_bytes_max)
        return Blocks(tuple(applied.block for applied in read), self.ledger.height)
