"""Five nodes on five continents, by simulation: production engines on a simulated clock.

Round trips are the averages between regions of one public cloud (the table "Latency Between AWS
Global Regions", 2017; others measure the same within a tenth). A disk takes `DISK_S` for what is to
be durable. Computing takes no time: on these distances it is less than a hundredth of the rest.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from random import Random
from statistics import median

from benmo.bench.figures import DistanceFigures
from benmo.cluster import DECIDE_DELAY_S, THRIFT_S
from benmo.engine.engine import Engine, Limits
from benmo.engine.events import Event, Hurried, LinkChanged, Received, Submitted
from benmo.ledger.transfers import Payments
from benmo.paxos.messages import Message
from benmo.paxos.types import NodeId, Settings, Tenure
from benmo.sim.disk import MemoryDisk
from benmo.storage.node_storage import Storage

REGIONS = ("N. Virginia", "Frankfurt", "Tokyo", "Sydney", "São Paulo")
ROUND_TRIPS_MS = {
    (1, 2): 88.6,
    (1, 3): 145.3,
    (1, 4): 229.9,
    (1, 5): 119.5,
    (2, 3): 236.5,
    (2, 4): 323.4,
    (2, 5): 194.9,
    (3, 4): 103.9,
    (3, 5): 256.8,
    (4, 5): 322.5,
}
DISK_S = 0.001
BATCH = 20_000
"""As many as fit into a block."""

_CLUSTER = "continents"
_BALANCE = 2**40
_LOG_LIMIT = 1_000_000
_PAYMENTS = 20
_DEADLINE_S = 3600.0


class _Disk(MemoryDisk):
    """Counts what is made durable."""

    def __init__(self) -> None:
        super().__init__()
        self.syncs = 0

    def sync(self, name: str) -> None:
        super().sync(name)
        self.syncs += 1


class _Node:
    """An engine, and what waits for it while its disk is at work."""

    def __init__(self, world: World, node: NodeId, tenure: Tenure) -> None:
        self._world = world
        self._disk = _Disk()
        nodes = tuple(range(1, len(REGIONS) + 1))
        Storage.create(self._disk, _CLUSTER, node, dict.fromkeys(nodes, _BALANCE))
        storage, state = Storage.open(self._disk, _CLUSTER, node)
        settings = Settings(
            node, nodes, tenure, (0.0, 0.0), decide_delay_s=DECIDE_DELAY_S, thrift_s=THRIFT_S
        )
        limits = Limits(log_limit=_LOG_LIMIT)
        self._sent: list[tuple[int, NodeId, Message]] = []
        self.engine = Engine(settings, limits, state, storage, self, Random(node), world.now)
        self.engine.start()
        self.node = node
        self._inbox: list[Event] = []
        self._free_at = world.now
        self._is_due_at = float("inf")

    def send(self, to: NodeId, message: Message) -> None:
        """The engine's transport: what leaves after a sync leaves so much later."""
        self._sent.append((self._disk.syncs, to, message))

    def take(self, *events: Event) -> None:
        self._inbox += events
        self._world.at(max(self._world.now, self._free_at), self._turn)

    def _turn(self) -> None:
        world = self._world
        if world.now < self._free_at:
            world.at(self._free_at, self._turn)
            return
        if not self._inbox and self.engine.deadline > world.now:
            return
        before = self._disk.syncs
        events, self._inbox = self._inbox, []
        report = self.engine.turn(events, world.now)
        for syncs, to, message in self._sent:
            leaves_at = world.now + (syncs - before) * DISK_S
            world.deliver(self.node, to, message, leaves_at)
        self._sent = []
        self._free_at = world.now + (self._disk.syncs - before) * DISK_S
        if report.applied:
            world.at(self._free_at, world.watch)
        if self.engine.deadline != self._is_due_at:
            self._is_due_at = self.engine.deadline
            world.at(max(self._is_due_at, self._free_at), self._turn)


class World:
    """Time, and the distances between the nodes."""

    def __init__(self, tenure: Tenure) -> None:
        self.now = 1000.0
        self.watch: Callable[[], None] = lambda: None
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._tickets = itertools.count(1)
        self.nodes = {node: _Node(self, node, tenure) for node in range(1, len(REGIONS) + 1)}
        for one, other in itertools.permutations(self.nodes, 2):
            self.nodes[one].take(LinkChanged(other, True))

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (when, next(self._numbers), what))

    def deliver(self, one: NodeId, other: NodeId, message: Message, leaves_at: float) -> None:
        round_trip_ms = ROUND_TRIPS_MS[min(one, other), max(one, other)]
        arrives_at = leaves_at + round_trip_ms / 2000
        self.at(arrives_at, lambda: self.nodes[other].take(Received(one, message)))

    def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass; the condition is looked at when something was decided, or is done."""
        end = self.now + _DEADLINE_S
        while not condition():
            self.now, _, what = heapq.heappop(self._agenda)
            assert self.now < end, "nothing is decided any more"
            what()

    def pay(self, node: NodeId, transfers: int) -> float:
        """Pay at a node, and wait until that node knows that it is decided; how long it took."""
        payer = self.nodes[node]
        began = self.now
        credit = node % len(self.nodes) + 1
        payments = Payments((credit,) * transfers, (1,) * transfers)
        payer.take(Submitted(next(self._tickets), payments))
        known_at: list[float] = []

        def watch() -> None:
            if not payer.engine.queue.own:
                known_at.append(self.now)

        payer.take()
        self.until(lambda: bool(payer.engine.queue.own))
        self.watch = watch
        self.until(lambda: bool(known_at))
        return known_at[0] - began

    def lead(self, node: NodeId) -> None:
        """Let a node become the leader, as far as the tenure has one."""
        self.pay(node, 1)
        self.nodes[node].take(Hurried())
        self.pay(node, 1)


def continents() -> list[DistanceFigures]:
    """Tenure `stable` with each node as the leader; in tenure `block`, whoever pays leads."""
    stable = [_figures(Tenure.STABLE, leader, REGIONS[leader - 1]) for leader in range(1, 6)]
    return [*stable, _figures(Tenure.BLOCK, 1, "whoever pays")]


def _figures(tenure: Tenure, leader: NodeId, name: str) -> DistanceFigures:
    latencies_ms = []
    for payer in range(1, len(REGIONS) + 1):
        world = World(tenure)
        world.lead(leader)
        latencies_ms.append(_latency_ms(world, payer, 1))
    world = World(tenure)
    world.lead(leader)
    batch_ms = _latency_ms(world, leader, BATCH)
    return DistanceFigures(
        str(tenure),
        name,
        tuple(round(latency, 1) for latency in latencies_ms),
        round(BATCH / batch_ms * 1000),
    )


def _latency_ms(world: World, payer: NodeId, transfers: int) -> float:
    times: Sequence[float] = [world.pay(payer, transfers) for _ in range(_PAYMENTS)]
    return median(times) * 1000
