"""Answers what a node can be asked about itself; used in the node's loop thread.

This is the only door to the engine's state: no other part of a running node looks into the replica.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping

import msgspec
from msgspec.structs import replace

from benmo.cluster import Cluster
from benmo.commands.node_status import (
    MemberStatus,
    NodeSnapshot,
    NodeStatus,
    PeerStatus,
    UndecidedProposal,
)
from benmo.engine.engine import Engine
from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.payment_keys import KnownPayment
from benmo.ledger.transfers import Run
from benmo.network.link import Link
from benmo.network.peer_links import PeerLinks
from benmo.network.slow_links import what_slow_links_mean
from benmo.node.confirmed_reads import ConfirmedReads
from benmo.node.disk_pace import REPORT_S
from benmo.node.height_waits import HeightWaits
from benmo.node.turns import Turns
from benmo.paxos.membership import Member
from benmo.paxos.types import Ballot, NodeId
from benmo.storage.node_storage import NodeStorage
from benmo.wording import why_disk_slow, why_no_quorum

_CHUNK_BYTES = 1 << 16
"""About how much of the chain is read before the loop works on."""


class View:
    """The state of a running node. `now` gives the node's time, in seconds."""

    def __init__(
        self,
        cluster: Cluster,
        engine: Engine,
        transport: PeerLinks,
        storage: NodeStorage,
        turns: Turns,
        confirmed_reads: ConfirmedReads,
        heights: HeightWaits,
        now: Callable[[], float],
    ) -> None:
        self.node = engine.settings.node
        self.member = engine.settings.member
        self._cluster = cluster
        self._engine = engine
        self._replica = engine.replica
        self._transport = transport
        self._storage = storage
        self._turns = turns
        self._confirmed_reads = confirmed_reads
        self._heights = heights
        self._now = now
        self._frozen: NodeSnapshot | None = None

    def what_delays_mean(self) -> list[str]:
        """Say what the delays of what this node sends mean for it: sentences, perhaps none."""
        delays_ms = {peer: round(1000 * self._transport.delay_s(peer)) for peer in self.peers}
        engine = self._engine
        return what_slow_links_mean(engine.settings, engine.membership, delays_ms, False)

    def freeze(self, is_frozen: bool) -> None:
        """Show the state as it is now, and nothing newer but decisions, as long as this lasts."""
        self._frozen = self.snapshot() if is_frozen else None

    # Money and the chain.

    @property
    def height(self) -> int:
        return self._engine.ledger.height

    @property
    def balances(self) -> Mapping[NodeId, int]:
        return self._engine.ledger.balances

    @property
    def balance(self) -> int:
        """This node's money, by its chain; 0 while the chain doesn't know the node."""
        return self._engine.ledger.balances.get(self.node, 0)

    @property
    def available(self) -> int:
        """The part of this node's balance that its queue doesn't spend."""
        frozen = self._frozen
        return self._engine.queue.available if frozen is None else frozen.available

    @property
    def queue(self) -> Run:
        """This node's undecided transfers, perhaps none."""
        return self._engine.queue.own

    @property
    def forwarded(self) -> tuple[Run, ...]:
        """The undecided transfers that other nodes have forwarded to this one."""
        return self._engine.queue.forwarded()

    @property
    def last_decided(self) -> int:
        """The number of this node's last decided transfer, 0 if it has none."""
        return self._engine.ledger.last.get(self.node, 0)

    @property
    def last_decided_of_all(self) -> Mapping[NodeId, int]:
        """The number of each node's last decided transfer, 0 if it has none."""
        return self._engine.ledger.last

    def find(self, key: str) -> KnownPayment | None:
        """This node's transfer with this key, queued or decided; None if there is none."""
        return self._engine.keys.find(key)

    def read(self, first_slot: int, bytes_max: int) -> list[AppliedBlock]:
        """Read decided blocks from a slot on, about `bytes_max` bytes of them, one at least."""
        return self._storage.read(first_slot, bytes_max)

    async def blocks(
        self, first: int, last: int, bytes_max: float = math.inf
    ) -> AsyncIterator[AppliedBlock]:
        """Yield the blocks of slots `first` to `last`, about `bytes_max` bytes, one at least.

        The loop works between chunks.
        """
        slot, left_bytes = first, bytes_max
        while slot <= last and left_bytes > 0:
            for applied in self.read(slot, _CHUNK_BYTES):
                if applied.block.slot > last or left_bytes <= 0:
                    return
                yield applied
                slot = applied.block.slot + 1
                left_bytes -= len(applied.block.data)
            await asyncio.sleep(0)

    # Waits.

    async def until_settled(self) -> None:
        """Wait until this node's state has all that was asked of the node before this call."""
        await self._turns.until_settled()

    async def until_queue_empty(self, timeout_s: float) -> bool:
        """Wait until this node's queue is empty; False if it isn't after `timeout_s` seconds."""
        return await self._turns.until(lambda: not self.queue, timeout_s)

    async def until_quorum(self, timeout_s: float) -> bool:
        """Wait until this node reaches a quorum; False if it doesn't within `timeout_s` seconds."""
        return await self._turns.until(lambda: self.has_quorum, timeout_s)

    async def until_height(self, height: int, timeout_s: float) -> bool:
        """Wait until the chain has this height; False if it hasn't after `timeout_s` seconds."""
        return await self._heights.reached(height, timeout_s)

    async def until_confirmed(self) -> int:
        """Wait until this chain has every decision known to any client before; its height then.

        A quorum says how far the chain may be. Waits until it has answered, for ever if need be.
        """
        return await self._confirmed_reads.height()

    # The protocol and the links.

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        """All nodes that vote for the next slot."""
        return self._engine.membership.nodes

    @property
    def quorum(self) -> int:
        """The number of nodes that are a majority."""
        return self._engine.membership.quorum

    def members(self) -> tuple[MemberStatus, ...]:
        """All members, past and present, in the order in which they came."""
        return tuple(map(self._member_status, self._engine.membership.all))

    def _member_status(self, member: Member) -> MemberStatus:
        """A member with its address: the chain has it, but for a founder that hasn't moved."""
        host, port = member.host, member.port
        if not host:
            known = self._cluster.addresses if member.until is None else self._cluster.nodes
            for each in known:
                if each.node == member.node:
                    host, port = each.host, each.port
        return MemberStatus(
            member.node,
            member.id,
            member.ordinal,
            member.since,
            member.until,
            host,
            port,
            member.moved_in,
            self._cluster.former_places(member),
        )

    @property
    def peers(self) -> tuple[NodeId, ...]:
        """All nodes but this one."""
        return self._engine.membership.peers(self.node)

    @property
    def role(self) -> str:
        """Whether this node leads, campaigns, or neither: "leader", "candidate" or "acceptor"."""
        leader = self._replica.leader
        if leader.is_leading:
            return "leader"
        return "candidate" if leader.is_active else "acceptor"

    @property
    def ballot(self) -> Ballot:
        """The ballot that this node acts in: its own, the leader's, or else the promised one."""
        replica = self._replica
        if replica.leader.is_active:
            return replica.leader.ballot
        return replica.known_leader if replica.known_leader.round else replica.acceptor.promised

    @property
    def leader_ballot(self) -> Ballot:
        """The ballot of the leader that this node knows, perhaps its own; ZERO if none."""
        return self._replica.known_leader

    @property
    def has_quorum(self) -> bool:
        """Whether this node and the nodes that it reaches are a majority."""
        return self._replica.reachability.has_quorum

    @property
    def highest_peer(self) -> int:
        """The greatest of the heights that the peers last reported."""
        return max(map(self._replica.reachability.height, self.peers), default=0)

    def link(self, peer: NodeId) -> Link:
        """The state of the link to a peer; if the peer is silent, the link counts as down."""
        link = self._transport.link(peer)
        if link is Link.UP and not self._replica.reachability.is_reachable(peer):
            return Link.DOWN
        return link

    def has_heard(self, peer: NodeId) -> bool:
        """Whether the peer has reported its height since this node started."""
        return self._replica.reachability.has_reported(peer)

    def how_sent(self, peer: NodeId) -> str:
        """Say how this node sends to a peer, if not as usual, to follow the link's state."""
        trouble = self._transport.trouble(peer)
        if trouble and self._transport.link(peer) is Link.DOWN:
            return f": {trouble}"
        if self._transport.is_one_way(peer):
            return " one way"
        delay_s = self._transport.delay_s(peer)
        return f", sends {delay_s * 1000:g} ms late" if delay_s else ""

    def severed(self) -> list[NodeId]:
        """The peers to which the link is severed, one way or both."""
        return [peer for peer in self.peers if self._transport.link(peer) is Link.SEVERED]

    def why_undecided(self) -> str:
        """Say in a few words why the queue of this node is not decided yet."""
        if self._turns.disk_wait_s >= REPORT_S:
            return why_disk_slow(self._turns.disk_wait_s)
        replica = self._replica
        if not replica.reachability.has_quorum:
            reached = replica.reachability.reached
            quorum = self._engine.membership.quorum
            return why_no_quorum(self.node, reached, len(self.nodes), quorum)
        if replica.leader.is_active:
            return f"ballot {replica.leader.ballot} of node {self.node} is under way"
        if replica.election.leader != Ballot.ZERO:
            ballot = replica.election.leader
            return f"ballot {ballot} of node {ballot.node} is under way"
        wait_s = max(0.0, replica.election.deadline - self._now())
        return f"node {self.node} tries to lead in {wait_s:.0f} s"

    def status(self) -> NodeStatus:
        """The node's state, as `printStatus` shows it."""
        if self._frozen is not None:
            fields = {name: getattr(self._frozen, name) for name in NodeStatus.__struct_fields__}
            ledger = self._engine.ledger
            now = {"height": ledger.height, "head": ledger.head, **self._links_now(self._frozen)}
            return NodeStatus(**{**fields, **now})
        replica = self._replica
        accepted = replica.acceptor.accepted
        return NodeStatus(
            node=self.node,
            role=self.role,
            leader=replica.known_leader.node or None,
            ballot=self.ballot,
            promised=replica.acceptor.promised,
            accepted=None
            if accepted is None
            else UndecidedProposal(accepted.slot, accepted.ballot),
            height=replica.learner.height,
            head=replica.learner.head,
            queue=len(self.queue),
            quorum=self.has_quorum,
            peers=tuple(
                PeerStatus(peer, self.link(peer), replica.reachability.height(peer))
                for peer in self.peers
            ),
        )

    def _links_now(self, shown: NodeStatus) -> dict[str, object]:
        """The links as they are while the rest of what is shown is from before: `shown`."""
        peers = tuple(replace(peer, link=self.link(peer.node)) for peer in shown.peers)
        reached = 1 + sum(peer.link is Link.UP for peer in peers)
        return {"peers": peers, "quorum": shown.quorum and reached > len(self.nodes) // 2}

    def snapshot(self) -> NodeSnapshot:
        """The node's state, as a prompt shows it."""
        if self._frozen is not None:
            return replace(self._frozen, **self._links_now(self._frozen))
        due = self._replica.election.deadline
        return NodeSnapshot(
            **msgspec.structs.asdict(self.status()),
            balance=self.balance,
            available=self.available,
            countdown_s=None if math.isinf(due) else max(0.0, due - self._now()),
        )
