"""Production engines in one thread, over a network and disks that somebody else commands.

Messages wait in `network.pending` until they are delivered, dropped or doubled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from benmo.engine.engine import Engine
from benmo.engine.events import Event, LinkChanged, Received, Report, Submitted
from benmo.engine.surroundings import Limits
from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Payments
from benmo.network.wire import decode_message, encode_message
from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import Heartbeat, Message
from benmo.paxos.types import MemberId, NodeId, Settings, Tenure
from benmo.sim.disk import MemoryDisk
from benmo.sim.recording import Recording
from benmo.storage.node_storage import NodeStorage

CLUSTER = "c" * 32
"""The id of a sandbox's cluster."""

STARTED_AT_S = 1000.0
"""The time that the clock of a new sandbox shows, in seconds."""


@dataclass(frozen=True, slots=True)
class PendingMessage:
    """A message under way, as bytes.

    `number` counts the messages that were sent, without heartbeats, which have 0; `frame` is its
    name in a recording.
    """

    sender: NodeId
    to: NodeId
    data: bytes
    number: int = 0
    frame: str = ""

    @property
    def message(self) -> Message:
        return decode_message(self.data)


@dataclass(slots=True)
class PendingMessages:
    """The messages under way, in the order of sending; `cut` holds (sender, receiver)."""

    pending: list[PendingMessage] = field(default_factory=list)
    cut: set[tuple[NodeId, NodeId]] = field(default_factory=set)
    numbered: int = 0
    """The number of the last message."""


@dataclass(slots=True, eq=False)
class SandboxNode:
    """A node's disk, and the engine that runs on it unless it has crashed.

    `life` counts its starts.
    """

    node: NodeId
    disk: MemoryDisk = field(default_factory=MemoryDisk)
    engine: Engine | None = None
    storage: NodeStorage | None = None
    reports: list[Report] = field(default_factory=list)
    life: int = 0

    @property
    def member(self) -> MemberId:
        return numbered_member(self.node)

    @property
    def label(self) -> str:
        return str(self.node)


@dataclass(slots=True)
class _SandboxTransport:
    """One node's transport."""

    machine: SandboxNode
    sandbox: Sandbox

    def is_full(self, _to: NodeId) -> bool:
        return False

    def send(self, to: NodeId, message: Message) -> None:
        self.sandbox.send(self.machine, to, message)


class Sandbox:
    """`nodes` engines, a clock that somebody else moves, and everyone connected.

    `recording`, where there is one, gets the run as records.
    """

    def __init__(
        self,
        nodes: int = 5,
        tenure: Tenure = Tenure.BLOCK,
        election_delay_s: tuple[float, float] = (20.0, 60.0),
        seed: int = 0,
        limits: Limits | None = None,
        balance: int = 100,
        recording: Recording | None = None,
    ) -> None:
        self.now = STARTED_AT_S
        self.network = PendingMessages()
        self.random = Random(seed)
        self.limits = limits if limits is not None else Limits()
        self.ids = tuple(range(1, nodes + 1))
        self.tenure = tenure
        self.recording = recording
        self._election_delay_s = election_delay_s
        self._ticket = 0
        self.machines = {node: SandboxNode(node) for node in self.ids}
        for node, machine in self.machines.items():
            founded = Ledger(dict.fromkeys(self.ids, balance))
            NodeStorage.create(machine.disk, CLUSTER, node, machine.member, founded)
        if recording is not None:
            recording.begin(lambda: self.now - STARTED_AT_S)
        for node in self.ids:
            self.start(node)

    # Nodes.

    def engine(self, node: NodeId) -> Engine:
        engine = self.machines[node].engine
        assert engine is not None, f"node {node} is down"
        return engine

    @property
    def up(self) -> tuple[NodeId, ...]:
        return tuple(node for node in self.ids if self.machines[node].engine is not None)

    def start(self, node: NodeId) -> None:
        """Start a node from its disk; its links come up, but those that are cut."""
        machine = self.machines[node]
        storage, state = NodeStorage.open(machine.disk, CLUSTER, node)
        settings = Settings(node, machine.member, self.tenure, self._election_delay_s)
        transport = _SandboxTransport(machine, self)
        seeded = Random(self.random.random())
        engine = Engine(settings, self.limits, state, storage, transport, seeded, self.now)
        engine.start()
        machine.engine, machine.storage = engine, storage
        machine.life += 1
        if self.recording is not None:
            self.recording.started(machine, self.now)
        for peer in self.up:
            if peer != node and (node, peer) not in self.network.cut:
                self.turn(node, [LinkChanged(peer, True)])
                self.turn(peer, [LinkChanged(node, True)])

    def crash(self, node: NodeId, with_disk_fault: bool = False) -> None:
        """End a process, also by a power cut that loses a part of what was not synced.

        Messages under way stay so.
        """
        machine = self.machines[node]
        machine.engine = machine.storage = None
        if with_disk_fault:
            machine.disk = machine.disk.after_power_cut(self.random)
        for peer in self.up:
            self.turn(peer, [LinkChanged(node, False)])

    def turn(self, node: NodeId, events: Iterable[Event]) -> Report:
        report = self.engine(node).turn(events, self.now)
        self.machines[node].reports.append(report)
        return report

    # What a user does.

    def pay(self, node: NodeId, *payments: tuple[NodeId, int]) -> str:
        """Queue transfers (credit node, amount) at a node; their ids, or why they are refused."""
        self._ticket += 1
        report = self.turn(node, [Submitted(self._ticket, Payments.of(*payments))])
        (admission,) = report.admissions
        if admission.run is None:
            return admission.reason
        return " ".join(transfer.id for transfer in admission.run.transfers())

    # The network.

    def send(self, machine: SandboxNode, to: NodeId, message: Message) -> None:
        """Put a message of a node's engine under way, unless the link is cut."""
        network, recording = self.network, self.recording
        is_cut = (machine.node, to) in network.cut
        number = 0
        if not is_cut and not isinstance(message, Heartbeat):
            network.numbered += 1
            number = network.numbered
        why_lost = "cut" if is_cut else ""
        frame = "" if recording is None else recording.sent(machine, to, message, why_lost)
        if not is_cut:
            data = encode_message(message)
            network.pending.append(PendingMessage(machine.node, to, data, number, frame))

    def deliver(self, pending: PendingMessage) -> None:
        """Let a message arrive; it is lost if its receiver is down."""
        self.network.pending.remove(pending)
        self.deliver_copy(pending)

    def deliver_copy(self, pending: PendingMessage) -> None:
        """Let a message arrive, and stay under way."""
        machine, message = self.machines[pending.to], pending.message
        if machine.engine is None:
            return
        if self.recording is not None:
            self.recording.arrived(machine, message, pending.frame)
        self.turn(pending.to, [Received(pending.sender, message, numbered_member(pending.sender))])

    # What is so.

    def applied(self, node: NodeId) -> list[AppliedBlock]:
        """Read the chain that is on a node's disk."""
        storage, _ = NodeStorage.open(self.machines[node].disk.copy(), CLUSTER, node)
        blocks: list[AppliedBlock] = []
        while len(blocks) < storage.height:
            blocks.extend(storage.read(len(blocks) + 1, 1 << 20))
        return blocks

    def assert_agreement(self) -> None:
        """Promises 2, 3 and 5: chains are prefixes, transfers are once, money is constant."""
        applied = {node: self.applied(node) for node in self.ids}
        longest = max(applied.values(), key=len)
        for node, chain in applied.items():
            is_prefix = all(a.block == b.block for a, b in zip(chain, longest, strict=False))
            assert is_prefix, f"node {node} has another chain"
        moved = [
            transfer.id
            for block in longest
            for transfer, outcome in block.outcomes()
            if outcome == "applied"
        ]
        assert len(moved) == len(set(moved)), "a transfer was applied twice"
        for node in self.up:
            self.engine(node).ledger.check()
