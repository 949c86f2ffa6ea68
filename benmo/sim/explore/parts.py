"""The parts of a node in an exploration: the production engine, within bounds.

Engine, replica, ledger, queue and storage are those of production; the disk is in memory. Links
are up from the start and stay so: a lost message is one that is never delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from benmo.engine.engine import Engine
from benmo.engine.surroundings import Limits
from benmo.errors import StateError
from benmo.ledger.blocks import encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.payment_queue import PaymentQueue
from benmo.ledger.transfers import Payments, Run
from benmo.paxos.messages import Heartbeat, Message
from benmo.paxos.replica import Replica
from benmo.paxos.types import Ballot, Change, NodeId
from benmo.sim.disk import MemoryDisk
from benmo.sim.explore.bounds import Actor, Bounds
from benmo.sim.explore.snapshot import copied
from benmo.storage.journal import NodeState
from benmo.storage.node_storage import JOURNAL, NodeStorage

Sent = tuple[tuple[NodeId, Message], ...]
"""Receivers and messages, in the order of sending."""

_CLUSTER = "e" * 32
_LIMITS = Limits(block_transfers_max=1)


class _Highest(Random):
    """Always draws the upper end: the exploration chooses when a delay is over."""

    def uniform(self, a: float, b: float) -> float:
        return b


_CHANCE = _Highest()


class _BoundedPool(PaymentQueue):
    """A queue from which nothing is proposed above the last slot of the exploration.

    A member that may campaign has transfers in its queue as soon as it votes. No change is proposed
    for the last slot.
    """

    def __init__(self, bounds: Bounds, actor: Actor, ledger: Ledger, queue: Run) -> None:
        self._bounds = bounds
        transfers_max, limit = _LIMITS.block_transfers_max, _LIMITS.queue_limit
        super().__init__(*actor, ledger, encode_block, limit, transfers_max, queue)

    def front(self) -> int:
        return super().front() if self._goes_on() else 0

    def ready(self) -> bool:
        return self._goes_on() and super().ready()

    def forward(self, ballot: Ballot, again: bool) -> list[Run | Change]:
        if not (self._bounds.forwards and self._goes_on()):
            return []
        return super().forward(ballot, again)

    def _goes_on(self) -> bool:
        return self._ledger.height < self._bounds.slots

    def _next_change(self) -> Change | None:
        return super()._next_change() if self._ledger.height + 1 < self._bounds.slots else None

    def _on_membership(self) -> None:
        super()._on_membership()
        is_voter = self.membership.is_voter(self._member)
        if is_voter and self._bounds.may_lead(self.node) and not len(self._own):
            payments = Payments.of(*((1 if self.node > 1 else 2, 1),) * self._bounds.slots)
            assert isinstance(self.add(payments), Run)


class _BoundedEngine(Engine):
    """The production engine with a bounded queue."""

    def __init__(
        self, bounds: Bounds, actor: Actor, state: NodeState, storage: NodeStorage, outbox: Outbox
    ) -> None:
        settings = bounds.settings(actor)
        super().__init__(settings, _LIMITS, state, storage, outbox, _CHANCE, 0.0)
        self.queue = _BoundedPool(bounds, actor, self.ledger, state.queue)
        self._queued_end = self.queue.own.end  # `start` writes it all
        self.replica = Replica(settings, state.durable, self.queue, _CHANCE, 0.0)


class Outbox:
    """A transport that keeps each message but heartbeats, and the disk as it was meanwhile."""

    def __init__(self, disk: MemoryDisk) -> None:
        self.sent: list[tuple[NodeId, Message]] = []
        self.disks: dict[int, tuple[MemoryDisk, int]] = {}
        """By the journal's length: the disk then, and the number of messages sent until it grew."""
        self._disk = disk
        self.on_send: Callable[[NodeId, Message], None] | None = None
        """Is told of each message that is sent."""

    def is_full(self, _to: NodeId) -> bool:
        return False

    def send(self, to: NodeId, message: Message) -> None:
        if isinstance(message, Heartbeat):
            return
        self.sent.append((to, message))
        if self.on_send is not None:
            self.on_send(to, message)
        length = self._disk.size(JOURNAL)
        known = self.disks.get(length)
        disk = known[0] if known is not None else self._disk.copy()
        self.disks[length] = (disk, len(self.sent))


@dataclass(frozen=True, slots=True)
class Parts:
    """The live objects of one node."""

    engine: Engine
    storage: NodeStorage
    disk: MemoryDisk
    outbox: Outbox

    @classmethod
    def opened(cls, bounds: Bounds, actor: Actor, disk: MemoryDisk) -> Parts:
        """Make a node on this disk, not started yet. Raises `StateError`."""
        storage, state = NodeStorage.open(disk, _CLUSTER, *actor)
        outbox = Outbox(disk)
        return cls(_BoundedEngine(bounds, actor, state, storage, outbox), storage, disk, outbox)

    def copy(self, now: float) -> Parts:
        """Copy the parts as of `now`, which becomes zero, with an empty outbox."""
        known: dict[int, Any] = {}
        disk = copied(self.disk, now, known)
        outbox = Outbox(disk)
        known[id(self.outbox)] = outbox
        engine = copied(self.engine, now, known)
        return Parts(engine, known[id(self.storage)], disk, outbox)

    @property
    def written(self) -> tuple[int, bool]:
        """A value that changes with every line that is written or made durable."""
        return (self.storage.journal_bytes, self.storage.needs_sync)


def create(bounds: Bounds, actor: Actor) -> MemoryDisk:
    """Make the disk of a new member."""
    disk = MemoryDisk()
    founded = Ledger({node: bounds.balance(node) for node in bounds.ids})
    NodeStorage.create(disk, _CLUSTER, *actor, founded)
    return disk


def after_crash(disk: MemoryDisk) -> tuple[MemoryDisk, MemoryDisk]:
    """Make the disks after a kill and after a power cut: unsynced bytes are there, or lost."""
    return (disk.copy(), disk.after_power_cut())


def recovered(disk: MemoryDisk, actor: Actor) -> object:
    """Recover this disk as a start does, into a form that can be compared."""
    try:
        _, state = NodeStorage.open(disk.copy(), _CLUSTER, *actor)
    except StateError as error:
        return str(error)
    ledger = state.ledger
    money = (tuple(ledger.balances.items()), tuple(ledger.last.items()))
    return (state.durable, state.queue, money, ledger.membership)
