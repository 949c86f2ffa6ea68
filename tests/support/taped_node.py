"""An engine whose records, syncs and messages are kept on one tape, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from benmo.engine.engine import Engine
from benmo.engine.events import Event, LinkChanged, Report, Submitted
from benmo.engine.surroundings import Limits
from benmo.ledger.blocks import AppliedBlock, Block, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Payments, Run
from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import Message, Prepare, Promise
from benmo.paxos.step import DecideRecord
from benmo.paxos.types import Ballot, Durable, Settings, Tenure
from benmo.sim.disk import MemoryDisk
from benmo.storage.journal import JournalRecord
from benmo.storage.node_storage import NodeStorage
from tests.support.engine_cluster import CLUSTER
from tests.support.numbered_nodes import created, opened
from tests.support.replicas import received
from tests.support.written_storage import BALANCES

NOW = 1000.0


def block(slot: int, previous: str, ballot: Ballot, *runs: Run) -> Block:
    return encode_block(slot, ballot, previous, 1.5, runs or (Run(2, slot, (3,), (1,)),))


FIRST = block(1, "0" * 64, Ballot(5, 2))
SECOND = block(2, FIRST.hash, Ballot(5, 2))


@dataclass
class Tape:
    """What an engine did, in order: records, "sync", and (to, message)."""

    done: list[JournalRecord | str | tuple[int, Message]] = field(default_factory=list)
    full: set[int] = field(default_factory=set)
    """The nodes that read too little."""

    def is_full(self, to: int) -> bool:
        return to in self.full

    def send(self, to: int, message: Message) -> None:
        self.done.append((to, message))

    @property
    def records(self) -> list[JournalRecord]:
        return [
            item for item in self.done if not isinstance(item, tuple) and not isinstance(item, str)
        ]

    @property
    def sent(self) -> list[tuple[int, Message]]:
        return [item for item in self.done if isinstance(item, tuple)]

    @property
    def syncs(self) -> int:
        return self.done.count("sync")

    def assert_in_order(self) -> None:
        """Whatever leaves, all that was recorded before it is synced, except for decisions."""
        unsynced: list[JournalRecord] = []
        for item in self.done:
            if isinstance(item, tuple):
                assert not unsynced, f"{item} left before {unsynced} was durable"
            elif isinstance(item, str):
                unsynced = []
            elif not isinstance(item, DecideRecord):
                unsynced.append(item)
        assert not unsynced, f"a turn ended before {unsynced} was durable"


class RecordingStorage:
    """The production storage, with its appends and syncs on tape."""

    def __init__(self, inner: NodeStorage, tape: Tape) -> None:
        self._inner = inner
        self._tape = tape

    @property
    def journal_bytes(self) -> int:
        return self._inner.journal_bytes

    @property
    def height(self) -> int:
        return self._inner.height

    @property
    def needs_sync(self) -> bool:
        return self._inner.needs_sync

    def append(self, records: Sequence[JournalRecord]) -> None:
        self._tape.done.extend(records)
        self._inner.append(records)

    def write(self) -> None:
        self._inner.write()

    def sync(self) -> None:
        self._inner.sync()
        self._tape.done.append("sync")

    def applied(self, block: AppliedBlock) -> None:
        self._inner.applied(block)

    def read(self, first_slot: int, bytes_max: int) -> list[AppliedBlock]:
        return self._inner.read(first_slot, bytes_max)

    def checkpoint(self, durable: Durable, ledger: Ledger, queue: Run) -> None:
        self._inner.checkpoint(durable, ledger, queue)


class TapedNode:
    """Node 1 of three, with both peers up and its first heartbeats behind it."""

    def __init__(
        self, tenure: Tenure = Tenure.STABLE, delay_s: float = 0.0, limits: Limits | None = None
    ) -> None:
        self.disk = MemoryDisk()
        self.tape = Tape()
        self.now = NOW
        self.report = Report()
        storage = created(self.disk, CLUSTER, 1, BALANCES)
        _, state = opened(self.disk, CLUSTER, 1)
        self.engine = Engine(
            Settings(1, numbered_member(1), tenure, (delay_s, delay_s)),
            limits or Limits(),
            state,
            RecordingStorage(storage, self.tape),
            self.tape,
            Random(7),
            self.now,
        )
        self.turn(LinkChanged(2, True), LinkChanged(3, True))
        self.tape.done.clear()

    def turn(self, *events: Event) -> list[tuple[int, str]]:
        """One turn, in which the order of work is checked; who misbehaved in it, and how."""
        self.report = self.engine.turn(events, self.now)
        self.tape.assert_in_order()
        return self.report.misbehaved

    def lead(self) -> Ballot:
        """Let the node campaign with a payment, and both peers promise."""
        self.turn(Submitted(1, Payments.of((2, 10))))
        self.now += 0.1
        self.turn()
        ballot = self.engine.replica.leader.ballot
        assert (2, Prepare(ballot)) in self.tape.sent
        self.turn(received(2, Promise(ballot, 0, None)))
        return ballot
