"""Membership: who votes in which slot, as a function of the chain.

    M(1)      the members that the initialize script made
    M(s + 1)  M(s) with the change in block s, if the block has one that isn't void

So the voters of slot s are known once slots 1 to s - 1 are, and they are the same at every node.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from benmo.paxos.types import NODES_MAX, Change, ChangeKind, MemberId, NodeId


def numbered_member(node: NodeId) -> MemberId:
    """A member's id in a cluster without certificates, where nobody needs a random one."""
    return f"{node:032x}"


@dataclass(frozen=True, slots=True)
class Member:
    """A member, past or present.

    host      where it listens, with `port`, by the change that brought it or moved it; "" for a
              founder that has not moved, whose address `cluster.json` knows
    since     the first slot in which it votes
    until     the last slot in which it votes, whose block holds the change; None while it votes
    ordinal   how many members its node had before
    moved_in  the slot whose block moved it last, 0 if it has not moved
    former    the hosts and ports that it moved away from, the last one first; without a founder's
              first, which `cluster.json` knows
    """

    id: MemberId
    node: NodeId
    host: str = ""
    port: int = 0
    since: int = 1
    until: int | None = None
    ordinal: int = 0
    moved_in: int = 0
    former: tuple[tuple[str, int], ...] = ()

    def votes_for(self, slot: int) -> bool:
        """Whether it votes for a slot that isn't above the one after the chain."""
        return self.since <= slot and (self.until is None or slot <= self.until)

    def moved(self, host: str, port: int, slot: int) -> Member:
        """This member at another address, to which the block of this slot moves it."""
        former = ((self.host, self.port), *self.former) if self.host else self.former
        return replace(self, host=host, port=port, moved_in=slot, former=former)


class Membership:
    """The voters of one slot, and every member that there was before. It never changes.

    `all` holds the members in the order in which they came, one at most for each node that votes.
    """

    __slots__ = ("_by_id", "_peers", "_voting", "all", "nodes", "quorum", "voters")

    def __init__(self, members: Iterable[Member]) -> None:
        self.all = tuple(members)
        self._by_id = {member.id: member for member in self.all}
        voting = sorted(
            (member for member in self.all if member.until is None), key=lambda each: each.node
        )
        self.voters = {member.node: member for member in voting}
        """The members that vote, by their nodes, in the order of the nodes' ids."""
        self._voting = frozenset(member.id for member in voting)
        self.nodes = tuple(self.voters)
        self.quorum = len(self.nodes) // 2 + 1
        """How many members are a majority."""
        self._peers = {
            node: tuple(other for other in self.nodes if other != node) for node in self.nodes
        }
        if len(self._by_id) < len(self.all) or len(self.voters) < len(voting) or not voting:
            raise ValueError("members must have ids of their own, and one votes for each node")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Membership) and self.all == other.all

    def __hash__(self) -> int:
        return hash(self.all)

    def __repr__(self) -> str:
        return f"Membership({self.all})"

    @property
    def ids(self) -> dict[NodeId, MemberId]:
        """The ids of the members that vote, by their nodes."""
        return {node: member.id for node, member in self.voters.items()}

    @property
    def founders(self) -> dict[NodeId, MemberId]:
        """The ids of the members that voted for slot 1, by their nodes."""
        return {member.node: member.id for member in self.all if member.since == 1}

    def find(self, member: MemberId) -> Member | None:
        """The member with this id, which may be retired; None if there is none."""
        return self._by_id.get(member)

    def is_voter(self, member: MemberId) -> bool:
        return member in self._voting

    def is_retired(self, member: MemberId) -> bool:
        """Whether the chain has replaced or removed this member."""
        return member in self._by_id and member not in self._voting

    def successor(self, member: MemberId) -> MemberId | None:
        """The member that took a retired one's place; None if its node was removed then."""
        retired = self._by_id[member]
        assert retired.until is not None
        place = (retired.node, retired.until + 1)
        return next((each.id for each in self.all if (each.node, each.since) == place), None)

    def has_quorum(self, members: Collection[MemberId]) -> bool:
        """Whether these members, some of which may have no vote, hold a majority of the votes."""
        return len(self._voting.intersection(members)) >= self.quorum

    def peers(self, node: NodeId) -> tuple[NodeId, ...]:
        """All nodes but this one, which may have no vote."""
        return self._peers.get(node, self.nodes)

    def why_void(self, change: Change) -> str | None:
        """Why a change has no effect on these members, as a clause; None if it has one."""
        malformed = change.why_malformed()
        if malformed is not None:
            return malformed
        voter = self.voters.get(change.node)
        if change.kind is ChangeKind.ADD:
            if voter is not None:
                return f"there is a node {change.node} already"
            if not 1 <= change.node <= NODES_MAX:
                return f"nodes are numbered from 1 to {NODES_MAX}"
        elif voter is None:
            return f"there is no node {change.node}"
        elif voter.id != change.replaces:
            return f"node {change.node} has another member by now, {voter.id[:8]}"
        elif change.kind is ChangeKind.MOVE and voter.moved_in != change.moved_in:
            return f"node {change.node} has moved since, in slot {voter.moved_in}"
        if change.kind is ChangeKind.REMOVE and len(self.voters) == 1:
            return "it is the last node"
        if change.kind in (ChangeKind.ADD, ChangeKind.REPLACE) and change.member in self._by_id:
            return f"there has been a member {change.member[:8]} before"
        return None

    def after(self, change: Change, slot: int) -> Membership:
        """The members after a change in the block of this slot, which must not be void."""
        assert self.why_void(change) is None
        if change.kind is ChangeKind.MOVE:
            voter = self.voters[change.node]
            moved = voter.moved(change.host, change.port, slot)
            return Membership(moved if each.id == moved.id else each for each in self.all)
        members = [
            replace(each, until=slot) if each.id == change.replaces else each for each in self.all
        ]
        if change.member:
            ordinal = sum(each.node == change.node for each in self.all)
            members.append(
                Member(
                    change.member, change.node, change.host, change.port, slot + 1, None, ordinal
                )
            )
        return Membership(members)


def numbered(nodes: Iterable[NodeId]) -> Membership:
    """The founders of a cluster without certificates: see `numbered_member`."""
    return Membership(Member(numbered_member(node), node) for node in nodes)
