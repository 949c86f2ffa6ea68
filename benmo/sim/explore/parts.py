"""The parts of a node in an exploration: the production engine, within bounds.

Engine, replica, ledger, queue and storage are those of production; the disk is in memory. Links
are up from the start and stay so: a lost message is one that is never delivered.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from random import Random
from typing import Any

from benmo.engine.engine import Engine, Limits
from benmo.errors import StateError
from benmo.ledger.blocks import encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.payment_queue import PaymentQueue
from benmo.ledger.transfers import Run
from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import Heartbeat, Message
from benmo.paxos.replica import Replica
from benmo.paxos.types import Ballot, Change, NodeId, Settings, Tenure
from benmo.sim.disk import MemoryDisk
from benmo.sim.explore.snapshot import ROUND_S, copied
from benmo.storage.journal import NodeState
from benmo.storage.node_storage import JOURNAL, NodeStorage

Sent = tuple[tuple[NodeId, Message], ...]
"""Receivers and messages, in the order of sending."""

_CLUSTER = "e" * 32
_BALANCE = 100
_LIMITS = Limits(block_transfers_max=1)
_DELAY_S = 8 * ROUND_S


@dataclass(frozen=True, slots=True)
class Bounds:
    """The size of the explored system.

    Nodes 1 to `leaders` may campaign, `campaigns` times each, and have `slots` transfers queued;
    `crashes` counts those of all nodes together. Nothing is proposed above slot `slots`, and a
    block holds one transfer.
    """

    nodes: int = 3
    leaders: int = 2
    slots: int = 2
    crashes: int = 1
    campaigns: int = 1
    tenure: Tenure = Tenure.STABLE
    forwarding: bool = True
    """Whether queues are forwarded to a stable leader; if not, those messages are all lost."""

    @property
    def ids(self) -> tuple[NodeId, ...]:
        return tuple(range(1, self.nodes + 1))

    def settings(self, node: NodeId) -> Settings:
        """Make a node's settings: without heartbeats, and with every wait longer than a round."""
        delay = (_DELAY_S, _DELAY_S)
        return Settings(node, numbered_member(node), self.tenure, delay, ROUND_S, inf, _DELAY_S)


class _Highest(Random):
    """Always draws the upper end: the exploration chooses when a delay is over."""

    def uniform(self, a: float, b: float) -> float:
        return b


_CHANCE = _Highest()


class _BoundedPool(PaymentQueue):
    """A queue from which nothing is proposed above the last slot of the exploration."""

    def __init__(self, bounds: Bounds, node: NodeId, ledger: Ledger, queue: Run) -> None:
        transfers_max = _LIMITS.block_transfers_max
        member, limit = numbered_member(node), _LIMITS.queue_limit
        super().__init__(node, member, ledger, encode_block, limit, transfers_max, queue)
        self._bounds = bounds

    def front(self) -> int:
        return super().front() if self._goes_on() else 0

    def ready(self) -> bool:
        return self._goes_on() and super().ready()

    def forward(self, ballot: Ballot, again: bool) -> list[Run | Change]:
        if not (self._bounds.forwarding and self._goes_on()):
            return []
        return super().forward(ballot, again)

    def _goes_on(self) -> bool:
        return self._ledger.height < self._bounds.slots


class _BoundedEngine(Engine):
    """The production engine with a bounded queue."""

    def __init__(
        self, bounds: Bounds, node: NodeId, state: NodeState, storage: NodeStorage, outbox: Outbox
    ) -> None:
        settings = bounds.settings(node)
        super().__init__(settings, _LIMITS, state, storage, outbox, _CHANCE, 0.0)
        self.queue = _BoundedPool(bounds, node, self.ledger, state.queue)
        self.replica = Replica(settings, state.durable, self.queue, _CHANCE, 0.0)


class Outbox:
    """A transport that keeps each message but heartbeats, and the disk as it was meanwhile."""

    def __init__(self, disk: MemoryDisk) -> None:
        self.sent: list[tuple[NodeId, Message]] = []
        self.disks: dict[int, tuple[MemoryDisk, int]] = {}
        """By the journal's length: the disk then, and the number of messages sent until it grew."""
        self._disk = disk

    def is_full(self, _to: NodeId) -> bool:
        return False

    def send(self, to: NodeId, message: Message) -> None:
        if isinstance(message, Heartbeat):
            return
        self.sent.append((to, message))
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
    def opened(cls, bounds: Bounds, node: NodeId, disk: MemoryDisk) -> Parts:
        """Make a node on this disk, not started yet. Raises `StateError`."""
        storage, state = NodeStorage.open(disk, _CLUSTER, node, numbered_member(node))
        outbox = Outbox(disk)
        return cls(_BoundedEngine(bounds, node, state, storage, outbox), storage, disk, outbox)

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


def create(bounds: Bounds, node: NodeId) -> MemoryDisk:
    """Make the disk of a new node."""
    disk = MemoryDisk()
    founded = Ledger(dict.fromkeys(bounds.ids, _BALANCE))
    NodeStorage.create(disk, _CLUSTER, node, numbered_member(node), founded)
    return disk


def after_crash(disk: MemoryDisk) -> tuple[MemoryDisk, MemoryDisk]:
    """Make the disks after a kill and after a power cut: unsynced bytes are there, or lost."""
    return (disk.copy(), disk.after_power_cut())


def recovered(disk: MemoryDisk, node: NodeId) -> object:
    """Recover this disk as a start does, into a form that can be compared."""
    try:
        _, state = NodeStorage.open(disk.copy(), _CLUSTER, node, numbered_member(node))
    except StateError as error:
        return str(error)
    money = (tuple(state.ledger.balances.items()), tuple(state.ledger.last.items()))
    return (state.durable, state.queue, money)
