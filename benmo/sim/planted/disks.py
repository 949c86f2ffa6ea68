"""Mistakes with what must outlast a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from benmo.engine.engine import Engine
from benmo.engine.surroundings import DiskWait
from benmo.ledger.ledger import Ledger
from benmo.paxos.messages import Accept, Heartbeat, Message, Prepare
from benmo.paxos.replica import Replica
from benmo.paxos.step import AcceptRecord, PromiseRecord, Step
from benmo.paxos.types import Ballot, MemberId, NodeId
from benmo.sim.planted.patch import Patch
from benmo.storage.chain_file import ChainFile
from benmo.storage.checkpoint import CheckpointLine, SyncedLine
from benmo.storage.disk import Disk
from benmo.storage.journal import JournalRecord, NodeState, QueueRecord, decode_line
from benmo.storage.lines import DamagedLine, checksum
from benmo.storage.node_storage import CHECKPOINT, JOURNAL, NodeStorage


def promise_not_durable(patch: Patch) -> None:
    """A promise is answered before it is fsynced."""
    _never_synced(patch, lambda storage, record: isinstance(record, PromiseRecord))


def vote_not_durable(patch: Patch) -> None:
    """An accept is answered before it is fsynced."""
    _never_synced(patch, lambda storage, record: isinstance(record, AcceptRecord))


def own_vote_not_durable(patch: Patch) -> None:
    """A leader counts its own acceptor before that has fsynced."""

    def is_own(storage: NodeStorage, record: JournalRecord) -> bool:
        return isinstance(record, AcceptRecord) and record.proposal.ballot.node == storage._node

    _never_synced(patch, is_own)


def queued_before_fsync(patch: Patch) -> None:
    """What is queued is fsynced in the same turn, but only after it was answered."""
    original = Engine._make_durable

    def make_durable(self: Engine) -> Iterator[DiskWait]:
        if not any(isinstance(record, QueueRecord) for record in self._records):
            yield from original(self)
            return
        self._storage.append(self._records)
        self._records = []
        self._must_sync = False

    patch.set(Engine, "_make_durable", make_durable)


def _never_synced(patch: Patch, is_meant: Callable[[NodeStorage, JournalRecord], bool]) -> None:
    original = NodeStorage.append

    def append(self: NodeStorage, records: Sequence[JournalRecord]) -> None:
        was_synced = self._is_synced
        original(self, records)
        if all(is_meant(self, record) for record in records):
            self._is_synced = was_synced

    patch.set(NodeStorage, "append", append)


def state_overwritten_in_place(patch: Patch) -> None:
    """A file is replaced by writing over it, without a sync."""

    def replace(self: NodeStorage, name: str, data: bytes) -> None:
        if self._disk.exists(name):
            self._disk.truncate(name, 0)
        self._disk.append(name, data)

    patch.set(NodeStorage, "_replace", replace)


def directory_not_synced(patch: Patch) -> None:
    """After a rename, the directory isn't synced."""

    def replace(self: NodeStorage, name: str, data: bytes) -> None:
        new = name + ".new"
        if self._disk.exists(new):
            self._disk.remove(new)
        self._disk.append(new, data)
        self._disk.sync(new)
        self._disk.rename(new, name)

    patch.set(NodeStorage, "_replace", replace)


def checkpoint_before_chain(patch: Patch) -> None:
    """The checkpoint is replaced before the chain file's new blocks are durable."""
    patch.set(ChainFile, "sync", lambda self: None)


def fsync_retried(patch: Patch) -> None:
    """An fsync that failed is tried again, and believed."""
    original = NodeStorage.sync

    def sync(self: NodeStorage) -> None:
        try:
            original(self)
        except OSError:
            original(self)

    patch.set(NodeStorage, "sync", sync)


def damage_taken_for_torn_tail(patch: Patch) -> None:
    """Damage anywhere in the journal is cut off, with all that follows it."""
    original = NodeStorage._replay

    def replay(
        self: NodeStorage, checkpoint: CheckpointLine, synced: SyncedLine | None
    ) -> NodeState:
        whole = _undamaged(self._disk.read(JOURNAL))
        if whole < self._disk.size(JOURNAL):
            self._disk.truncate(JOURNAL, whole)
        return original(self, checkpoint, synced)

    patch.set(NodeStorage, "_replay", replay)


def _undamaged(journal: bytes) -> int:
    """How many bytes come before the first damaged line."""
    first, *lines = journal.split(b"\n")
    whole, previous = len(first) + 1, checksum(first)
    for line in lines[:-1]:
        try:
            decode_line(line, previous)
        except DamagedLine:
            break
        whole, previous = whole + len(line) + 1, checksum(line)
    return whole


def empty_disk_votes(patch: Patch) -> None:
    """A node whose disk is empty begins anew, and votes."""
    _begin_anew(patch, lambda others: Ballot.ZERO)


def empty_disk_takes_highest_promise(patch: Patch) -> None:
    """A node whose disk is empty begins anew, with the highest promise of a majority, and votes."""
    _begin_anew(patch, _highest_of_majority)


def empty_disk_waits_for_two_slots(patch: Patch) -> None:
    """A node whose disk is empty begins anew, and votes once two more slots are decided."""
    began = _begin_anew(patch, _highest_of_majority)
    original = Replica._route
    heights: dict[MemberId, int] = {}

    def route(
        self: Replica, sender: NodeId, member: MemberId, message: Message, now: float, step: Step
    ) -> None:
        own = self.settings.member
        if isinstance(message, Heartbeat):
            heights.setdefault(own, message.height)
        is_early = own in began and self.learner.height < heights.get(own, 0) + 2
        if not (is_early and isinstance(message, Prepare | Accept)):
            original(self, sender, member, message, now, step)

    patch.set(Replica, "_route", route)


def _highest_of_majority(others: list[Ballot]) -> Ballot:
    """The highest of as few promises as are a majority with the node's own: the lowest ones."""
    return max(sorted(others)[: (len(others) + 1) // 2 + 1], default=Ballot.ZERO)


def _begin_anew(patch: Patch, promised_of: Callable[[list[Ballot]], Ballot]) -> set[MemberId]:
    """Let a node whose disk is empty begin with what `promised_of` makes of the others' promises.

    The members that did are in the set that is returned.
    """
    began = set[MemberId]()
    founded: list[Ledger] = []
    promised: dict[MemberId, Ballot] = {}
    original_append = NodeStorage.append
    original_create = NodeStorage.__dict__["create"].__func__
    original_open = NodeStorage.__dict__["open"].__func__

    def append(self: NodeStorage, records: Sequence[JournalRecord]) -> None:
        for record in records:
            if isinstance(record, PromiseRecord):
                promised[self.member] = record.ballot
        original_append(self, records)

    def create(
        cls: type[NodeStorage],
        disk: Disk,
        cluster: str,
        node: NodeId,
        member: MemberId,
        ledger: Ledger,
    ) -> NodeStorage:
        founded[:] = [ledger]
        began.discard(member)
        promised[member] = Ballot.ZERO
        storage: NodeStorage = original_create(cls, disk, cluster, node, member, ledger)
        return storage

    def open_(
        cls: type[NodeStorage], disk: Disk, cluster: str, node: NodeId, member: MemberId
    ) -> tuple[NodeStorage, NodeState]:
        if not disk.exists(CHECKPOINT):
            others = [ballot for each, ballot in promised.items() if each != member]
            storage = original_create(NodeStorage, disk, cluster, node, member, founded[0])
            began.add(member)
            if promised_of(others) > Ballot.ZERO:
                original_append(storage, [PromiseRecord(promised_of(others))])
                storage.sync()
        opened: tuple[NodeStorage, NodeState] = original_open(cls, disk, cluster, node, member)
        return opened

    patch.set(NodeStorage, "append", append)
    patch.set(NodeStorage, "create", classmethod(create))
    patch.set(NodeStorage, "open", classmethod(open_))
    return began
