"""A replica's knowledge of its peers: which it can reach, and how far their chains are.

All of it is a hint, for speed and for people. No decision about safety rests on it.
"""

from __future__ import annotations

from collections.abc import Collection, Set
from math import inf

from benmo.paxos.membership import Membership
from benmo.paxos.notices import QuorumMissing
from benmo.paxos.step import Step
from benmo.paxos.types import MemberId, NodeId, Settings


class Reachability:
    """Knows which peers can be reached: those whose link is up, and that aren't silent.

    Links are down until `on_link` says otherwise.
    """

    def __init__(self, settings: Settings, membership: Membership) -> None:
        self._settings = settings
        self._membership = membership
        peers = membership.peers(settings.node)
        self._heard_at = dict.fromkeys(peers, -inf)
        self._linked: set[NodeId] = set()
        self._reachable: set[NodeId] = set()
        self._heights: dict[NodeId, int | None] = dict.fromkeys(peers)
        self._is_reported = False

    def on_membership(self, membership: Membership, now: float) -> dict[NodeId, bool]:
        """Know the peers of another membership; return whose reachability changed, and to what.

        Of a node with a new member, the height is unknown.
        """
        before, self._membership = self._membership, membership
        peers = membership.peers(self._settings.node)
        changed = dict.fromkeys(sorted(self._reachable.difference(peers)), False)
        changed |= {peer: True for peer in peers if peer in self._linked and peer not in self}
        self._reachable.intersection_update(peers)
        self._heard_at = {peer: self._heard_at.get(peer, now) for peer in peers}
        heights, self._heights = self._heights, dict.fromkeys(peers)
        for peer in peers:
            if peer in before.voters and before.voters[peer].id == membership.voters[peer].id:
                self._heights[peer] = heights[peer]
        for peer, is_up in changed.items():
            if is_up:
                self._reach(peer)
        return changed

    def __contains__(self, node: object) -> bool:
        return node in self._heights

    def is_peer(self, node: NodeId, member: MemberId) -> bool:
        """Whether a member speaks for another node: as its member, or as one that came later."""
        return node in self._heights and not self._membership.is_retired(member)

    def is_retired(self, member: MemberId) -> bool:
        """Whether the chain has replaced or removed this member."""
        return self._membership.is_retired(member)

    @property
    def has_quorum(self) -> bool:
        """Whether this node and the peers that it can reach are a quorum."""
        return self.reached >= self._membership.quorum

    @property
    def reached(self) -> int:
        """How many nodes this node can reach, itself included."""
        return 1 + len(self._reachable)

    def report_no_quorum(self, is_waiting: bool, step: Step) -> None:
        """Report that no quorum can be reached, if something is waiting for one.

        The caller has found that there is none. It is reported once, until there was one again.
        """
        if is_waiting and not self._is_reported:
            node, nodes = self._settings.node, len(self._membership.nodes)
            quorum = self._membership.quorum
            step.notices.append(QuorumMissing(node, self.reached, nodes, quorum))
            self._is_reported = True

    @property
    def deadline(self) -> float:
        """When the next peer will have been silent for too long, in seconds; infinite if none."""
        oldest = min(map(self._heard_at.__getitem__, self._reachable), default=inf)
        return oldest + self._settings.silence_s

    def is_reachable(self, peer: NodeId) -> bool:
        return peer in self._reachable

    def height(self, peer: NodeId) -> int:
        """The height that the peer reported last, 0 at first."""
        return self._heights.get(peer) or 0

    def has_quorum_at(self, height: float, also: Collection[NodeId]) -> bool:
        """Whether a quorum, this node left out, has reported this height or more, or is in `also`.

        Nodes that don't vote now count for nothing.
        """
        nodes = self._membership.nodes
        there = sum(node in also or self.height(node) >= height for node in nodes)
        return there >= self._membership.quorum

    def has_reported(self, peer: NodeId) -> bool:
        """Whether the peer has reported its height since this node started."""
        return self._heights[peer] is not None

    def highest_reachable(self, but: Set[NodeId]) -> NodeId | None:
        """The reachable peer with the greatest height, the lowest id among equals.

        Peers in `but` are left out; None if no other can be reached.
        """
        return max(sorted(self._reachable - but), key=self.height, default=None)

    def on_heard(self, peer: NodeId, now: float) -> bool:
        """Note that a message came; True if this makes the peer reachable again."""
        self._heard_at[peer] = now
        if peer not in self._linked or peer in self._reachable:
            return False
        self._reach(peer)
        return True

    def on_link(self, peer: NodeId, up: bool, now: float) -> bool:
        """Note that the link came up or went down; True if the peer's reachability changed."""
        if up:
            self._linked.add(peer)
        else:
            self._linked.discard(peer)
        if peer not in self:  # the chain may add it later
            return False
        before = peer in self._reachable
        if up:
            self._heard_at[peer] = now
            self._reach(peer)
        else:
            self._reachable.discard(peer)
        return before != up

    def _reach(self, peer: NodeId) -> None:
        self._reachable.add(peer)
        self._is_reported = self._is_reported and not self.has_quorum

    def on_height(self, peer: NodeId, height: int) -> None:
        if peer in self._heights:
            self._heights[peer] = height

    def silent(self, now: float) -> list[NodeId]:
        """Make peers that were silent for too long unreachable, and return them."""
        silence_s = self._settings.silence_s
        gone = sorted(peer for peer in self._reachable if self._heard_at[peer] + silence_s <= now)
        self._reachable.difference_update(gone)
        return gone
