"""What a node may be asked about itself; read in its loop's thread."""

from __future__ import annotations

import math
from collections.abc import Callable

from benmo.cluster import Cluster
from benmo.commands.node_status import Toolbar
from benmo.engine.engine import Engine
from benmo.network.link import Link
from benmo.network.peer_links import PeerTransport
from benmo.paxos.types import Ballot, NodeId
from benmo.wording import why_no_quorum


class View:
    """A running node as it stands. `now` gives the node's time, in seconds."""

    def __init__(
        self,
        node: NodeId,
        cluster: Cluster,
        engine: Engine,
        transport: PeerTransport,
        now: Callable[[], float],
    ) -> None:
        self.node = node
        self.peers = [peer for peer in cluster.ids if peer != node]
        self._engine = engine
        self._transport = transport
        self._now = now

    @property
    def role(self) -> str:
        leader = self._engine.replica.leader
        if leader.is_leading:
            return "leader"
        return "candidate" if leader.is_active else "acceptor"

    @property
    def ballot(self) -> Ballot:
        """The ballot that this node acts in: its own, the leader's, or else the promised one."""
        replica = self._engine.replica
        if replica.leader.is_active:
            return replica.leader.ballot
        return replica.known_leader if replica.known_leader.round else replica.acceptor.promised

    def link(self, peer: NodeId) -> Link:
        """The link to a peer; one that is up but silent counts as down."""
        link = self._transport.link(peer)
        if link is Link.UP and not self._engine.replica.reachability.is_reachable(peer):
            return Link.DOWN
        return link

    def how_sent(self, peer: NodeId) -> str:
        """What is odd about how this node sends to a peer, to stand after the link's state."""
        if self._transport.is_one_way(peer):
            return " one way"
        delay_s = self._transport.delay_s(peer)
        return f", sends {delay_s * 1000:g} ms late" if delay_s else ""

    def severed(self) -> list[NodeId]:
        return [peer for peer in self.peers if self._transport.link(peer) is Link.SEVERED]

    @property
    def has_quorum(self) -> bool:
        """Whether this node and those that it reaches are a majority."""
        return self._engine.replica.reachability.has_quorum

    def why_undecided(self) -> str:
        """In a few words, why what is queued is not decided yet."""
        replica = self._engine.replica
        if not replica.reachability.has_quorum:
            settings, reached = self._engine.settings, replica.reachability.reached
            return why_no_quorum(self.node, reached, len(settings.nodes), settings.quorum)
        if replica.leader.is_active:
            return f"node {self.node} is at it with ballot {replica.leader.ballot}"
        if replica.election.leader != Ballot.ZERO:
            ballot = replica.election.leader
            return f"node {ballot.node} is at it with ballot {ballot}"
        wait_s = max(0.0, replica.election.deadline - self._now())
        return f"node {self.node} tries to lead in {wait_s:.0f} s"

    def toolbar(self) -> Toolbar:
        """The state at a glance, to be read by any thread."""
        pool = self._engine.pool
        due = self._engine.replica.election.deadline
        return Toolbar(
            self.node,
            self.role,
            self.ballot,
            self._engine.ledger.height,
            self._engine.ledger.balances[self.node],
            pool.available,
            len(pool.queue),
            tuple((peer, self.link(peer)) for peer in self.peers),
            self.has_quorum,
            None if math.isinf(due) else max(0.0, due - self._now()),
        )
