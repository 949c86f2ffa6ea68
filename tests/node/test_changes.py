"""Nodes whose members change: links follow, new members catch up and vote, old ones leave."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from benmo.admin.making import write_cluster
from benmo.cluster import NodeAddress
from benmo.ledger.blocks import encode_block
from benmo.network.link import Link
from benmo.node.control_server import ControlServer
from benmo.node.own_node import OwnNode
from benmo.node.process import RETIRED
from benmo.node.service import Service
from benmo.notices import Notice, RetiredTurnedAway
from benmo.paxos.membership import numbered_member
from benmo.paxos.types import GENESIS_HASH, Ballot, Change, ChangeKind, NodeId
from tests.support.mixed_cluster import MixedCluster, answer
from tests.support.new_members import NewMember, ask_for
from tests.support.processes import DEADLINE_S, eventually
from tests.support.real_cluster import free_ports
from tests.support.written_state import empty_state, write_node

OLD = "takes no part any more"


def running(path: Path) -> MixedCluster:
    return MixedCluster(path, 3, heartbeat_s=0.3, tenure="stable")


def replacing(cluster: MixedCluster, new: NewMember) -> Change:
    old = cluster.definition.founder(new.node)
    return Change(ChangeKind.REPLACE, new.node, old, new.id, "127.0.0.1", new.port)


def decided(service: Service, height: int) -> None:
    eventually(lambda: service.view.height >= height, f"node {service.node} is at height {height}")


def up(service: Service, *peers: NodeId) -> None:
    eventually(
        lambda: all(service.view.link(peer) is Link.UP for peer in peers),
        f"node {service.node} has links to {peers}",
    )


def move(cluster: MixedCluster, address: NodeAddress) -> None:
    """Write into `cluster.json` where node 3 is."""
    known = (*cluster.definition.addresses[:2], address)
    write_cluster(cluster.state, msgspec.structs.replace(cluster.definition, known=known))


def pay(service: Service, to: NodeId) -> None:
    """Pay 1 and wait until that is decided."""
    answer(service, f"moneyTransfer 1,{service.node},{to}")
    last = answer(service, "wait 100")
    assert last, "decided"


def test_a_new_member_is_dialled_where_it_is_and_votes_and_the_old_one_leaves(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as cluster:
        first, second = cluster.service(1), cluster.service(2)
        old = cluster.process(3)
        up(first, 2, 3)
        new = NewMember(cluster, tmp_path / "new", 3, cluster.free_port())
        ask_for(first, replacing(cluster, new))
        decided(first, 1)
        assert old.wait(DEADLINE_S) == RETIRED
        assert old.stderr is not None
        said = old.stderr.read()
        assert re.search(r"node 3's member was replaced( or removed)? in slot 1\b", said), said
        assert "Nothing to do" in said
        third = cluster.service(3, new.state)
        up(first, 3)
        up(third, 1, 2)
        decided(third, 1)
        first.sever(2, one_way=False)
        second.sever(1, one_way=False)
        pay(first, 3)
        eventually(lambda: answer(third, "printBalance")["balance"] == 101, "node 3 is paid")


def test_a_member_that_was_away_when_it_was_replaced_is_told_and_leaves(tmp_path: Path) -> None:
    told: dict[NodeId, list[Notice]] = {1: [], 2: []}
    with running(tmp_path) as cluster:
        first = cluster.service(1)
        second = cluster.service(2)
        OwnNode(first).watch(lambda notice, at: told[1].append(notice))
        OwnNode(second).watch(lambda notice, at: told[2].append(notice))
        up(first, 2)
        new = NewMember(cluster, tmp_path / "new", 3, cluster.free_port())
        ask_for(first, replacing(cluster, new))
        decided(first, 1)
        decided(second, 1)
        elsewhere = NodeAddress(3, "127.0.0.1", cluster.free_port())
        for at in (cluster.definition.addresses[2], elsewhere):
            move(cluster, at)
            status, said = cluster.ended(3)
            listening = [line for line in said.splitlines() if " listens on " in line]
            assert all(f"node 3 listens on {at}" in line for line in listening)
            assert status == RETIRED
            assert said.count(OLD) == 1
            assert "in slot 1, as node " in said
        turned_away = RetiredTurnedAway(3, cluster.definition.founder(3), 1)
        counts = [each.count(turned_away) for each in told.values()]
        assert 1 in counts
        assert max(counts) == 1
        assert first.view.link(3) is Link.DOWN


def test_a_member_whose_own_chain_has_retired_it_goes_on_while_nobody_says_so(
    tmp_path: Path,
) -> None:
    """It may be the only one that has the block with the change."""
    change = Change(ChangeKind.REPLACE, 3, numbered_member(3), "a" * 32, "127.0.0.1", 9009)
    block = encode_block(1, Ballot(1, 1), GENESIS_HASH, 1_790_000_000.0, (), change)
    failed: list[BaseException] = []
    with free_ports(3) as port:
        state = empty_state(tmp_path / "state", port)
        write_node(state, 3, [block], checkpoint_height=1)
        service = Service(state, 3, failed.append, ControlServer)
        service.start()
    try:
        service.call(_told(service, 1)).result(DEADLINE_S)
        service.call(_until_looked(service)).result(DEADLINE_S)
        assert failed == []
        service.call(_told(service, 2)).result(DEADLINE_S)
        eventually(lambda: failed != [], "a quorum knows, so it ends")
        assert str(failed[0]) == (
            "node 3's member was replaced in slot 1: this directory takes no part any more. "
            "Nothing to do: node 3 has a new member, aaaaaaaa"
        )
    finally:
        service.stop()


async def _told(service: Service, by: NodeId) -> None:
    service._leaving.on_told(1, by)


async def _until_looked(service: Service) -> None:
    service._leaving.look()


def test_the_links_follow_nodes_that_are_added_and_removed(tmp_path: Path) -> None:
    with running(tmp_path) as cluster:
        first, _, third = (cluster.service(node) for node in (1, 2, 3))
        up(first, 2, 3)
        new = NewMember(cluster, tmp_path / "new", 4, cluster.free_port())
        ask_for(first, Change(ChangeKind.ADD, 4, "", new.id, "127.0.0.1", new.port))
        decided(first, 1)
        fourth = cluster.process(4, state=new.state)
        up(first, 4)
        up(third, 4)
        assert first.view.peers == (2, 3, 4)
        ask_for(first, Change(ChangeKind.REMOVE, 4, new.id))
        eventually(lambda: first.view.peers == (2, 3), "node 4 is removed")
        assert fourth.wait(DEADLINE_S) == RETIRED
        eventually(lambda: 4 not in first._transport._links, "there is no link to it")


def test_a_node_that_moves_is_dialled_at_its_new_address(tmp_path: Path) -> None:
    with running(tmp_path) as cluster:
        first = cluster.service(1)
        cluster.service(2)
        third = cluster.process(3)
        up(first, 2, 3)
        own, port = cluster.definition.founder(3), cluster.free_port()
        third.terminate()
        third.wait()
        ask_for(first, Change(ChangeKind.MOVE, 3, own, own, "127.0.0.1", port))
        decided(first, 1)
        moved = NodeAddress(3, "127.0.0.1", port)
        move(cluster, moved)
        assert cluster.service(3).address == moved
        up(first, 3)
