"""A node is found wherever it is, also where this directory's `cluster.json` doesn't know."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from benmo.admin.addresses import addresses
from benmo.admin.making import make_anew, new_cluster
from benmo.cluster import Cluster, ClusterSettings, NodeAddress, StateDirectory
from benmo.commands.node_status import MemberStatus
from benmo.control import places as module
from benmo.control.connection import NodeConnection, NotReached, WrongNode
from benmo.control.member_requests import MembersRead
from benmo.control.places import NodeFinder, NodePlaces, connect_at
from benmo.errors import StateError

HOST = "127.0.0.1"


def cluster_of(nodes: int) -> Cluster:
    return new_cluster(addresses(nodes, 9001), ClusterSettings())


def at(node: int, port: int) -> NodeAddress:
    return NodeAddress(node, HOST, port)


def voter(node: int, port: int, *former: int, until: int | None = None) -> MemberStatus:
    places = tuple((HOST, each) for each in former)
    return MemberStatus(node, f"{node:032x}", 0, 1, until, HOST, port, bool(former), places)


def test_the_chain_comes_first_then_where_a_node_was_then_what_files_say() -> None:
    cluster = cluster_of(3)
    listed = tuple(at(each.node, each.port + 100) for each in cluster.addresses)
    places = NodePlaces(replace(cluster, known=listed))
    assert places.of(3) == (at(3, 9103), at(3, 9003))
    assert places.learn([voter(3, 7000, 7001, 9003)])
    assert places.of(3) == (at(3, 7000), at(3, 7001), at(3, 9003), at(3, 9103))
    assert places.of(1) == (at(1, 9101), at(1, 9001))


def test_a_node_that_nobody_has_heard_of_is_learned_and_said_to_be_new_once() -> None:
    places = NodePlaces(cluster_of(3))
    assert places.of(4) == ()
    assert places.learn([voter(4, 9004)])
    assert not places.learn([voter(4, 9004), voter(2, 9002), voter(3, 7000, until=7)])
    assert (places.of(4), places.of(3)) == ((at(4, 9004),), (at(3, 9003),))


class Nodes:
    """What answers where: the ports at which each node listens, and what the nodes say."""

    def __init__(self) -> None:
        self.listening: dict[tuple[int, int], Exception | None] = {}
        self.members: tuple[MemberStatus, ...] = ()
        self.dialled: list[NodeAddress] = []
        self.asked: list[int] = []

    async def connect(
        self, _state: StateDirectory, node: int, place: NodeAddress
    ) -> NodeConnection:
        self.dialled.append(place)
        missing = NotReached(f"node {node} is not running at {place}")
        error = self.listening.get((node, place.port), missing)
        if error is not None:
            raise error
        return NodeConnection(node, "")

    async def ask_members(
        self, _state: StateDirectory, node: int, *_: object
    ) -> MembersRead | None:
        self.asked.append(node)
        return MembersRead(1, "", 0, self.members, True) if self.members else None


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Nodes:
    """Give nodes that are reached without sockets."""
    fake = Nodes()
    monkeypatch.setattr(module, "connect", fake.connect)
    monkeypatch.setattr(module, "ask_members", fake.ask_members)
    return fake


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    made = StateDirectory(tmp_path / "state")
    make_anew(made, cluster_of(3))
    return made


def test_nobody_is_asked_while_a_node_is_where_files_say(
    nodes: Nodes, state: StateDirectory
) -> None:
    nodes.listening[3, 9003] = None
    assert asyncio.run(NodeFinder(state, 3).connect()).node == 3
    assert nodes.asked == []


@pytest.mark.parametrize("port", [7000, 7001])
def test_a_node_that_moved_is_found_where_it_is_and_where_it_was(
    port: int, nodes: Nodes, state: StateDirectory
) -> None:
    nodes.listening[3, port] = None
    nodes.members = (voter(3, 7000, 7001, 9003),)
    assert asyncio.run(NodeFinder(state, 3).connect()).node == 3
    assert (nodes.asked, nodes.dialled[-1]) == ([1, 2], at(3, port))


def test_a_node_that_was_added_is_found_and_others_are_asked_once(
    nodes: Nodes, state: StateDirectory
) -> None:
    nodes.listening[4, 9004] = None
    nodes.members = (voter(4, 9004),)
    finder = NodeFinder(state, 4)

    async def twice() -> None:
        await finder.connect()
        await finder.connect()

    asyncio.run(twice())
    assert nodes.asked == [1, 2, 3]


def test_while_a_node_is_down_the_others_are_not_asked_at_each_attempt(
    nodes: Nodes, state: StateDirectory
) -> None:
    nodes.members = (voter(3, 7000),)
    finder = NodeFinder(state, 3)
    for _ in range(3):
        with pytest.raises(NotReached, match=r"is not running at 127\.0\.0\.1:7000"):
            asyncio.run(finder.connect())
    assert nodes.asked == [1, 2]


def test_a_node_that_is_not_there_is_said_to_be_none(nodes: Nodes, state: StateDirectory) -> None:
    nodes.members = (voter(2, 9002), voter(3, 9003, until=7))
    with pytest.raises(StateError, match="there is no node 9 in this cluster: nodes are 1 to 3"):
        asyncio.run(NodeFinder(state, 9).connect())
    with pytest.raises(StateError, match="node 3 was removed in slot 7"):
        asyncio.run(NodeFinder(state, 3).connect())


def test_what_is_wrong_at_one_address_does_not_hide_the_node_at_another(
    nodes: Nodes, state: StateDirectory
) -> None:
    wrong = WrongNode("it is node 2")
    nodes.listening = {(3, 7000): wrong, (3, 9003): None}
    assert asyncio.run(connect_at(state, 3, (at(3, 7000), at(3, 9003)))).node == 3
    nodes.listening = {(3, 7000): wrong}
    with pytest.raises(WrongNode):
        asyncio.run(connect_at(state, 3, (at(3, 7000), at(3, 9003))))
