"""What the tour sees of the real nodes: their states now, and what they said since a mark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from benmo.control.connection import NodeGone
from benmo.demo.fleet import Fleet
from benmo.errors import Refused
from benmo.network.link import Link
from benmo.notices import Notice, RunApplied, SlotDecided, TransferApplied
from benmo.paxos.notices import BallotGivenUp, LeadershipWon, NoticeKind, ProposalAccepted
from benmo.paxos.types import Ballot, NodeId


@dataclass(frozen=True, slots=True)
class DecidedSlot:
    """A slot that was decided while one watched."""

    slot: int
    proposed_in: Ballot
    """The first ballot in which its block was proposed: that is the one in the block."""
    ballot: Ballot
    """In which a majority accepted it; if none was seen to, the one in the block."""
    accepted_by: tuple[NodeId, ...]
    """A majority; empty if none was seen to accept it in one ballot."""
    promised_by: tuple[NodeId, ...]
    """Those whose promises made it leader; none if that wasn't reported since the mark."""


class Scene:
    """Heights and notices are counted from the last `mark`, but what was accepted before counts.

    A node may have accepted a slot long before enough of the others do.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._notices: list[tuple[NodeId, Notice]] = []
        self._marked = 0
        """How many notices came before the mark."""
        self._heights: dict[NodeId, int] = {}
        self._heights_before: dict[NodeId, int] = {}
        self._hurried_before: Counter[NodeId] = Counter()

    # What happens.

    def mark(self) -> None:
        """From here on."""
        self._marked = len(self._notices)
        self.look()
        self._heights_before = dict(self._heights)
        self._hurried_before = self.fleet.hurried.copy()

    def tell(self, node: NodeId, notice: Notice) -> None:
        """A node said something; called in another thread."""
        self._notices.append((node, notice))

    def look(self) -> None:
        """Remember the heights as they are, for nodes that go."""
        for node in self.fleet.nodes:
            snapshot = self.fleet.snapshot(node)
            if snapshot is not None:
                self._heights[node] = snapshot.height

    # States.

    @property
    def everyone(self) -> tuple[NodeId, ...]:
        return self.fleet.nodes

    @property
    def answering(self) -> list[NodeId]:
        return [node for node in self.fleet.nodes if self.fleet.is_answering(node)]

    def height(self, node: NodeId) -> int:
        """A node's height when it was last seen."""
        return self._heights.get(node, 0)

    def height_before(self, node: NodeId) -> int:
        return self._heights_before.get(node, 0)

    @property
    def top_before(self) -> int:
        return max(self._heights_before.values(), default=0)

    def are_level(self, nodes: Iterable[NodeId], above: int) -> bool:
        """Whether these answer, and all have the same height, above that one."""
        snapshots = [self.fleet.snapshot(node) for node in nodes]
        heights = {None if snapshot is None else snapshot.height for snapshot in snapshots}
        return len(heights) == 1 and all(each is not None and each > above for each in heights)

    def queue(self, node: NodeId) -> int | None:
        """How much waits at a node; None if it doesn't answer."""
        snapshot = self.fleet.snapshot(node)
        return None if snapshot is None else snapshot.queue

    def is_done(self, node: NodeId) -> bool:
        """Whether nothing waits at a node, at this moment: it is asked, as `queue` may be old."""
        with suppress(Refused, NodeGone):
            return self.fleet.value(node, "printQueue") == []
        return False

    def was_hurried(self, node: NodeId) -> bool:
        """Whether it was told since the mark to campaign at once."""
        return self.fleet.hurried[node] > self._hurried_before[node]

    def has_quorum(self, node: NodeId) -> bool | None:
        snapshot = self.fleet.snapshot(node)
        return None if snapshot is None else snapshot.quorum

    def reaches(self, node: NodeId, others: Iterable[NodeId]) -> bool:
        """Whether the link to any of these is up, as this node sees it."""
        snapshot = self.fleet.snapshot(node)
        peers = () if snapshot is None else snapshot.peers
        return any(peer.link is Link.UP for peer in peers if peer.node in set(others))

    def reached_by(self, node: NodeId) -> int:
        """How many nodes this one can reach, itself included."""
        snapshot = self.fleet.snapshot(node)
        return 0 if snapshot is None else 1 + sum(peer.link is Link.UP for peer in snapshot.peers)

    def head(self, node: NodeId) -> str:
        """The beginning of the last block's hash; empty if the node doesn't answer."""
        with suppress(Refused, NodeGone):
            return self.fleet.status(node).head[:12]
        return ""

    # What was said since the mark.

    def decided(self) -> list[DecidedSlot]:
        """Every slot that was decided, in order."""
        proposed_in = {
            notice.slot: notice.ballot
            for _, notice in self._since_mark()
            if isinstance(notice, SlotDecided)
        }
        choices = self._choices()
        promised = self._promised()
        decided = []
        for slot, first in sorted(proposed_in.items()):
            ballot, nodes = choices.get(slot, (first, ()))
            decided.append(DecidedSlot(slot, first, ballot, nodes, promised.get(ballot, ())))
        return decided

    def decided_for(self, payer: NodeId) -> DecidedSlot | None:
        """The slot in which the last transfer of this node's was decided, if that was told."""
        slots = [
            notice.slot
            for node, notice in self._since_mark()
            if node == payer and isinstance(notice, TransferApplied | RunApplied)
        ]
        wanted = slots[-1] if slots else 0
        return next((decided for decided in self.decided() if decided.slot == wanted), None)

    def _choices(self) -> dict[int, tuple[Ballot, tuple[NodeId, ...]]]:
        """For each slot, the lowest ballot in which a majority accepted it, and who did."""
        accepted: dict[tuple[int, Ballot], set[NodeId]] = {}
        for node, notice in list(self._notices):
            if isinstance(notice, ProposalAccepted):
                accepted.setdefault((notice.slot, notice.ballot), set()).add(node)
        quorum = len(self.everyone) // 2 + 1
        choices: dict[int, tuple[Ballot, tuple[NodeId, ...]]] = {}
        for (slot, ballot), nodes in sorted(accepted.items()):
            if len(nodes) >= quorum:
                choices.setdefault(slot, (ballot, tuple(sorted(nodes))))
        return choices

    def _promised(self) -> dict[Ballot, tuple[NodeId, ...]]:
        return {
            notice.ballot: notice.promised_by
            for _, notice in self._since_mark()
            if isinstance(notice, LeadershipWon)
        }

    def given_up(self) -> list[BallotGivenUp]:
        """The ballots with which a node could not lead."""
        return [notice for _, notice in self._since_mark() if isinstance(notice, BallotGivenUp)]

    def count(self, kind: NoticeKind) -> int:
        return sum(notice.kind is kind for _, notice in self._since_mark())

    def _since_mark(self) -> list[tuple[NodeId, Notice]]:
        return self._notices[self._marked :]
