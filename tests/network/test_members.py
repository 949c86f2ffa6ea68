"""A node's members: each is one directory with a certificate of its own, and none is another."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from benmo.admin.addresses import addresses
from benmo.admin.making import new_cluster, new_member, write_cluster
from benmo.cluster import ClusterSettings
from benmo.control.connection import WrongNode, connect
from benmo.control.requests import Hurry, encode
from benmo.network import peer_link
from benmo.network.certificates import client_context
from benmo.network.frames import frame
from benmo.network.link import Link
from benmo.network.retirement import encode_retired
from benmo.node.own_node import OwnNode
from benmo.node.process import RETIRED
from benmo.node.service import Service
from benmo.notices import Notice, PeerNotDialled, TwoProcessesSpeak
from benmo.paxos.messages import Blocks, Heartbeat
from benmo.paxos.types import Ballot, Change, ChangeKind, MemberId, NodeId
from tests.support.mixed_cluster import MixedCluster
from tests.support.new_members import certified
from tests.support.processes import DEADLINE_S, eventually
from tests.support.scripted_peers import is_closed_by_peer, say
from tests.support.taped_node import FIRST

HEARTBEAT = Heartbeat(0, Ballot.ZERO)


def dialled(cluster: MixedCluster, tls: Path, node: NodeId) -> ssl.SSLSocket:
    """A connection to a node under a certificate; its handshake is done."""
    plain = socket.create_connection(cluster.address(node), DEADLINE_S)
    return client_context(tls).wrap_socket(plain)


def test_another_member_of_a_node_does_not_command_it(tmp_path: Path) -> None:
    with MixedCluster(tmp_path) as cluster:
        cluster.service(1)
        other = certified(cluster, tmp_path / "other", 1, new_member())
        with dialled(cluster, other.tls(1), 1) as connection:
            connection.sendall(frame(encode(Hurry())))
            assert is_closed_by_peer(connection)
        with pytest.raises(WrongNode, match=r"of node 1, but .*tls holds the key of member "):
            asyncio.run(connect(other, 1))


def notices_of_copies(service: Service) -> list[TwoProcessesSpeak]:
    """A list that grows with each notice that a member's directory was copied."""
    told: list[TwoProcessesSpeak] = []

    def watch(notice: Notice, at: float) -> None:
        if isinstance(notice, TwoProcessesSpeak):
            told.append(notice)

    OwnNode(service).watch(watch)
    return told


def test_two_processes_that_speak_as_one_member_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes the other's place, again and again: one has a copy of the other's directory."""
    monkeypatch.setattr(peer_link, "_RIVALS_WITHIN_S", math.inf)
    with MixedCluster(tmp_path) as cluster:
        told = notices_of_copies(cluster.service(1))
        with cluster.peer(2) as peer:
            replaced = peer.dial(1)
            for _ in range(5):
                assert told == []
                replaced, before = peer.dial(1), replaced
                assert is_closed_by_peer(before)
            eventually(lambda: told, "the copy is reported")
        assert told == [TwoProcessesSpeak(2, cluster.definition.founder(2))]


def test_a_process_that_comes_back_again_and_again_is_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_link, "_RIVALS_WITHIN_S", math.inf)
    with MixedCluster(tmp_path) as cluster:
        service = cluster.service(1)
        told = notices_of_copies(service)
        with cluster.peer(2) as peer:
            for _ in range(8):
                peer.dial(1).close()
            peer.dial(1)
            eventually(lambda: service.view.link(2) is Link.UP, "the last one is heard")
        assert told == []


def test_each_directory_is_a_member_of_its_own() -> None:
    settings = ClusterSettings()
    clusters = [new_cluster(addresses(3, 9001), settings) for _ in range(2)]
    members = [founder.member for cluster in clusters for founder in cluster.nodes]
    assert len(set(members)) == 6
    assert all(len(bytes.fromhex(member)) == 16 for member in members)


def has_heard(heard: list[tuple[NodeId, MemberId]], count: int) -> bool:
    return len(heard) == count


def test_a_member_of_which_a_node_does_not_know_is_heard_beside_the_one_that_it_knows(
    tmp_path: Path,
) -> None:
    """The node may be behind: the chain may have replaced the one, or added the other's node."""
    with MixedCluster(tmp_path) as cluster:
        heard: list[tuple[NodeId, MemberId]] = []
        service = cluster.service(1)
        known, other = cluster.definition.founder(2), new_member()
        service._transport.on_message = lambda node, _, member: heard.append((node, member))
        ours = certified(cluster, tmp_path / "other", 2, other)
        added = certified(cluster, tmp_path / "added", 9, other)
        with (
            dialled(cluster, cluster.state.tls(2), 1) as first,
            dialled(cluster, ours.tls(2), 1) as second,
            dialled(cluster, added.tls(9), 1) as third,
        ):
            for count, connection in enumerate((second, third, first), 1):
                say(connection, HEARTBEAT)
                eventually(partial(has_heard, heard, count), "it is heard")
            assert heard == [(2, other), (9, other), (2, known)]


def test_what_a_peer_says_on_a_connection_that_it_only_reads_drops_it(tmp_path: Path) -> None:
    with MixedCluster(tmp_path) as cluster:
        told: list[Notice] = []
        service = cluster.service(1)
        OwnNode(service).watch(lambda notice, at: told.append(notice))
        with cluster.peer(2) as peer:
            eventually(lambda: peer.accepted, "node 1 dials")
            peer.say_back(frame(b"x" * 100))
            eventually(lambda: 0 in peer.lost, "the connection is dropped")
            eventually(
                lambda: [each for each in told if isinstance(each, PeerNotDialled)], "and said so"
            )


def test_a_node_whose_chain_says_otherwise_is_not_told_to_leave(tmp_path: Path) -> None:
    """Slot 1 is decided, and it has retired nobody: whoever says that is on another chain."""
    with MixedCluster(tmp_path, heartbeat_s=600) as cluster:
        service = cluster.service(1)
        with cluster.peer(2) as peer:
            eventually(lambda: peer.accepted, "node 1 dials")
            say(peer.dial(1), Blocks((FIRST,), 1))
            eventually(lambda: service.view.height == 1, "slot 1 is decided")
            peer.say_back(encode_retired(1))
            eventually(lambda: 0 in peer.lost, "the connection is dropped")
            said = "it says that slot 1 has retired this node, which isn't so"
            eventually(lambda: service._transport.trouble(2) == said, "it is not believed")
        assert not service.has_failed


def test_a_node_that_is_behind_leaves_when_a_quorum_tells_it_to(tmp_path: Path) -> None:
    """One node that tells it so may lose its disk, and with it the block that says so."""
    with MixedCluster(tmp_path) as cluster:
        process = cluster.process(1)
        with cluster.peer(2) as peer:
            for times in (1, 2):  # it dials again, and takes part as before
                eventually(lambda: peer.accepted >= times, "node 1 dials")  # noqa: B023
                peer.say_back(encode_retired(57))
            with cluster.peer(3) as another:
                eventually(lambda: another.accepted, "node 1 dials")
                assert process.poll() is None
                another.say_back(encode_retired(57))
                assert process.wait(DEADLINE_S) == RETIRED
            assert process.stderr is not None
            said = process.stderr.read()
        assert "node 1's member was replaced or removed in slot 57, as node 3 says" in said
        assert "printMembers at another node shows who votes now" in said


def test_a_node_is_dialled_where_the_chain_says_and_where_cluster_json_does_in_turn(
    tmp_path: Path,
) -> None:
    """A node that is behind knows only old addresses from the chain, and the desk newer ones."""
    with MixedCluster(tmp_path) as cluster:
        service = cluster.service(1)
        members = service._engine.membership
        voter = members.voters[2]
        change = Change(ChangeKind.MOVE, 2, voter.id, voter.id, "127.0.0.1", cluster.free_port())
        moved = members.after(change, 1)

        async def follow() -> None:
            service._transport.follow(moved)

        service.call(follow()).result(DEADLINE_S)
        with cluster.peer(2) as peer:
            eventually(lambda: peer.accepted, "it is dialled where cluster.json says")


def test_a_node_that_moved_is_dialled_where_it_was_until_it_is_started_anew(
    tmp_path: Path,
) -> None:
    """It moved twice since; neither is where `cluster.json` says."""
    with MixedCluster(tmp_path) as cluster:
        first, founded, third = cluster.definition.addresses
        elsewhere = replace(founded, port=cluster.free_port())
        listed = replace(cluster.definition, known=(first, elsewhere, third))
        write_cluster(cluster.state, listed)
        service = cluster.service(1)
        write_cluster(cluster.state, cluster.definition)  # where the test listens
        members = service._engine.membership
        for slot in (1, 2):
            voter = members.voters[2]
            host, port = "127.0.0.1", cluster.free_port()
            change = Change(
                ChangeKind.MOVE, 2, voter.id, voter.id, host, port, moved_in=voter.moved_in
            )
            members = members.after(change, slot)

        async def follow() -> None:
            service._transport.follow(members)

        service.call(follow()).result(DEADLINE_S)
        with cluster.peer(2) as peer:
            eventually(lambda: peer.accepted, "it is dialled where it was founded")
