"""A node's directory: journal, chain file and checkpoint, and what a crash may leave of them.

Appends go to the journal. At a size limit, and at a clean stop, a checkpoint moves the decided
blocks on, in an order in which a crash between any two steps loses nothing:

    1. chain.jsonl gets the blocks decided since the last checkpoint, and is synced;
    2. checkpoint.json.new is written and synced: height, balances, queue, promise, accepted block,
       how long the chain file is, and the generation of the journal that will continue it;
    3. it is renamed to checkpoint.json, and the directory synced;
    4. journal.jsonl.new, with the new generation in its first line, is written and synced;
    5. it is renamed to journal.jsonl, and the directory synced.

After a crash before 3, the old checkpoint and journal hold everything, and what the chain file has
beyond the checkpoint's length is cut off. Between 3 and 5, the journal's generation is one too
old: everything in it is in the checkpoint, and step 4 is done again.

When the node rests, the journal is synced, and then a line of checkpoint.json says how long it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.step import DecideRecord
from benmo.paxos.types import Ballot, Durable, MemberId, NodeId
from benmo.storage.chain_file import ChainFile
from benmo.storage.checkpoint import (
    AcceptedPart,
    CheckpointLine,
    SyncedLine,
    decode_checkpoint,
)
from benmo.storage.damage import damage_worded, missing_file
from benmo.storage.disk import Disk
from benmo.storage.journal import JournalRecord, NodeState, OpenLine, encode_record
from benmo.storage.lines import checksum, seal
from benmo.storage.replay import ReplayedJournal, replay, require_own

JOURNAL = "journal.jsonl"
CHAIN = "chain.jsonl"
CHECKPOINT = "checkpoint.json"
_NEW = ".new"

_UNSYNCED_BYTES_MAX = 1 << 16
"""How much of the journal may be unsynced, even if it is all decisions."""


@dataclass(slots=True)
class _Tail:
    """The decided blocks above a slot: those that the chain file doesn't hold yet."""

    above: int
    blocks: list[AppliedBlock] = field(default_factory=list)


class NodeStorage:
    """The durable state of one node. `open` it, or `create` it once.

    Nothing appended is durable before `sync` (or `checkpoint`) has returned. An `OSError` of the
    disk passes through: the process must end, without trying anything again.
    """

    def __init__(
        self,
        disk: Disk,
        cluster: str,
        node: NodeId,
        member: MemberId,
        generation: int,
        chain: ChainFile,
    ) -> None:
        self._disk = disk
        self._cluster = cluster
        self._node = node
        self.member = member
        """The member whose files these are."""
        self._generation = generation
        self._chain = chain
        self._tail = _Tail(chain.height)
        self._unwritten: list[JournalRecord] = []
        """Records that were appended, and may wait."""
        self._journal_bytes = 0
        self._checksum = 0
        self._is_synced = True
        self._unsynced_bytes = 0
        self._resting_bytes = 0
        """The journal's length when `has_rested` was called last."""
        self._synced_bytes: int | None = None
        """The length of the journal that the checkpoint's file knows to be durable.

        None before this process has made its own checkpoint: that may have an end that is torn.
        """
        self._synced_checksum = 0
        """The checksum of the last line in the checkpoint's file."""

    @classmethod
    def create(
        cls, disk: Disk, cluster: str, node: NodeId, member: MemberId, founded: Ledger
    ) -> NodeStorage:
        """Make a new member's files at height 0, durably.

        `founded` is the ledger with which the cluster began. Nothing may make files for a member
        that had some before: that one could forget what it promised.
        """
        assert founded.height == 0
        storage = cls(disk, cluster, node, member, 0, ChainFile(disk, CHAIN, 0, 0, node))
        disk.append(CHAIN, b"")
        storage.checkpoint(Durable(), founded, Run(node, 1, (), ()))
        return storage

    @classmethod
    def open(
        cls, disk: Disk, cluster: str, node: NodeId, member: MemberId | None = None
    ) -> tuple[NodeStorage, NodeState]:
        """Read the checkpoint and the journal. Time and memory don't grow with the chain.

        Without a `member`, the files may be those of any member of the node.

        Raises `StateError` for a file that is missing, damaged, or another node's or member's.
        """
        disk.sync_directory()  # the names that this start builds on must outlast a power cut
        for name in (CHECKPOINT, JOURNAL, CHAIN):
            if not disk.exists(name):
                raise missing_file(disk.path / name, node)
        with damage_worded(disk.path / CHECKPOINT, node):
            checkpoint, synced = decode_checkpoint(disk.read(CHECKPOINT))
            require_own(checkpoint, cluster, node, member or checkpoint.member)
        chain = ChainFile(disk, CHAIN, checkpoint.chain_bytes, checkpoint.height, node)
        own = checkpoint.member
        storage = cls(disk, cluster, node, own, checkpoint.generation, chain)
        chain.require_end(checkpoint.head)
        return storage, storage._replay(checkpoint, synced)

    @property
    def journal_bytes(self) -> int:
        """The length of the journal."""
        return self._journal_bytes

    @property
    def height(self) -> int:
        """The slot of the last block that can be read."""
        tail = self._tail
        return tail.above + len(tail.blocks)

    @property
    def needs_sync(self) -> bool:
        """Whether a promise, a queued transfer or a block isn't durable yet.

        A decision needn't be durable: a quorum has the block. But the more of the journal isn't
        synced, the more of it a power cut may tear off.
        """
        return not self._is_synced

    def append(self, records: Sequence[JournalRecord]) -> None:
        """Add records to the journal. If all of them may wait, they wait for others or `write`."""
        self._unwritten.extend(records)
        if not all(map(_may_wait, records)):
            self._is_synced = False
            self.write()

    def write(self) -> None:
        """Write the records that have waited."""
        if not self._unwritten:
            return
        lines = []
        after_sync = self._unsynced_bytes == 0
        for record in self._unwritten:
            lines.append(encode_record(record, self._checksum, after_sync))
            self._checksum = checksum(lines[-1])
            after_sync = False
        data = b"".join(lines)
        self._disk.append(JOURNAL, data)
        self._journal_bytes += len(data)
        self._unwritten.clear()
        self._unsynced_bytes += len(data)
        if self._unsynced_bytes > _UNSYNCED_BYTES_MAX:
            self._is_synced = False

    def sync(self) -> None:
        """Make all that was appended durable."""
        self.write()
        self._disk.sync(JOURNAL)
        self._is_synced = True
        self._unsynced_bytes = 0

    def has_rested(self) -> bool:
        """Whether the journal has stayed as it was at the last call, and `note_synced` is due."""
        before, self._resting_bytes = self._resting_bytes, self._journal_bytes
        is_at_rest = before == self._journal_bytes and not self._unwritten
        return is_at_rest and self._synced_bytes not in (None, self._journal_bytes)

    def note_synced(self) -> None:
        """Make the journal durable, and write its length beside the checkpoint.

        So a journal that is cut later is told from one that a power cut tore.
        """
        if self._unsynced_bytes:
            self.sync()
        line = seal(SyncedLine(self._journal_bytes, self._checksum), self._synced_checksum)
        self._disk.append(CHECKPOINT, line)
        self._disk.sync(CHECKPOINT)
        self._synced_bytes = self._journal_bytes
        self._synced_checksum = checksum(line)

    def applied(self, block: AppliedBlock) -> None:
        """Let a block be read that the ledger has applied, and whose decision was appended."""
        self._tail.blocks.append(block)

    def read(self, first_slot: int, bytes_max: int) -> list[AppliedBlock]:
        """Read decided blocks from a slot on: about `bytes_max` of them, and at least one block.

        A thread may read while another makes a checkpoint.
        """
        tail = self._tail
        assert 1 <= first_slot <= tail.above + len(tail.blocks)
        if first_slot <= tail.above:
            return self._chain.read(first_slot, bytes_max)
        blocks: list[AppliedBlock] = []
        total = 0
        for index in range(first_slot - tail.above - 1, len(tail.blocks)):
            blocks.append(tail.blocks[index])
            total += len(tail.blocks[index].block.data)
            if total >= bytes_max:
                break
        return blocks

    def checkpoint(self, durable: Durable, ledger: Ledger, queue: Run) -> None:
        """Move the decided blocks to the chain file and start the journal anew."""
        self._chain.append(self._tail.blocks)
        self._tail = _Tail(self._chain.height)
        self._chain.sync()
        self._generation += 1
        assert self._chain.height == ledger.height == durable.height
        line = CheckpointLine(
            cluster=self._cluster,
            node=self._node,
            member=self.member,
            generation=self._generation,
            promised=durable.promised,
            accepted=AcceptedPart.of(durable.accepted),
            height=ledger.height,
            head=ledger.head,
            chain_bytes=self._chain.length,
            balances=ledger.balances,
            last=ledger.last,
            members=ledger.membership.all,
            queue=queue,
        )
        data = seal(line)
        self._replace(CHECKPOINT, data)
        self._start_journal()
        self._synced_bytes = self._journal_bytes
        self._synced_checksum = checksum(data)

    def _start_journal(self) -> None:
        line = seal(OpenLine(self._cluster, self._node, self.member, self._generation))
        self._replace(JOURNAL, line)
        self._journal_bytes = len(line)
        self._unwritten.clear()
        self._checksum = checksum(line)
        self._is_synced = True
        self._unsynced_bytes = 0

    def _replace(self, name: str, data: bytes) -> None:
        new = name + _NEW
        if self._disk.exists(new):
            self._disk.remove(new)
        self._disk.append(new, data)
        self._disk.sync(new)
        self._disk.rename(new, name)
        self._disk.sync_directory()

    def _replay(self, checkpoint: CheckpointLine, synced: SyncedLine | None) -> NodeState:
        """Apply the journal to the checkpoint's state, and cut off a torn last line."""
        with damage_worded(self._disk.path / CHECKPOINT, self._node):
            state = checkpoint.state()
            state.require_next()
        journal = self._disk.read(JOURNAL)
        with damage_worded(self._disk.path / JOURNAL, self._node):
            replayed = replay(checkpoint, synced, state, journal)
        if replayed.is_stale:
            self._start_journal()
        else:
            self._go_on_from(replayed, len(journal))
        self._tail.blocks.extend(state.recent)
        return state

    def _go_on_from(self, replayed: ReplayedJournal, size: int) -> None:
        """Leave in a journal of this size only what is kept of it, durably."""
        if replayed.is_mended:
            self._replace(JOURNAL, replayed.kept)
        else:
            if size > len(replayed.kept):
                self._disk.truncate(JOURNAL, len(replayed.kept))
            self._disk.sync(JOURNAL)
        self._journal_bytes = len(replayed.kept)
        self._checksum = replayed.last_checksum


def _may_wait(record: JournalRecord) -> bool:
    """Whether a record only says that a block is decided which the journal already has.

    That a change is decided doesn't wait: the quorum that has its block may be one of members that
    leave, once others say that they know of it.
    """
    if not isinstance(record, DecideRecord) or record.ballot == Ballot.ZERO:
        return False
    return record.block.change is None
