"""One node's files, read and checked, and never written: of a stopped node or a running one.

Checkpoint and journal are replaced by a rename, and the chain file is only ever appended to beyond
the length that the checkpoint names. So what is read here belongs together, even while the node
writes on: it is the node's state at one moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benmo.cluster import Cluster, StateDirectory
from benmo.errors import StateError
from benmo.ledger.blocks import BLOCK_BYTES_MAX, AppliedBlock
from benmo.ledger.ledger import Ledger
from benmo.paxos.types import NodeId
from benmo.storage.chain_file import decode_chain_line
from benmo.storage.checkpoint import CheckpointLine, decode_checkpoint
from benmo.storage.journal import (
    OpenLine,
    decode_line,
    decode_opening,
    line_in,
    require_torn,
    split_torn,
)
from benmo.storage.lines import DamagedLine, checksum
from benmo.storage.lock import is_in_use
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL

_LINE_BYTES_MAX = 4 * BLOCK_BYTES_MAX
"""More than any line of the chain file: a block, and the positions of what was refused in it."""


class Damage(StateError):
    """Something in a file isn't as it was written. The text begins with `file:line:`."""

    def __init__(self, path: Path, line: int, what: str) -> None:
        super().__init__(f"{path}:{line}: {what}")
        self.path = path
        self.line = line
        self.what = what


@dataclass(frozen=True, slots=True)
class Tail:
    """What a journal adds to its checkpoint: decided blocks, each with its line in the journal.

    A crash may leave the journal that the checkpoint took the place of (`is_stale`), or a last
    line that is torn; neither is damage.
    """

    blocks: tuple[tuple[int, AppliedBlock], ...] = ()
    is_stale: bool = False
    is_torn: bool = False


class NodeFiles:
    """A node's directory as it stands. Raises `Damage` where it isn't what the node wrote."""

    def __init__(self, state: StateDirectory, cluster: Cluster, node: NodeId) -> None:
        self.node = node
        self.path = state.node(node)
        self.is_running = is_in_use(self.path)
        self._cluster = cluster
        self.checkpoint, self._journal = self._snapshot()
        self._require_own(self.checkpoint, CHECKPOINT)
        self._require_of_cluster()

    @property
    def chain_path(self) -> Path:
        return self.path / CHAIN

    @property
    def journal_path(self) -> Path:
        return self.path / JOURNAL

    @property
    def unfinished_bytes(self) -> int:
        """How long the chain file goes on beyond the checkpoint: a crash interrupted the next."""
        return max(0, self.chain_path.stat().st_size - self.checkpoint.chain_bytes)

    def chain_lines(self) -> Iterator[bytes]:
        """The lines of the chain file, without their newlines, up to the checkpoint's height."""
        left = self.checkpoint.chain_bytes
        slot = 1
        try:
            with open(self.chain_path, "rb") as file:
                for slot in range(1, self.checkpoint.height + 1):
                    line = file.readline(min(left, _LINE_BYTES_MAX))
                    if not line.endswith(b"\n"):
                        raise self._damaged(CHAIN, slot, _why_cut(line))
                    left -= len(line)
                    yield line[:-1]
        except OSError as error:
            raise self._unreadable(CHAIN, slot, error) from error
        if left:
            slot = self.checkpoint.height + 1
            raise self._damaged(CHAIN, slot, f"{left} bytes too many after the last block")

    def require_checkpoint(self, ledger: Ledger) -> None:
        """Compare the checkpoint with the ledger to which the chain led at its height."""
        checkpoint = self.checkpoint
        assert ledger.height == checkpoint.height
        what = _difference(checkpoint, ledger)
        if what:
            raise self._damaged(CHECKPOINT, 1, what)
        try:
            checkpoint.state().require_next()
        except DamagedLine as error:
            raise self._damaged(CHECKPOINT, 1, str(error)) from error

    def tail(self) -> Tail:
        """Replay the journal on the checkpoint."""
        number = 1
        try:
            lines, rest = split_torn(self._journal)
            if not lines:
                raise DamagedLine("it doesn't say whose journal it is")
            if self._is_stale(lines[0]):
                return Tail(is_stale=True)
            state = self.checkpoint.state()
            sum_before = checksum(lines[0])
            blocks: list[tuple[int, AppliedBlock]] = []
            for line in lines[1:]:
                number += 1
                state.apply(decode_line(line, sum_before))
                sum_before = checksum(line)
                if len(state.recent) > len(blocks):
                    blocks.append((number, state.recent[-1]))
            whole = line_in(rest, sum_before)
            if whole is not None:
                number += 1
                state.apply(decode_line(whole, sum_before))
                if len(state.recent) > len(blocks):
                    blocks.append((number, state.recent[-1]))
            elif rest:
                number += 1
                require_torn(rest, sum_before)
        except (DamagedLine, AssertionError) as error:
            raise self._damaged(JOURNAL, number, str(error)) from error
        return Tail(tuple(blocks), is_torn=bool(rest.strip(b"\0")) and whole is None)

    def _snapshot(self) -> tuple[CheckpointLine, bytes]:
        """A checkpoint, and the journal that was beside it."""
        data = self._read(CHECKPOINT)
        while True:
            journal = self._read(JOURNAL)
            before, data = data, self._read(CHECKPOINT)
            if data == before:
                break
        try:
            checkpoint = decode_checkpoint(data)
            checkpoint.state()
        except (DamagedLine, AssertionError, ValueError) as error:
            raise self._damaged(CHECKPOINT, 1, str(error)) from error
        return checkpoint, journal

    def _is_stale(self, line: bytes) -> bool:
        opening = decode_opening(line)
        self._require_own(opening, JOURNAL)
        generation = self.checkpoint.generation
        if opening.generation not in (generation, generation - 1):
            raise DamagedLine(f"it is generation {opening.generation}, not {generation}")
        return opening.generation < generation

    def _require_own(self, line: OpenLine | CheckpointLine, name: str) -> None:
        if line.cluster != self._cluster.cluster:
            raise self._damaged(name, 1, f"it belongs to another cluster, {line.cluster[:8]}")
        if line.node != self.node:
            raise self._damaged(name, 1, f"it is node {line.node}'s, not node {self.node}'s")

    def _require_of_cluster(self) -> None:
        if tuple(self.checkpoint.balances) != self._cluster.ids:
            raise self._damaged(CHECKPOINT, 1, "it names other nodes than cluster.json")
        if self.checkpoint.queue.debit != self.node:
            raise self._damaged(CHECKPOINT, 1, "its queue is another node's")

    def _read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise self._unreadable(name, 1, error) from error

    def _unreadable(self, name: str, line: int, error: OSError) -> Damage:
        is_missing = isinstance(error, FileNotFoundError)
        return self._damaged(
            name, line, "it is missing" if is_missing else f"it can't be read: {error.strerror}"
        )

    def _damaged(self, name: str, line: int, what: str) -> Damage:
        return Damage(self.path / name, line, what)


def read_line(line: bytes, ledger: Ledger) -> AppliedBlock:
    """The block of a chain file's line and the outcomes written beside it, not applied yet.

    Raises `DamagedLine` if it isn't one that follows where the ledger is.
    """
    written = decode_chain_line(line, ledger.height + 1)
    if written.block.previous != ledger.head:
        raise DamagedLine("its block doesn't follow the one before")
    return written


def require_outcomes(written: AppliedBlock, applied: AppliedBlock) -> None:
    """Raises `DamagedLine` unless what was written beside a block is what became of it."""
    for what, positions, replayed in (
        ("refused", written.refused, applied.refused),
        ("skipped", written.skipped, applied.skipped),
    ):
        if positions != replayed:
            raise DamagedLine(
                f"the positions {what} should be {list(replayed)}, not {list(positions)}"
            )


def _difference(checkpoint: CheckpointLine, ledger: Ledger) -> str:
    """What a checkpoint says otherwise than the ledger; empty if it is the same."""
    if checkpoint.head != ledger.head:
        return f"the head is {checkpoint.head[:12]}, the chain leads to {ledger.head[:12]}"
    for what, written, replayed in (
        ("balance", checkpoint.balances, ledger.balances),
        ("last transfer", checkpoint.last, ledger.last),
    ):
        for node, number in replayed.items():
            if written.get(node) != number:
                return f"node {node}'s {what} is {written.get(node)}, the chain leads to {number}"
    return ""


def _why_cut(line: bytes) -> str:
    return "it has no end" if line else "it is missing"
