"""A chain with keyed transfers, without a protocol around it, and what its payers ask again."""

from __future__ import annotations

from random import Random

from benmo.engine.engine import Engine
from benmo.engine.events import Admission, Event, Received, Report, Submitted
from benmo.engine.surroundings import Limits
from benmo.ledger.blocks import AppliedBlock, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.payment_keys import MemoryKeyIndex
from benmo.ledger.transfers import Payments, Run, Transfer
from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import Blocks, Message
from benmo.paxos.types import Ballot, Change, NodeId, Settings, Tenure
from benmo.sim.disk import MemoryDisk
from tests.support.engine_cluster import CLUSTER
from tests.support.numbered_nodes import created, opened
from tests.support.replicas import received

NODES = (1, 2, 3)
EMPTY = Run(1, 1, (), ())


class ListChain:
    """Decided blocks in a list, of three nodes that began with 100 each."""

    def __init__(self, *blocks: tuple[Run, ...], time: float = 1.5) -> None:
        self.ledger = Ledger(dict.fromkeys(NODES, 100))
        self.blocks: list[AppliedBlock] = []
        self.reads = 0
        self._time = time
        for runs in blocks:
            self.decide(*runs)

    @property
    def height(self) -> int:
        return len(self.blocks)

    @property
    def head(self) -> str:
        return self.ledger.head

    def decide(self, *runs: Run, change: Change | None = None) -> AppliedBlock:
        slot, head = self.height + 1, self.ledger.head
        block = encode_block(slot, Ballot(1, 1), head, self._time, runs, change)
        self.blocks.append(self.ledger.apply(block))
        return self.blocks[-1]

    def read(self, first_slot: int, bytes_max: int) -> list[AppliedBlock]:
        """Blocks from a slot on, of together about so many bytes; one at least."""
        assert 1 <= first_slot <= self.height
        self.reads += 1
        blocks: list[AppliedBlock] = []
        for applied in self.blocks[first_slot - 1 :]:
            blocks.append(applied)
            if sum(len(each.block.data) for each in blocks) >= bytes_max:
                break
        return blocks


def keyed(debit: NodeId, first: int, *keys: str, credit: NodeId = 3, amount: int = 1) -> Run:
    """A run of payments of the same amount to one node, with these keys."""
    count = len(keys)
    return Run(debit, first, (credit,) * count, (amount,) * count, (), keys)


def asked(*keys: str, credit: NodeId = 3, amount: int = 1, memo: str = "") -> Payments:
    """Payments of the same amount to one node, with these keys."""
    count = len(keys)
    return Payments((credit,) * count, (amount,) * count, (memo,) * count if memo else (), keys)


class Payer:
    """Node 1 of three on a disk. The others decide what it queued when they are told to."""

    def __init__(self, log_limit: int = 10) -> None:
        self.disk = MemoryDisk()
        self.index = MemoryKeyIndex()
        self._log_limit = log_limit
        self._ticket = 0
        created(self.disk, CLUSTER, 1, dict.fromkeys(NODES, 100))
        self.start(log_limit)

    def is_full(self, _to: int) -> bool:
        return False

    def send(self, to: NodeId, message: Message) -> None:
        """Nobody hears."""

    def start(self, log_limit: int) -> None:
        """Start, perhaps anew, from what is on the disk."""
        self._log_limit = log_limit
        self._storage, state = opened(self.disk, CLUSTER, 1)
        self.engine = Engine(
            Settings(1, numbered_member(1), Tenure.BLOCK, (60.0, 60.0)),
            Limits(queue_limit=log_limit),
            state,
            self._storage,
            self,
            Random(1),
            0.0,
            self.index,
        )
        self.engine.start()

    def crash(self) -> None:
        """Lose what isn't synced, and the index, and start again."""
        self.disk = self.disk.after_power_cut()
        self.index = MemoryKeyIndex()
        self.start(self._log_limit)

    def turn(self, *events: Event) -> Report:
        report = self.engine.turn(events, 0.0)
        assert report.misbehaved == []
        return report

    def ask(self, *requests: Payments) -> list[Admission]:
        """Several requests in one turn."""
        events = []
        for payments in requests:
            self._ticket += 1
            events.append(Submitted(self._ticket, payments))
        return self.turn(*events).admissions

    def decision(self, *runs: Run) -> Received:
        """What node 2 sends, once these runs are decided."""
        ledger = self.engine.ledger
        slot = ledger.height + 1
        block = encode_block(slot, Ballot(1, 2), ledger.head, 1.5, runs)
        return received(2, Blocks((block,), slot))

    def decide(self, *runs: Run) -> None:
        self.turn(self.decision(*runs))

    def applied(self) -> list[Transfer]:
        """The transfers in its chain that moved money."""
        blocks: list[AppliedBlock] = []
        while len(blocks) < self._storage.height:
            blocks.extend(self._storage.read(len(blocks) + 1, 1 << 20))
        return [
            transfer
            for applied in blocks
            for transfer, outcome in applied.outcomes()
            if outcome == "applied"
        ]
