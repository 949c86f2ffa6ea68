"""Five nodes on five continents, by simulation: production engines on a simulated clock.

Round trips are the averages between regions of one public cloud (the table "Latency Between AWS
Global Regions", 2017; others measure the same within a tenth). Each sync of a disk takes `DISK_S`.
Computing takes no time: on these distances it is less than a hundredth of the rest.

Clock and disk are the simulator's. Its `World` isn't used: there a seed draws the delays, a disk
takes no time, and checkers look at each transfer of each node, of which there are millions here.
"""

from __future__ import annotations

from itertools import permutations
from random import Random
from statistics import median

from benmo.bench.figures import DistanceFigures
from benmo.cluster import DECIDE_DELAY_S, THRIFT_S
from benmo.engine.engine import Engine
from benmo.engine.events import Event, Hurried, LinkChanged, Received, Submitted
from benmo.engine.surroundings import Limits
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Payments
from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import Message
from benmo.paxos.types import NodeId, Settings, Tenure
from benmo.sim.agenda import Agenda
from benmo.sim.disk import MemoryDisk
from benmo.storage.node_storage import NodeStorage

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
"""As many transfers as fit into a block."""

_NODES = tuple(range(1, len(REGIONS) + 1))
_CLUSTER = "continents"
_BALANCE = 2**40
_LOG_LIMIT = 1_000_000
_PAYMENTS = 20
_DEADLINE_S = 3600.0


class _RegionNode:
    """One node: its engine, which begins no turn while its disk is busy with the one before."""

    def __init__(self, continents: Continents, node: NodeId, tenure: Tenure) -> None:
        self._node = node
        self._continents = continents
        self._agenda = continents.agenda
        self._disk = MemoryDisk()
        member, founded = numbered_member(node), Ledger(dict.fromkeys(_NODES, _BALANCE))
        NodeStorage.create(self._disk, _CLUSTER, node, member, founded)
        storage, state = NodeStorage.open(self._disk, _CLUSTER, node, member)
        settings = Settings(
            node, member, tenure, (0.0, 0.0), decide_delay_s=DECIDE_DELAY_S, thrift_s=THRIFT_S
        )
        limits = Limits(queue_limit=_LOG_LIMIT)
        self._engine = Engine(settings, limits, state, storage, self, Random(node), 0.0)
        self._inbox: list[Event] = []
        self._syncs = self._disk.syncs
        self._free_at = self._due_at = 0.0
        self._engine.start()

    @property
    def _synced_at(self) -> float:
        """The time at which everything that this turn has synced so far is on disk."""
        return self._agenda.now + (self._disk.syncs - self._syncs) * DISK_S

    @property
    def last(self) -> int:
        """The number of this node's last transfer that it knows to be decided."""
        return self._engine.ledger.last[self._node]

    def is_full(self, _to: NodeId) -> bool:
        return False

    def send(self, to: NodeId, message: Message) -> None:
        """The engine's transport: a message leaves when the turn's syncs before it are over."""
        self._continents.deliver(self._node, to, message, self._synced_at)

    def take(self, *events: Event) -> None:
        self._inbox += events
        self._agenda.at(self._free_at, self._turn)

    def knows_decided(self, number: int) -> bool:
        """Whether this node knows, durably, that its transfers up to `number` are decided."""
        return self.last >= number and self._agenda.now >= self._free_at

    def _turn(self) -> None:
        now = self._agenda.now
        if now < self._free_at or not (self._inbox or self._engine.deadline <= now):
            return
        self._syncs = self._disk.syncs
        events, self._inbox = self._inbox, []
        self._engine.turn(events, now)
        self._free_at = self._synced_at
        self._agenda.at(self._free_at, self._turn)
        if self._engine.deadline != self._due_at:
            self._due_at = self._engine.deadline
            self._agenda.at(max(self._due_at, self._free_at), self._turn)


class Continents:
    """Five nodes, the distances between them, and one user who pays at one node at a time."""

    def __init__(self, tenure: Tenure) -> None:
        self.agenda = Agenda()
        self._nodes = {node: _RegionNode(self, node, tenure) for node in _NODES}
        for one, other in permutations(_NODES, 2):
            self._nodes[one].take(LinkChanged(other, True))

    def deliver(self, one: NodeId, other: NodeId, message: Message, leaves_at: float) -> None:
        round_trip_ms = ROUND_TRIPS_MS[min(one, other), max(one, other)]
        arrives_at = leaves_at + round_trip_ms / 2000
        received = Received(one, message, numbered_member(one))
        self.agenda.at(arrives_at, self._nodes[other].take, received)

    def pay(self, node: NodeId, transfers: int) -> float:
        """Pay at a node; return the seconds until that node knows that all of it is decided."""
        payer, began = self._nodes[node], self.agenda.now
        last = payer.last + transfers
        credit = node % len(_NODES) + 1
        payer.take(Submitted(last, Payments((credit,) * transfers, (1,) * transfers)))
        self.agenda.run_until(began + _DEADLINE_S, lambda: payer.knows_decided(last), 0.0)
        assert payer.knows_decided(last), "nothing is decided any more"
        return self.agenda.now - began

    def lead(self, node: NodeId) -> None:
        """Let a node become the leader, if the tenure has a leader at all."""
        self.pay(node, 1)
        self._nodes[node].take(Hurried())
        self.pay(node, 1)


def continents() -> list[DistanceFigures]:
    """The figures of tenure `stable` with each node as its leader, and of tenure `block`."""
    stable = [_figures(Tenure.STABLE, leader, REGIONS[leader - 1]) for leader in _NODES]
    return [*stable, _figures(Tenure.BLOCK, 1, "whoever pays")]


def _figures(tenure: Tenure, leader: NodeId, name: str) -> DistanceFigures:
    latencies_ms = [_latency_ms(tenure, leader, payer, 1) for payer in _NODES]
    batch_ms = _latency_ms(tenure, leader, leader, BATCH)
    return DistanceFigures(
        str(tenure),
        name,
        tuple(round(latency, 1) for latency in latencies_ms),
        round(BATCH / batch_ms * 1000),
    )


def _latency_ms(tenure: Tenure, leader: NodeId, payer: NodeId, transfers: int) -> float:
    continents = Continents(tenure)
    continents.lead(leader)
    return median(continents.pay(payer, transfers) for _ in range(_PAYMENTS)) * 1000
