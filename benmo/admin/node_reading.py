"""Reads from whichever running node has the longest chain, for commands that only read."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from benmo.cluster import Cluster, StateDirectory
from benmo.control.connection import NodeConnection, NodeGone, NotReached
from benmo.control.member_requests import MembersRead, ReadMembers
from benmo.control.places import NodePlaces, connect_at, find_node
from benmo.control.requests import (
    AnsweredRequest,
    BalancesRead,
    BlocksRead,
    ControlAnswer,
    NotDone,
    ReadBalances,
    ReadBlocks,
)
from benmo.errors import Failure
from benmo.paxos.types import NodeId

T = TypeVar("T", bound=ControlAnswer)

ANSWER_S = 30.0
"""The time limit, in seconds, of each of a node's answers."""

_FIRST_ANSWER_S = 5.0
"""The time limit, in seconds, of comparing each node with the others."""


class NodeReading:
    """An open connection to a node, and the balances at the height that it had when it was made."""

    def __init__(self, connection: NodeConnection, balances: BalancesRead) -> None:
        self.node = connection.node
        self.height = balances.height
        self.balances = dict(balances.balances)
        self._connection = connection

    def close(self) -> None:
        self._connection.abort()

    async def blocks(self, first: int, last: int) -> BlocksRead:
        """Ask for blocks. Raises `Failure`."""
        number = self._connection.next_number()
        request = ReadBlocks(number, first, last, 0.0)
        return await answer_of(self._connection, request, BlocksRead)

    async def nodes(self) -> frozenset[NodeId]:
        """All nodes that the cluster has or had. Raises `Failure`."""
        request = ReadMembers(self._connection.next_number())
        answer = await answer_of(self._connection, request, MembersRead)
        return frozenset(each.node for each in answer.members)


async def answer_of(
    connection: NodeConnection, request: AnsweredRequest, kind: type[T], wait_s: float = ANSWER_S
) -> T:
    """The node's answer to a request that only reads. Raises `Failure` if it is another."""
    try:
        answer = await connection.ask(request, wait_s)
    except TimeoutError as error:
        raise NodeGone(f"node {connection.node} did not answer in time") from error
    if isinstance(answer, NotDone):
        raise Failure(answer.reason)
    if not isinstance(answer, kind):
        raise Failure(f"node {connection.node}: {type(answer).__name__} is no answer to that")
    return answer


async def read_from(
    state: StateDirectory, cluster: Cluster, node: NodeId | None = None
) -> NodeReading:
    """Connect to a node; if none is named, to the one with the longest chain of those that answer.

    Raises `Failure`: the named node's, or if none answers, why the first of them doesn't.
    """
    if node is not None:
        return await _reading(await find_node(state, node), ANSWER_S)
    places = NodePlaces(cluster)
    tried = await asyncio.gather(
        *(_first_reading(state, each, places) for each in places.nodes), return_exceptions=True
    )
    readings = [each for each in tried if isinstance(each, NodeReading)]
    if not readings:
        raise _why_none(tried)
    best = max(readings, key=lambda each: each.height)
    for each in readings:
        if each is not best:
            each.close()
    return best


def _why_none(tried: list[NodeReading | BaseException]) -> BaseException:
    """Word that no node answers: that a node is gone says more than a missing certificate."""
    errors = [each for each in tried if isinstance(each, BaseException)]
    bug = next((each for each in errors if not isinstance(each, Failure | OSError)), None)
    gone = next((each for each in errors if isinstance(each, NotReached | NodeGone)), None)
    if bug is None and gone is not None:
        return NotReached(f"no node answers: {gone}")
    return bug or errors[0]


async def _first_reading(state: StateDirectory, node: NodeId, places: NodePlaces) -> NodeReading:
    connection = await connect_at(state, node, places.of(node))
    return await _reading(connection, _FIRST_ANSWER_S)


async def _reading(connection: NodeConnection, wait_s: float) -> NodeReading:
    try:
        request = ReadBalances(connection.next_number(), False, 0, wait_s)
        balances = await answer_of(connection, request, BalancesRead, wait_s)
    except BaseException:
        connection.abort()
        raise
    return NodeReading(connection, balances)
