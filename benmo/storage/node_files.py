"""The files of one node, stopped or running, read and checked and never written.

Checkpoint and journal are replaced by a rename, and the chain file is only ever appended to beyond
the length that the checkpoint names. So the files that are read belong together, even while the
node goes on writing: they are the node's state at one moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benmo.errors import StateError
from benmo.ledger.blocks import BLOCK_BYTES_MAX, AppliedBlock
from benmo.ledger.ledger import Ledger
from benmo.paxos.membership import Membership
from benmo.paxos.types import MemberId, NodeId
from benmo.regular_files import open_regular, read_regular
from benmo.storage.chain_file import decode_chain_line
from benmo.storage.checkpoint import CheckpointLine, SyncedLine, decode_checkpoint
from benmo.storage.lines import DamagedLine
from benmo.storage.lock import LOCK, is_in_use
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL
from benmo.storage.replay import ForeignLine, ReplayedJournal, replay, require_own

_LINE_BYTES_MAX = 4 * BLOCK_BYTES_MAX
"""More than any line of the chain file: a block, and the positions refused or skipped in it."""


class Damage(StateError):
    """Something in a file isn't as it was written. The text begins with `file:line:`."""

    def __init__(self, path: Path, line: int, what: str) -> None:
        super().__init__(f"{path}:{line}: {what}")
        self.path = path
        self.line = line
        self.what = what


class ForeignFiles(Damage):
    """A node's files are whole, but another cluster's or node's than those that were asked for."""


class NodeFiles:
    """A node's directory as it stands. Raises `Damage` where it isn't what the node wrote."""

    def __init__(
        self, path: Path, cluster: str, node: NodeId, founders: Mapping[NodeId, MemberId]
    ) -> None:
        """Read the directory of a node of this cluster, which began with these members."""
        self.node = node
        self.path = path
        self.chain_path = path / CHAIN
        self.journal_path = path / JOURNAL
        try:
            self.is_running = is_in_use(path)
        except OSError as error:
            raise self._unreadable(LOCK, 1, error) from error
        self.checkpoint, self._synced, self._journal = self._snapshot()
        self._require_own(cluster, founders)

    @property
    def unfinished_bytes(self) -> int:
        """How far the chain file goes beyond the checkpoint: a crash interrupted the next one."""
        return max(0, self.chain_path.stat().st_size - self.checkpoint.chain_bytes)

    def chain_lines(self) -> Iterator[bytes]:
        """Read the chain file's lines, without their newlines, up to the checkpoint's height."""
        left = self.checkpoint.chain_bytes
        slot = 1
        try:
            with open_regular(self.chain_path) as file:
                for slot in range(1, self.checkpoint.height + 1):
                    line = file.readline(min(left, _LINE_BYTES_MAX))
                    if not line.endswith(b"\n"):
                        what = "it has no end" if line else "it is missing"
                        raise self._damaged(CHAIN, slot, what)
                    left -= len(line)
                    yield line[:-1]
        except OSError as error:
            raise self._unreadable(CHAIN, slot, error) from error
        if left:
            slot = self.checkpoint.height + 1
            raise self._damaged(CHAIN, slot, f"{left} bytes too many after the last block")

    def require_checkpoint(self, ledger: Ledger) -> None:
        """Compare the checkpoint with the ledger to which the chain leads at that height."""
        assert ledger.height == self.checkpoint.height
        with self._damage_worded(CHECKPOINT):
            _require_led_to(self.checkpoint, ledger)
            self.checkpoint.state().require_next()

    def tail(self) -> ReplayedJournal:
        """Replay the journal on the checkpoint."""
        with self._damage_worded(JOURNAL):
            return replay(self.checkpoint, self._synced, self.checkpoint.state(), self._journal)

    def tail_before(self, line: int) -> ReplayedJournal:
        """Replay only the journal's lines before this one, which is damaged, and isn't the first.

        What the node promised or accepted later is not in it: no node may go on from it.
        """
        journal = b"".join(each + b"\n" for each in self._journal.split(b"\n")[: line - 1])
        with self._damage_worded(JOURNAL):
            return replay(self.checkpoint, None, self.checkpoint.state(), journal)

    def _snapshot(self) -> tuple[CheckpointLine, SyncedLine | None, bytes]:
        """Read a checkpoint, and the journal that was beside the checkpoint."""
        data = self._read(CHECKPOINT)
        while True:
            journal = self._read(JOURNAL)
            before, data = data, self._read(CHECKPOINT)
            if data == before:
                break
        with self._damage_worded(CHECKPOINT):
            checkpoint, synced = decode_checkpoint(data)
            checkpoint.state()
        return checkpoint, synced, journal

    def _require_own(self, cluster: str, founders: Mapping[NodeId, MemberId]) -> None:
        path = self.path / CHECKPOINT
        with self._damage_worded(CHECKPOINT):
            try:
                require_own(self.checkpoint, cluster, self.node, self.checkpoint.member)
            except ForeignLine as error:
                raise ForeignFiles(path, error.line, str(error)) from error
        if Membership(self.checkpoint.members).founders != founders:
            raise ForeignFiles(path, 1, "it names other nodes than cluster.json")

    def _read(self, name: str) -> bytes:
        try:
            return read_regular(self.path / name)
        except OSError as error:
            raise self._unreadable(name, 1, error) from error

    def _unreadable(self, name: str, line: int, error: OSError) -> Damage:
        is_missing = isinstance(error, FileNotFoundError)
        return self._damaged(
            name, line, "it is missing" if is_missing else f"it can't be read: {error.strerror}"
        )

    @contextmanager
    def _damage_worded(self, name: str) -> Iterator[None]:
        """Turn a `DamagedLine` of a file into `Damage`."""
        try:
            yield
        except DamagedLine as error:
            raise self._damaged(name, error.line, str(error)) from error

    def _damaged(self, name: str, line: int, what: str) -> Damage:
        return Damage(self.path / name, line, what)


def lines_of(path: Path) -> Iterator[bytes]:
    """Read all lines of a chain file beside which no checkpoint says how long it is.

    Every line there is a decided block, also if the checkpoint after it was never finished. Raises
    `Damage`.
    """
    slot = 1
    try:
        with open_regular(path) as file:
            while line := file.readline(_LINE_BYTES_MAX):
                if not line.endswith(b"\n"):
                    raise Damage(path, slot, "it has no end")
                yield line[:-1]
                slot += 1
    except OSError as error:
        raise Damage(path, slot, f"it can't be read: {error.strerror}") from error


def read_line(line: bytes, ledger: Ledger) -> AppliedBlock:
    """Decode a chain file's line: a block, not applied yet, and the outcomes written beside it.

    Raises `DamagedLine` if the block doesn't follow the ledger's last.
    """
    written = decode_chain_line(line, ledger.height + 1)
    if written.block.previous != ledger.head:
        raise DamagedLine("its block doesn't follow the one before")
    return written


def require_outcomes(written: AppliedBlock, applied: AppliedBlock) -> None:
    """Raises `DamagedLine` unless the outcomes written beside a block are those it had."""
    for what, positions, replayed in (
        ("refused", written.refused, applied.refused),
        ("skipped", written.skipped, applied.skipped),
    ):
        if positions != replayed:
            raise DamagedLine(
                f"the positions {what} should be {list(replayed)}, not {list(positions)}"
            )
    if written.is_change_void != applied.is_change_void:
        is_void = "void" if applied.is_change_void else "not void"
        raise DamagedLine(f"its change is {is_void}")


def _require_led_to(checkpoint: CheckpointLine, ledger: Ledger) -> None:
    """Raises `DamagedLine` unless a checkpoint says what the ledger says."""
    if checkpoint.head != ledger.head:
        raise DamagedLine(
            f"the head is {checkpoint.head[:12]}, the chain leads to {ledger.head[:12]}"
        )
    for what, written, replayed in (
        ("balance", checkpoint.balances, ledger.balances),
        ("last transfer", checkpoint.last, ledger.last),
    ):
        for node, number in replayed.items():
            if written.get(node) != number:
                raise DamagedLine(
                    f"node {node}'s {what} is {written.get(node)}, the chain leads to {number}"
                )
    if checkpoint.members != ledger.membership.all:
        raise DamagedLine("its members aren't those to which the chain leads")
