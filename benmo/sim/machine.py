"""One machine: a disk, a clock, and the production engine on them while the process lives.

A machine is one directory's life, a member. Two machines may have the same node number: a node's
old machine, which may come back, and the one that replaced it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from benmo.engine.engine import Engine
from benmo.engine.events import Event, ReadRequested, Report, Submitted
from benmo.engine.surroundings import Limits
from benmo.errors import StateError
from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.messages import Heartbeat, Message
from benmo.paxos.types import MemberId, NodeId, Settings
from benmo.sim.clock import NodeClock
from benmo.sim.disk import DiskFailed, MemoryDisk, PowerCut
from benmo.sim.happenings import FailDisk
from benmo.sim.keys import MachineKeyIndex
from benmo.sim.member_names import label_of
from benmo.sim.plan import BALANCE, Plan
from benmo.storage.journal import SECTOR_BYTES, JournalRecord, NodeState
from benmo.storage.node_storage import JOURNAL, NodeStorage

_LENGTHENED_SHARE = 0.3
_REST_EVERY_S = 1.0

CLUSTER = "5" * 32
"""The id of the simulated cluster."""


@dataclass(slots=True)
class Fuse:
    """A death of the process at its `left`-th operation from now: a write, an fsync, a send.

    Heartbeats don't count: they would use the fuse up while nothing happens.
    """

    left: int
    is_power_cut: bool
    share: float


class _WatchedStorage(NodeStorage):
    """A node's storage that shows each record before it is appended."""

    on_recorded: Callable[[JournalRecord], None]

    def append(self, records: Sequence[JournalRecord]) -> None:
        for record in records:
            self.on_recorded(record)
        super().append(records)


class _NodeRandom(Random):
    """A node's chance. The numbers of its questions don't depend on its campaigns."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._numbers = Random(f"{stream}'s questions")

    def getrandbits(self, k: int) -> int:
        return self._numbers.getrandbits(k)


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of the engine: the events that went in, and the report that came out."""

    events: tuple[Event, ...]
    report: Report


@dataclass(slots=True, eq=False)
class Machine:
    """One member of a node in the world. `engine` is None while its process is dead.

    `life` counts starts and deaths: a turn that was meant for an earlier process finds another
    number.
    """

    node: NodeId
    member: MemberId
    plan: Plan
    clock: NodeClock
    on_sent: Callable[[Machine, NodeId, Message], None]
    on_recorded: Callable[[Machine, JournalRecord], None]
    on_failed: Callable[[Machine, str], None]
    disk: MemoryDisk = field(default_factory=MemoryDisk)
    engine: Engine | None = None
    storage: NodeStorage | None = None
    life: int = 0
    inbox: list[Event] = field(default_factory=list)
    is_scheduled: bool = False
    is_start_due: bool = False
    wake_at: float = 0.0
    paused_until: float = 0.0
    told_by: set[NodeId] = field(default_factory=set)
    """The nodes that have told this process that its member is retired."""
    told_up: set[NodeId] = field(default_factory=set)
    """The peers that the engine believes to be linked to it."""
    sends_not: set[NodeId] = field(default_factory=set)
    takes_not: set[NodeId] = field(default_factory=set)
    severed_until: dict[NodeId, float] = field(default_factory=dict)
    fuse: Fuse | None = None
    failing: FailDisk | None = None
    failing_left: int = 0
    full_until: float = 0.0
    full_share: float = 0.0
    true_now: float = 0.0
    rest_at: float = 0.0
    is_damaged: bool = False
    """Whether something on the disk is not as it was written. A start writes the journal and the
    checkpoint anew; damage in them that it didn't mind is gone then."""
    is_damage_in_chain: bool = False
    is_out: bool = False
    """Whether it stays down: its disk is damaged, it is retired, or the plan leaves it behind."""
    fault_counts: dict[str, int] = field(default_factory=dict)

    chance: Random = field(init=False)
    """Draws what a power cut leaves of unsynced bytes."""
    election: Random = field(init=False)
    keys: MachineKeyIndex = field(init=False)
    keys_chance: Random = field(init=False)
    """Draws what a power cut leaves of the index of keys."""

    def __post_init__(self) -> None:
        # Where nobody pays under keys, the index is empty, and a node doesn't die at it.
        self.keys = MachineKeyIndex(self._burn if self.plan.has_keys else lambda: None)
        self.keys_chance = Random(f"{self.plan.seed}/keys {self.label}")
        self.chance = Random(f"{self.plan.seed}/disk {self.label}")
        self.election = _NodeRandom(f"{self.plan.seed}/election {self.label}")

    @property
    def label(self) -> str:
        """The machine's name in traces and sentences."""
        return label_of(self.member)

    def create(self) -> None:
        """Make the member's files, as the initialize script does."""
        founded = Ledger(dict.fromkeys(self.plan.nodes, BALANCE))
        NodeStorage.create(self.disk, CLUSTER, self.node, self.member, founded)
        self.disk.before = self._before

    def start(self, now: float) -> NodeState:
        """Start the process on its disk; return what it recovered. Anything may go wrong."""
        self.true_now = now
        self.life += 1
        self.told_by.clear()
        self.told_up.clear()
        self.sends_not.clear()
        self.takes_not.clear()
        self.inbox.clear()
        self.is_scheduled = False
        storage, state = _WatchedStorage.open(self.disk, CLUSTER, self.node, self.member)
        assert isinstance(storage, _WatchedStorage)
        storage.on_recorded = partial(self.on_recorded, self)
        plan = self.plan
        settings = Settings(
            self.node,
            self.member,
            plan.tenure,
            plan.election_delay_s,
            plan.round_timeout_s,
            plan.heartbeat_s,
            decide_delay_s=plan.decide_delay_s,
            thrift_s=plan.thrift_s,
        )
        limits = Limits(
            plan.log_limit, plan.journal_bytes_max, plan.blocks_bytes_max, plan.block_transfers_max
        )
        clock = self.clock.read(now)
        engine = Engine(settings, limits, state, storage, self, self.election, clock, self.keys)
        engine.start()
        self.engine, self.storage = engine, storage
        return state

    def turn(self, shown_now: float, true_now: float, show: Callable[[Turn], None]) -> Turn:
        """Give the engine its inbox. Anything may go wrong, before `show` is called or after."""
        assert self.engine is not None
        self.true_now = true_now
        events, self.inbox = tuple(self.inbox), []

        def publish(report: Report) -> None:
            show(Turn(events, report))

        report = self.engine.turn(events, shown_now, publish)
        self._rest()
        return Turn(events, report)

    def _rest(self) -> None:
        """Do what a node does about once a second; a turn comes as often, by the heartbeats."""
        assert self.storage is not None
        if self.true_now >= self.rest_at:
            self.rest_at = self.true_now + _REST_EVERY_S
            if self.storage.has_rested():
                self.storage.note_synced()

    def die(self, is_power_cut: bool) -> None:
        """End the process; with a power cut, lose what was not synced."""
        self.engine = self.storage = None
        self.life += 1
        self.fuse = None
        self.inbox.clear()
        self.is_scheduled = False
        self.told_by.clear()
        self.told_up.clear()
        self.paused_until = 0.0
        if is_power_cut:
            self.disk = self.disk.after_power_cut(self.chance)
            self.disk.before = self._before
            self.keys.lose_power(self.keys_chance)
        if self.chance.random() < _LENGTHENED_SHARE:
            self.disk.lengthen(JOURNAL, int(self.chance.random() * 3 * SECTOR_BYTES))

    def mend(self) -> None:
        """End all faults of this machine."""
        self.fuse = self.failing = None
        self.full_until = self.paused_until = 0.0
        self.sends_not.clear()
        self.takes_not.clear()

    def is_full(self, _to: NodeId) -> bool:
        return False

    def send(self, to: NodeId, message: Message) -> None:
        """The engine's transport."""
        if not isinstance(message, Heartbeat):
            self._burn()
        if to not in self.sends_not:
            self.on_sent(self, to, message)

    def whole_chain(self) -> list[AppliedBlock]:
        """Read every block that a reader of the disk finds."""
        storage, _ = NodeStorage.open(self.disk.copy(), CLUSTER, self.node, self.member)
        blocks: list[AppliedBlock] = []
        while len(blocks) < storage.height:
            blocks += storage.read(len(blocks) + 1, 1 << 20)
        return blocks

    @property
    def queue(self) -> Run:
        """The queue of a living node; an empty one if the node is dead."""
        return self.engine.queue.own if self.engine is not None else Run(self.node, 1, (), ())

    def _before(self, operation: str, _name: str) -> None:
        self._burn()
        if operation == "append" and self.true_now < self.full_until:
            raise DiskFailed(errno.ENOSPC, "No space left on device", self.full_share)
        failing = self.failing
        if failing is not None and operation == failing.operation:
            self.failing_left -= 1
            if self.failing_left <= 0:
                self.failing = None
                self._count(f"failed: {operation}")
                self.on_failed(self, operation)
                raise DiskFailed(errno.EIO, "Input/output error", failing.share)

    def _burn(self) -> None:
        if self.fuse is not None:
            self.fuse.left -= 1
            if self.fuse.left <= 0:
                raise PowerCut(self.fuse.share)

    def _count(self, what: str) -> None:
        self.fault_counts[what] = self.fault_counts.get(what, 0) + 1


def height_of(machine: Machine, disk: MemoryDisk) -> int:
    """Read how high a chain is on a disk of a machine; 0 if it is damaged."""
    try:
        _, state = NodeStorage.open(disk.copy(), CLUSTER, machine.node, machine.member)
    except StateError:
        return 0
    return state.ledger.height


def submitted(events: Iterable[Event]) -> list[Submitted]:
    """Pick the events in which somebody wants to pay."""
    return [event for event in events if isinstance(event, Submitted)]


def asked(events: Iterable[Event]) -> list[ReadRequested]:
    """Pick the events in which somebody asks how far the chain may be."""
    return [event for event in events if isinstance(event, ReadRequested)]
