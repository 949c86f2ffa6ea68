"""A storage written by hand, record by record, with what each record must lead to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

import pytest

from benmo.engine.engine import Engine
from benmo.errors import StateError
from benmo.ledger.blocks import AppliedBlock, Block, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.step import AcceptRecord, DecideRecord, PromiseRecord
from benmo.paxos.types import Ballot, Durable, NodeId, Proposal
from benmo.sim.disk import MemoryDisk, PowerCut
from benmo.storage.disk import Disk
from benmo.storage.journal import JournalRecord, NodeState, QueueRecord, encode_record
from benmo.storage.lines import checksum
from benmo.storage.node_storage import JOURNAL, NodeStorage
from tests.support.engine_cluster import CLUSTER
from tests.support.numbered_nodes import created, opened

NODE = 1
BALANCES = {1: 100, 2: 100, 3: 100}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A node's durable state, to be compared."""

    promised: Ballot
    accepted: tuple[Ballot, bytes] | None
    height: int
    head: str
    balances: dict[NodeId, int]
    last: dict[NodeId, int]
    queue: Run


def snapshot(promised: Ballot, accepted: Proposal | None, ledger: Ledger, queue: Run) -> Snapshot:
    """The state as it is now; what changes later doesn't change the snapshot."""
    held = None
    if accepted is not None:
        assert isinstance(accepted.block, Block)
        held = (accepted.ballot, accepted.block.data)
    balances, last = dict(ledger.balances), dict(ledger.last)
    return Snapshot(promised, held, ledger.height, ledger.head, balances, last, queue)


def of_state(state: NodeState) -> Snapshot:
    return snapshot(state.promised, state.accepted, state.ledger, state.queue)


def of_engine(engine: Engine) -> Snapshot:
    durable = engine.replica.durable
    return snapshot(durable.promised, durable.accepted, engine.ledger, engine.queue.own)


def reopened(disk: Disk) -> Snapshot:
    """The state that a node finds at its start."""
    return of_state(opened(disk, CLUSTER, NODE)[1])


def read_chain(storage: NodeStorage, bytes_max: int = 1 << 20) -> list[AppliedBlock]:
    """Every block of the chain."""
    blocks: list[AppliedBlock] = []
    while len(blocks) < storage.height:
        blocks.extend(storage.read(len(blocks) + 1, bytes_max))
    return blocks


class Writer:
    """Node 1's storage on a disk. `history[k]` is the state after the k-th record.

    Unless it `writes_each`, what may wait does.
    """

    def __init__(self, disk: Disk, writes_each: bool = True) -> None:
        self.disk = disk
        self._writes_each = writes_each
        self.storage = created(disk, CLUSTER, NODE, BALANCES)
        self.promised = Ballot.ZERO
        self.accepted: Proposal | None = None
        self.ledger = Ledger(BALANCES)
        self.queue = Run(NODE, 1, (), ())
        self.blocks: list[AppliedBlock] = []
        self.history = [self.now]

    @property
    def now(self) -> Snapshot:
        return snapshot(self.promised, self.accepted, self.ledger, self.queue)

    def promise(self, ballot: Ballot) -> None:
        self.promised = ballot
        self._append(PromiseRecord(ballot))

    def pay(self, *payments: tuple[NodeId, int]) -> Run:
        credit, amount = zip(*payments, strict=True)
        run = Run(NODE, self.queue.end, credit, amount)
        self.queue_run(run)
        return run

    def queue_run(self, run: Run) -> None:
        self.queue = self.queue.joined(run)
        self._append(QueueRecord(run))

    def accept(self, ballot: Ballot, *runs: Run) -> None:
        self.promised = ballot
        self.accepted = Proposal(ballot, self.block(ballot, *runs))
        self._append(AcceptRecord(self.accepted))

    def decide(self) -> None:
        """Decide what was accepted last."""
        assert self.accepted is not None
        self._decided(self.accepted.block, self.accepted.ballot)

    def learn(self, *runs: Run) -> None:
        """A peer sends a decided block."""
        self._decided(self.block(Ballot(1, 3), *runs), Ballot.ZERO)

    def sync(self) -> None:
        self.storage.sync()

    @property
    def durable(self) -> Durable:
        return Durable(self.promised, self.accepted, self.ledger.height, self.ledger.head)

    def checkpoint(self) -> None:
        self.storage.checkpoint(self.durable, self.ledger, self.queue)

    def block(self, ballot: Ballot, *runs: Run) -> Block:
        slot = self.ledger.height + 1
        return encode_block(slot, ballot, self.ledger.head, 1000.0 + slot, runs)

    def _decided(self, block: object, ballot: Ballot) -> None:
        assert isinstance(block, Block)
        self.blocks.append(self.ledger.apply(block))
        self.accepted = None
        self.queue = self.queue.since(self.ledger.last[NODE] + 1)
        self._append(DecideRecord(block, ballot))
        self.storage.applied(self.blocks[-1])

    def _append(self, record: JournalRecord) -> None:
        self.storage.append((record,))
        if self._writes_each:
            self.storage.write()
        self.history.append(self.now)


def append_lines(disk: Disk, *records: JournalRecord) -> None:
    """Continue the journal, with right checksums, behind the storage's back."""
    for record in records:
        last = disk.read(JOURNAL).splitlines()[-1]
        disk.append(JOURNAL, encode_record(record, checksum(last)))


class CrashingDisk(MemoryDisk):
    """Dies at its `crash_at`-th operation; of an append, it may have written a part by then.

    Nothing is written any more by whoever goes on after that.
    """

    def __init__(self) -> None:
        super().__init__(self._count)
        self.operations: list[str] = []
        self.crash_at = 0
        self.appends_half = False

    def arm(self, crash_at: int, appends_half: bool = False) -> None:
        """Count from now on; 0 never crashes."""
        self.operations = []
        self.crash_at = crash_at
        self.appends_half = appends_half

    def append(self, name: str, data: bytes) -> None:
        if self.appends_half and len(self.operations) + 1 == self.crash_at:
            self.appends_half = False
            self.crash_at += 1
            super().append(name, data[: len(data) // 2])
            self._count("append", name)
        super().append(name, data)

    def _count(self, operation: str, name: str) -> None:
        self.operations.append(f"{operation} {name}".strip())
        if 0 < self.crash_at <= len(self.operations):
            raise PowerCut


def crashing_copy(disk: MemoryDisk) -> CrashingDisk:
    """The disk as a process finds it now, with what isn't durable yet still not durable."""
    return disk.copy_to(CrashingDisk())


@contextmanager
def power_may_fail() -> Iterator[None]:
    """Go on after a `PowerCut` as after what was cut short."""
    try:
        yield
    except PowerCut:
        return


def operations_of(disk: MemoryDisk, work: Callable[[MemoryDisk], object]) -> list[str]:
    """What a piece of work does to the disk, if nothing goes wrong."""
    twin = crashing_copy(disk)
    twin.arm(0)
    work(twin)
    return twin.operations


def survivors(disk: MemoryDisk, seeds: range) -> Iterator[tuple[str, CrashingDisk]]:
    """What the next start may find: after the death of the process alone, or a power cut."""
    yield "the process died", crashing_copy(disk)
    yield "the power was cut", crashing_copy(disk.after_power_cut())
    for seed in seeds:
        survivor = disk.after_power_cut(Random(seed))
        yield f"the power was cut (seed {seed})", crashing_copy(survivor)


OTHERS = (Run(2, 1, (3,), (7,)), Run(3, 1, (1, 2), (5, 6)))


def every_kind_of_line(disk: Disk) -> Writer:
    """A journal with every kind of record, in a likely order."""
    writer = Writer(disk)
    writer.promise(Ballot(2, 3))
    own = writer.pay((2, 10), (3, 5))
    writer.accept(Ballot(2, 3), OTHERS[0])
    writer.accept(Ballot(4, 2), OTHERS[1])
    writer.decide()
    writer.promise(Ballot(5, 1))
    writer.accept(Ballot(5, 1), own)
    writer.pay((3, 85))
    writer.decide()
    writer.learn(OTHERS[0], Run(3, 3, (3,), (1,)))
    writer.promise(Ballot(6, 2))
    writer.accept(Ballot(6, 2), writer.queue)
    writer.sync()
    return writer


def three_blocks_on(disk: Disk) -> Writer:
    """A checkpoint with everything in it that one can have, and a chain file of three blocks."""
    writer = Writer(disk)
    writer.learn(OTHERS[0])
    writer.learn(OTHERS[1], Run(2, 9, (1,), (1,)), Run(3, 3, (1,), (1000,)))
    writer.learn(Run(1, 1, (2,), (1,)))
    writer.pay((2, 10))
    writer.accept(Ballot(4, 2), Run(2, 2, (3,), (4,)))
    writer.checkpoint()
    return writer


def damaged(disk: MemoryDisk, name: str, data: bytes) -> MemoryDisk:
    twin = disk.copy()
    twin.overwrite(name, data)
    return twin


def flipped(data: bytes, position: int, mask: int) -> bytes:
    return data[:position] + bytes((data[position] ^ mask,)) + data[position + 1 :]


def refusal(disk: MemoryDisk, node: int = NODE, cluster: str = CLUSTER) -> str:
    """What the node says, that doesn't start on this disk."""
    with pytest.raises(StateError) as caught:
        opened(disk, cluster, node)
    return str(caught.value)
