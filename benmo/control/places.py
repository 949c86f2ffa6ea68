"""Finds a running node wherever it is: where the chain says, where it was, where files say.

A node that moved is reached where it was until it is started anew, and a node that was added later
is not in the `cluster.json` of other machines. The other nodes know both.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from benmo.cluster import Cluster, NodeAddress, StateDirectory, no_such_node
from benmo.commands.node_status import MemberStatus
from benmo.control.connection import NodeConnection, NotReached, connect
from benmo.control.member_requests import MembersRead, ReadMembers
from benmo.errors import Failure, StateError
from benmo.paxos.types import NodeId

ANSWER_S = 2.0
"""The time limit, in seconds, of asking another node where a node is."""

_ASK_AGAIN_S = 5.0
"""The pause, in seconds, before the other nodes are asked again, while a node isn't reached."""


class NodePlaces:
    """The addresses at which each node may be reached, in the order in which they are tried."""

    def __init__(self, cluster: Cluster) -> None:
        self._of: dict[NodeId, list[NodeAddress]] = {}
        for each in (*cluster.addresses, *cluster.nodes):
            self._add(each.node, [(each.host, each.port)])

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        """All nodes for which an address is known, those that were removed included."""
        return tuple(self._of)

    def of(self, node: NodeId) -> tuple[NodeAddress, ...]:
        """The addresses of a node; empty if none is known."""
        return tuple(self._of.get(node, ()))

    def first(self) -> tuple[NodeAddress, ...]:
        """The first address of each node."""
        return tuple(places[0] for places in self._of.values())

    def learn(self, members: Iterable[MemberStatus]) -> bool:
        """Put first what a node says of the voters; whether there is an address that is new."""
        voters = [each for each in members if each.until is None]
        known = {place for places in self._of.values() for place in places}
        for voter in voters:
            before = [(each.host, each.port) for each in self._of.pop(voter.node, ())]
            self._add(voter.node, [(voter.host, voter.port), *voter.former, *before])
        return any(not known.issuperset(self._of[voter.node]) for voter in voters)

    def _add(self, node: NodeId, places: Iterable[tuple[str, int]]) -> None:
        listed = self._of.setdefault(node, [])
        for host, port in places:
            place = NodeAddress(node, host, port)
            if place not in listed:
                listed.append(place)


class NodeFinder:
    """Connects to one node: where `cluster.json` says, or else where the other nodes say.

    The others are asked under whatever certificates the directory has for them.
    """

    def __init__(self, state: StateDirectory, node: NodeId) -> None:
        self._state = state
        self.node = node
        self._members: tuple[MemberStatus, ...] = ()
        self._ask_from = 0.0

    async def connect(self) -> NodeConnection:
        """Connect. Raises as `control.connection.connect`, for the node's first address.

        Raises `StateError`, too, if the cluster has no such node.
        """
        places = NodePlaces(self._state.load())
        places.learn(self._members)
        if time.monotonic() >= self._ask_from:
            try:
                return await connect_at(self._state, self.node, places.of(self.node), ANSWER_S)
            except NotReached:
                await self._ask_others(places)
        self._require_node(places)
        return await connect_at(self._state, self.node, places.of(self.node))

    async def _ask_others(self, places: NodePlaces) -> None:
        """Ask the other nodes where the node is."""
        others = [node for node in places.nodes if node != self.node]
        asked = (ask_members(self._state, each, places.of(each), ANSWER_S) for each in others)
        answers = [answer for answer in await asyncio.gather(*asked) if answer is not None]
        self._ask_from = time.monotonic() + _ASK_AGAIN_S
        if answers:
            self._members = max(answers, key=lambda each: each.height).members
            places.learn(self._members)

    def _require_node(self, places: NodePlaces) -> None:
        """Raises `StateError` if the cluster has no such node, as far as is known."""
        members = [each for each in self._members if each.node == self.node]
        if members and members[-1].until is not None:
            raise StateError(f"node {self.node} was removed in slot {members[-1].until}")
        if not places.of(self.node):
            raise no_such_node(self.node, places.nodes)


async def find_node(state: StateDirectory, node: NodeId) -> NodeConnection:
    """Connect to a node, once: see `NodeFinder`."""
    return await NodeFinder(state, node).connect()


async def connect_at(
    state: StateDirectory,
    node: NodeId,
    places: Iterable[NodeAddress],
    timeout_s: float | None = None,
) -> NodeConnection:
    """Connect to a node at the first of these addresses at which it answers.

    Each address has `timeout_s` seconds. Raises as `control.connection.connect`; if the node
    answers nowhere, `NotReached`, for the first address's reason.
    """
    failures: list[NotReached] = []
    for place in places:
        try:
            async with asyncio.timeout(timeout_s):
                return await connect(state, node, place)
        except TimeoutError:
            failures.append(NotReached(f"node {node} at {place} does not answer"))
        except NotReached as error:
            failures.append(error)
    raise failures[0] if failures else NotReached(f"no address of node {node} is known here")


async def ask_members(
    state: StateDirectory, node: NodeId, places: Iterable[NodeAddress], timeout_s: float
) -> MembersRead | None:
    """Ask a node who the members are, at the first of these addresses at which it answers.

    Returns None if it can't be asked, or doesn't answer. Each address, and then the answer, has
    `timeout_s` seconds.
    """
    try:
        connection = await connect_at(state, node, places, timeout_s)
        try:
            answer = await connection.ask(ReadMembers(connection.next_number()), timeout_s)
        finally:
            connection.abort()
    except (Failure, OSError):  # one of which a `TimeoutError` is
        return None
    return answer if isinstance(answer, MembersRead) else None
