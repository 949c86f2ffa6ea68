"""The queue of a member that was replaced, as far as anybody knows it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benmo.admin.ownership import holds_state
from benmo.cluster import Cluster
from benmo.errors import StateError
from benmo.ledger.transfers import Run, Transfer
from benmo.ledger.visible_text import escaped
from benmo.paxos.types import MemberId, NodeId
from benmo.storage.lock import LOCK
from benmo.storage.node_files import Damage, NodeFiles

_NAMED_MAX = 20
"""The limit of transfers that are named one by one; of more, the ids are."""

_KNOWN = "as far as this machine and the nodes that are up know"


@dataclass(frozen=True, slots=True)
class OldQueue:
    """A member's queue, as far as it is known.

    node    the member's node
    told    the number of the last transfer that other nodes know to be queued; 0 if there is none
    run     what the member's directory shows; None if it isn't here, or its queue can't be read
    damage  the directory's first damage; what was queued behind it isn't in `run`
    """

    node: NodeId
    told: int = 0
    run: Run | None = None
    damage: Damage | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the member's directory is here, and undamaged."""
        return self.run is not None and self.damage is None

    @property
    def last(self) -> int:
        """The number of the last transfer that is known to be queued; 0 if there is none."""
        return max(self.told, 0 if self.run is None else self.run.end - 1)

    def lost_text(self, decided: int) -> str:
        """Say what is lost, without a full stop; `decided` is the number of the last decided."""
        first = decided + 1
        run = Run(self.node, first, (), ()) if self.run is None else self.run.since(first)
        names = ", ".join((*named(run), *_span(self.node, max(run.end, first), self.told)))
        again = (
            f"{pay_again(run if run.end > self.told else None)}. "
            f"Their ids may be given out again, for other payments"
        )
        if self.is_whole and not names:
            return f"No transfer of node {self.node} waited to be decided, {_KNOWN}"
        if self.is_whole:
            return f"Lost, {_KNOWN}: {names}. {again}"
        if self.damage is None:
            known = f". Of it, the nodes that are up know {names}" if names else ""
            what = f"What waited in node {self.node}'s queue is lost with its disk"
            return f"{what}, and nobody else can know it{known}. {self._reuse(first)}"
        where = f"{self.damage.path.name}, line {self.damage.line}"
        what = f"Node {self.node}'s files are damaged ({where})"
        if not names:
            return f"{what}: what waited in its queue can't be known. {self._reuse(first)}"
        return (
            f"{what}: what it queued behind that can't be known. Known of it, and lost: "
            f"{names}. {again}"
        )

    def _reuse(self, first: int) -> str:
        return (
            f"An id from {self.node}-{first} on may be given out again, for another payment, "
            f"even if it was shown as queued"
        )

    def old_directory(self, retired: Path, decided: int) -> str:
        """Say where the directory is now, and whether anybody needs it; without a full stop."""
        said = f"The old directory is {retired}"
        if self.damage is not None:
            return f"{said}: keep it, for nothing else is left of its queue"
        if not self.is_whole:
            return said
        if self.last > decided:
            return f"{said}: keep it until what is lost is paid again"
        return f"{said}; nothing needs it any more"


def read_queue(path: Path, cluster: Cluster, node: NodeId, member: MemberId, told: int) -> OldQueue:
    """Read what a member's directory shows of its queue; `told` is as in `OldQueue`.

    A directory that has never run here isn't where the member queued anything.
    """
    if not holds_state(path) or not (path / LOCK).exists():
        return OldQueue(node, told)
    try:
        files = NodeFiles(path, cluster.cluster, node, cluster.founders.ids)
    except Damage as damage:
        return OldQueue(node, told, None, damage)
    except (StateError, OSError):
        return OldQueue(node, told)
    if files.checkpoint.member != member:
        return OldQueue(node, told)
    try:
        return OldQueue(node, told, files.tail().state.queue)
    except Damage as damage:
        return OldQueue(node, told, _queue_before(files, damage.line), damage)


def _queue_before(files: NodeFiles, line: int) -> Run:
    """The queue up to the journal's line that is damaged."""
    if line > 1:
        with suppress(Damage):
            return files.tail_before(line).state.queue
    return files.checkpoint.state().queue


def named(run: Run) -> Iterable[str]:
    """Name each transfer of a run, with its amount, whom it pays, its memo and its key."""
    for transfer in islice(run.transfers(), _NAMED_MAX):
        yield _named(transfer)
    yield from _span(run.debit, run.first + _NAMED_MAX, run.end - 1)


def _named(transfer: Transfer) -> str:
    return f'{transfer}, key "{escaped(transfer.key)}"' if transfer.key else str(transfer)


def _span(node: NodeId, first: int, last: int) -> list[str]:
    """The ids from one number to another; none if there are none."""
    if last < first:
        return []
    return [f"{node}-{first}" if first == last else f"{node}-{first} to {node}-{last}"]


def pay_again(run: Run | None) -> str:
    """Say how to pay these transfers, or those of which only the ids are known, again."""
    if run is not None and not any(run.key):
        return "Pay again"
    return "Pay again; what had a key, under the same key"
