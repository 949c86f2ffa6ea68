"""The replay of a journal: what it adds to its checkpoint's state. Nothing is written here.

`Storage.open` acts on what is found, and `NodeFiles` reports it; each words errors in its own way.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from benmo.ledger.blocks import AppliedBlock
from benmo.paxos.types import MemberId, NodeId
from benmo.storage.checkpoint import CheckpointLine, SyncedLine
from benmo.storage.journal import (
    NodeState,
    OpenLine,
    decode_line,
    decode_opening,
    line_in,
    require_torn,
    split_torn,
)
from benmo.storage.lines import DamagedLine, checksum


class ForeignLine(DamagedLine):
    """A line names another cluster or node; `whose` says so, after the name of its file.

    `cluster` is the cluster that the line names.
    """

    def __init__(self, whose: str, cluster: str) -> None:
        super().__init__(f"it {whose}")
        self.whose = whose
        self.cluster = cluster


@dataclass(slots=True)
class ReplayedJournal:
    """A journal, applied to its checkpoint's `state`.

    A crash may leave a journal that is stale, or a last line that is torn; neither is damage.
    """

    state: NodeState
    kept: bytes
    """The bytes that the journal consists of from now on, if it isn't stale."""
    lines: int = 0
    """How many lines are applied, the opening one included; the last has `last_checksum`."""
    last_checksum: int = 0
    blocks: list[tuple[int, AppliedBlock]] = field(default_factory=list)
    """The decided blocks, each with the number of the line that decides it."""
    is_stale: bool = False
    """Whether the journal is the one before the checkpoint, which has all of it."""
    is_torn: bool = False
    """Whether the journal ends with part of a line, which is not kept."""
    is_mended: bool = False
    """Whether the last line is whole, and lacked only what every line has in common."""

    def _open(self, line: bytes, checkpoint: CheckpointLine) -> None:
        opening = decode_opening(line)
        require_own(opening, checkpoint.cluster, checkpoint.node, checkpoint.member)
        if opening.generation not in (checkpoint.generation, checkpoint.generation - 1):
            raise DamagedLine(
                f"it is generation {opening.generation}, the checkpoint's is "
                f"{checkpoint.generation}"
            )
        self.is_stale = opening.generation < checkpoint.generation
        self.last_checksum = checksum(line)
        self.lines = 1

    def _apply(self, line: bytes) -> None:
        self.state.apply(decode_line(line, self.last_checksum))
        self.last_checksum = checksum(line)
        self.lines += 1
        if len(self.state.recent) > len(self.blocks):
            self.blocks.append((self.lines, self.state.recent[-1]))

    def _end(self, rest: bytes) -> None:
        """Apply the line in the journal's end, or find the end torn."""
        whole = line_in(rest, self.last_checksum)
        if whole is not None:
            self._apply(whole)
            self.kept += whole + b"\n"
            self.is_mended = True
        elif rest:
            require_torn(rest, self.last_checksum)
            self.is_torn = bool(rest.strip(b"\0"))

    def _require(self, synced: SyncedLine) -> None:
        if self.is_stale:
            raise DamagedLine("it is older than the checkpoint, which knows a newer one")
        synced.require_in(self.kept)


def replay(
    checkpoint: CheckpointLine, synced: SyncedLine | None, state: NodeState, journal: bytes
) -> ReplayedJournal:
    """Apply a journal to the state of its checkpoint, unless the journal is stale.

    What was `synced` must be there. Raises `DamagedLine` with the line's number; `ForeignLine` for
    the journal of another node.
    """
    lines, rest = split_torn(journal)
    replayed = ReplayedJournal(state, journal[: len(journal) - len(rest)])
    try:
        if not lines:
            raise DamagedLine("it doesn't say whose journal it is")
        replayed._open(lines[0], checkpoint)
        if not replayed.is_stale:
            for line in lines[1:]:
                replayed._apply(line)
            replayed._end(rest)
    except DamagedLine as error:
        error.line = replayed.lines + 1
        raise
    except AssertionError as error:
        raise DamagedLine(str(error), replayed.lines + 1) from error
    if synced is not None:
        replayed._require(synced)
    return replayed


def require_own(
    line: OpenLine | CheckpointLine, cluster: str, node: NodeId, member: MemberId
) -> None:
    """Raises `ForeignLine` unless a file's line names this cluster, node and member.

    Raises `DamagedLine` if a checkpoint's queue isn't this node's.
    """
    if line.cluster != cluster:
        raise ForeignLine(f"belongs to another cluster, {line.cluster[:8]}", line.cluster)
    if line.node != node:
        raise ForeignLine(f"is node {line.node}'s, not node {node}'s", line.cluster)
    if line.member != member:
        whose = f"is member {line.member[:8]}'s of node {node}, not member {member[:8]}'s"
        raise ForeignLine(whose, line.cluster)
    if isinstance(line, CheckpointLine) and line.queue.debit != node:
        raise DamagedLine("its queue is another node's")
