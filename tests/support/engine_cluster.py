"""Several production engines in one thread, over a network and disks that a test commands.

Messages wait in `network.pending` until the test delivers, drops or doubles them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from benmo.engine.engine import Engine
from benmo.engine.events import Event, LinkChanged, Report, Submitted
from benmo.engine.surroundings import Limits
from benmo.ledger.blocks import AppliedBlock, Block
from benmo.ledger.transfers import Payments
from benmo.network.wire import decode_message, encode_message
from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import Message
from benmo.paxos.types import Settings, Tenure
from benmo.sim.disk import MemoryDisk
from tests.support.numbered_nodes import created, opened
from tests.support.replicas import received

CLUSTER = "c" * 32


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message under way, as bytes."""

    sender: int
    to: int
    data: bytes

    @property
    def message(self) -> Message:
        return decode_message(self.data)


@dataclass(slots=True)
class Network:
    """What is under way, in the order of sending; `cut` holds (sender, receiver)."""

    pending: list[Envelope] = field(default_factory=list)
    cut: set[tuple[int, int]] = field(default_factory=set)


@dataclass(slots=True)
class _Port:
    """One node's transport."""

    node: int
    network: Network

    def is_full(self, _to: int) -> bool:
        return False

    def send(self, to: int, message: Message) -> None:
        if (self.node, to) not in self.network.cut:
            self.network.pending.append(Envelope(self.node, to, encode_message(message)))


@dataclass(slots=True)
class Machine:
    """A node's disk, and the engine that runs on it unless it has crashed."""

    disk: MemoryDisk
    engine: Engine | None = None
    reports: list[Report] = field(default_factory=list)


class Cluster:
    """`nodes` engines, an hour's clock that only `advance` moves, and everyone connected."""

    def __init__(
        self,
        nodes: int = 5,
        tenure: Tenure = Tenure.BLOCK,
        election_delay_s: tuple[float, float] = (20.0, 60.0),
        seed: int = 0,
        limits: Limits | None = None,
        balance: int = 100,
    ) -> None:
        self.now = 1000.0
        self.network = Network()
        self.random = Random(seed)
        self.limits = limits if limits is not None else Limits()
        self.ids = tuple(range(1, nodes + 1))
        self._tenure = tenure
        self._election_delay_s = election_delay_s
        self._ticket = 0
        self.machines = {node: Machine(MemoryDisk()) for node in self.ids}
        for node, machine in self.machines.items():
            created(machine.disk, CLUSTER, node, dict.fromkeys(self.ids, balance))
        for node in self.ids:
            self.start(node)

    # Nodes.

    def engine(self, node: int) -> Engine:
        engine = self.machines[node].engine
        assert engine is not None, f"node {node} is down"
        return engine

    @property
    def up(self) -> tuple[int, ...]:
        return tuple(node for node in self.ids if self.machines[node].engine is not None)

    def start(self, node: int) -> None:
        """Start a node from its disk; its links to all that are up come up."""
        storage, state = opened(self.machines[node].disk, CLUSTER, node)
        settings = Settings(node, numbered_member(node), self._tenure, self._election_delay_s)
        port = _Port(node, self.network)
        seeded = Random(self.random.random())
        self.machines[node].engine = Engine(
            settings, self.limits, state, storage, port, seeded, self.now
        )
        self.engine(node).start()
        for peer in self.up:
            if peer != node:
                self.turn(node, [LinkChanged(peer, True)])
                self.turn(peer, [LinkChanged(node, True)])

    def crash(self, node: int, with_disk_fault: bool = False) -> None:
        """A crash, or a power cut that loses what was not synced; messages under way stay."""
        machine = self.machines[node]
        machine.engine = None
        if with_disk_fault:
            machine.disk = machine.disk.after_power_cut(self.random)
        for peer in self.up:
            self.turn(peer, [LinkChanged(node, False)])

    def turn(self, node: int, events: Iterable[Event]) -> Report:
        report = self.engine(node).turn(events, self.now)
        self.machines[node].reports.append(report)
        return report

    # What a user does.

    def pay(self, node: int, *payments: tuple[int, int]) -> str:
        """Queue transfers (credit node, amount) at a node; their ids, or why they are refused."""
        self._ticket += 1
        report = self.turn(node, [Submitted(self._ticket, Payments.of(*payments))])
        (admission,) = report.admissions
        if admission.run is None:
            return admission.reason
        return " ".join(transfer.id for transfer in admission.run.transfers())

    # The network and the clock.

    def deliver(self, envelope: Envelope) -> None:
        """Let a message arrive; it is lost if its receiver is down."""
        self.network.pending.remove(envelope)
        self.deliver_copy(envelope)

    def deliver_copy(self, envelope: Envelope) -> None:
        if self.machines[envelope.to].engine is not None:
            self.turn(envelope.to, [received(envelope.sender, envelope.message)])

    def matching(
        self, kind: type | None = None, sender: int | None = None, to: int | None = None
    ) -> list[Envelope]:
        """What is under way of this kind, from and to these nodes."""
        return [
            envelope
            for envelope in self.network.pending
            if (kind is None or isinstance(envelope.message, kind))
            and sender in (None, envelope.sender)
            and to in (None, envelope.to)
        ]

    def drop(
        self, kind: type | None = None, sender: int | None = None, to: int | None = None
    ) -> int:
        """Lose what matches; how many."""
        lost = self.matching(kind, sender, to)
        for envelope in lost:
            self.network.pending.remove(envelope)
        return len(lost)

    def settle(self, steps_max: int = 100_000) -> None:
        """Deliver everything, in order, until nothing is under way."""
        for _ in range(steps_max):
            if not self.network.pending:
                return
            self.deliver(self.network.pending[0])
        raise AssertionError("messages never end")

    def advance(self, seconds: float) -> None:
        """Let time pass, with everything delivered at once, in the order of deadlines."""
        end = self.now + seconds
        while True:
            self.settle()
            due = min((self.engine(node).deadline for node in self.up), default=end)
            if due > end:
                break
            self.now = max(self.now, due)
            for node in self.up:
                if self.engine(node).deadline <= self.now:
                    self.turn(node, [])
        self.now = end

    # What is so.

    def chain(self, node: int) -> list[Block]:
        return [applied.block for applied in self.applied(node)]

    def applied(self, node: int) -> list[AppliedBlock]:
        storage, _ = opened(self.machines[node].disk.copy(), CLUSTER, node)
        blocks: list[AppliedBlock] = []
        while len(blocks) < storage.height:
            blocks.extend(storage.read(len(blocks) + 1, 1 << 20))
        return blocks

    def assert_agreement(self) -> None:
        """Promises 2, 3 and 5: chains are prefixes, transfers are once, money is constant."""
        chains = {node: self.chain(node) for node in self.ids}
        longest = max(chains.values(), key=len)
        for node, chain in chains.items():
            assert chain == longest[: len(chain)], f"node {node} has another chain"
        applied = [
            transfer.id
            for block in self.applied(max(self.ids, key=lambda node: len(chains[node])))
            for transfer, outcome in block.outcomes()
            if outcome == "applied"
        ]
        assert len(applied) == len(set(applied)), "a transfer was applied twice"
        for node in self.up:
            self.engine(node).ledger.check()
