"""The scene that a tour sees: the nodes' states now, and their notices since a mark."""

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
from benmo.paxos.notices import (
    BallotGivenUp,
    BlockReported,
    LeadershipWon,
    NoticeKind,
    ProposalAccepted,
    ProposalMade,
)
from benmo.paxos.types import Ballot, Change, ChangeKind, NodeId
from benmo.quorum import quorum_of


@dataclass(frozen=True, slots=True)
class DecidedSlot:
    """A slot that was decided since the mark, and what was seen of how."""

    slot: int
    proposed_in: Ballot
    """The ballot in which its block was proposed first, which the block itself names."""
    ballot: Ballot
    """The ballot in which a majority was seen to accept it; else as `proposed_in`."""
    accepted_by: tuple[NodeId, ...]
    """The nodes, a majority, that were seen to accept it in `ballot`; else empty."""
    promised_by: tuple[NodeId, ...]
    """The nodes whose promises made its leader lead; empty if that came before the mark."""


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A block that a leader had to propose, since promises reported it."""

    slot: int
    ballot: Ballot
    """The leader's ballot."""
    proposed_in: Ballot
    """The ballot in which the block was first proposed."""
    reporters: tuple[NodeId, ...]


class Scene:
    """Watches the nodes' states and notices, from the last `mark` on.

    Only what nodes accepted counts from the beginning: one node may have accepted a slot long
    before a majority has.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._notices: list[tuple[NodeId, Notice]] = []
        self._marked = 0
        """The count of the notices that came before the mark."""
        self._heights: dict[NodeId, int] = {}
        self._heights_before: dict[NodeId, int] = {}
        self._hurried_before: Counter[NodeId] = Counter()
        self._kept_down_before: Counter[NodeId] = Counter()

    # Watching.

    def mark(self) -> None:
        """Set the mark: notices count from here on, and heights are compared with those now."""
        self._marked = len(self._notices)
        self.look()
        self._heights_before = dict(self._heights)
        self._hurried_before = self.fleet.hurried.copy()
        self._kept_down_before = self.fleet.disks.kept_down.copy()

    def tell(self, node: NodeId, notice: Notice) -> None:
        """Take a node's notice; called in another thread."""
        self._notices.append((node, notice))

    def look(self) -> None:
        """Remember the heights as they are now, for a node that is gone can't be asked."""
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
        """A node's height when it was last seen; 0 if it never was."""
        return self._heights.get(node, 0)

    def height_before(self, node: NodeId) -> int:
        return self._heights_before.get(node, 0)

    @property
    def top_before(self) -> int:
        return max(self._heights_before.values(), default=0)

    def are_level(self, nodes: Iterable[NodeId], above: int) -> bool:
        """Whether these nodes all answer, and have the same height, which is above `above`."""
        snapshots = [self.fleet.snapshot(node) for node in nodes]
        heights = {None if snapshot is None else snapshot.height for snapshot in snapshots}
        return len(heights) == 1 and all(each is not None and each > above for each in heights)

    def queue(self, node: NodeId) -> int | None:
        """Count the transfers that wait at a node; None if the node doesn't answer."""
        snapshot = self.fleet.snapshot(node)
        return None if snapshot is None else snapshot.queue

    def is_done(self, node: NodeId) -> bool:
        """Whether nothing waits at a node; the node is asked, since `queue` may be old."""
        with suppress(Refused, NodeGone):
            return self.fleet.value(node, "printQueue") == []
        return False

    def was_hurried(self, node: NodeId) -> bool:
        """Whether a node was asked since the mark to campaign at once."""
        return self.fleet.hurried[node] > self._hurried_before[node]

    def was_kept_down(self, node: NodeId) -> bool:
        """Whether a node was to be started since the mark, and was not, for its disk is lost."""
        return self.fleet.disks.kept_down[node] > self._kept_down_before[node]

    def has_undecided(self, node: NodeId) -> bool:
        """Whether a node has accepted a block that it doesn't know to be decided."""
        snapshot = self.fleet.snapshot(node)
        return snapshot is None or snapshot.accepted is not None

    def has_quorum(self, node: NodeId) -> bool | None:
        snapshot = self.fleet.snapshot(node)
        return None if snapshot is None else snapshot.quorum

    def reaches(self, node: NodeId, others: Iterable[NodeId]) -> bool:
        """Whether a node sees the link to any of `others` as up."""
        snapshot = self.fleet.snapshot(node)
        peers = () if snapshot is None else snapshot.peers
        return any(peer.link is Link.UP for peer in peers if peer.node in set(others))

    def reached_by(self, node: NodeId) -> int:
        """Count the nodes that this one can reach, itself included."""
        snapshot = self.fleet.snapshot(node)
        return 0 if snapshot is None else 1 + sum(peer.link is Link.UP for peer in snapshot.peers)

    def head(self, node: NodeId) -> str:
        """The first 12 digits of a node's last hash; empty if the node doesn't answer."""
        with suppress(Refused, NodeGone):
            return self.fleet.status(node).head[:12]
        return ""

    # Notices since the mark.

    def decided(self) -> list[DecidedSlot]:
        """Every slot that was decided since the mark, in order."""
        proposed_in = {
            notice.slot: notice.proposed_in
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
        """The slot in which the payer's last transfer was decided; None if that wasn't reported."""
        slots = [
            notice.slot
            for node, notice in self._since_mark()
            if node == payer and isinstance(notice, TransferApplied | RunApplied)
        ]
        wanted = slots[-1] if slots else 0
        return next((decided for decided in self.decided() if decided.slot == wanted), None)

    def _choices(self) -> dict[int, tuple[Ballot, tuple[NodeId, ...]]]:
        """For each slot, the lowest ballot in which a majority accepted it, and those nodes."""
        accepted: dict[tuple[int, Ballot], set[NodeId]] = {}
        for node, notice in list(self._notices):
            if isinstance(notice, ProposalAccepted):
                accepted.setdefault((notice.slot, notice.ballot), set()).add(node)
        quorum = quorum_of(len(self.everyone))
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

    def taken_over(self) -> TakenOver | None:
        """The block that a leader had to take over last since the mark; None if none had to."""
        reports: dict[NodeId, list[BlockReported]] = {}
        found = None
        for node, notice in self._since_mark():
            if isinstance(notice, BlockReported):
                reports.setdefault(node, []).append(notice)
            elif isinstance(notice, ProposalMade) and notice.taken_over != Ballot.ZERO:
                its = [each for each in reports.pop(node, []) if each.slot == notice.slot]
                reporters = tuple(sorted({peer for each in its for peer in each.reporters}))
                found = TakenOver(notice.slot, notice.ballot, notice.taken_over, reporters)
        return found

    def accepted_from(self, proposer: NodeId) -> tuple[int, Ballot, tuple[NodeId, ...]] | None:
        """The proposer's last proposal since the mark: slot, ballot, and who accepted it.

        None if no node was seen to accept any.
        """
        accepted: dict[tuple[Ballot, int], set[NodeId]] = {}
        for node, notice in self._since_mark():
            if isinstance(notice, ProposalAccepted) and notice.proposer == proposer:
                accepted.setdefault((notice.ballot, notice.slot), set()).add(node)
        if not accepted:
            return None
        (ballot, slot), nodes = max(accepted.items(), key=lambda each: each[0])
        return slot, ballot, tuple(sorted(nodes))

    def given_up(self) -> list[BallotGivenUp]:
        """The ballots that nodes gave up since the mark, and why."""
        return [notice for _, notice in self._since_mark() if isinstance(notice, BallotGivenUp)]

    def replacement(self, node: NodeId) -> tuple[int, Change] | None:
        """The change that gave a node a new member since the mark, and its slot; None if none."""
        for _, notice in self._since_mark():
            if isinstance(notice, SlotDecided) and notice.change is not None:
                change = notice.change
                if (change.kind, change.node) == (ChangeKind.REPLACE, node):
                    return notice.slot, change
        return None

    def count(self, kind: NoticeKind) -> int:
        return sum(notice.kind is kind for _, notice in self._since_mark())

    def _since_mark(self) -> list[tuple[NodeId, Notice]]:
        return self._notices[self._marked :]
