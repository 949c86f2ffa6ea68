"""A node's members: each is one directory with a certificate of its own, and none is another."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from pathlib import Path

import pytest

from benmo.admin.addresses import addresses
from benmo.admin.authority import Authority
from benmo.admin.making import new_cluster, new_member
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.control.connection import WrongNode, connect
from benmo.control.requests import Hurry, encode
from benmo.network.certificates import client_context
from benmo.network.frames import frame
from benmo.network.link import Link
from benmo.node.own_node import OwnNode
from benmo.node.service import Service
from benmo.notices import Notice, TwoProcessesSpeak
from benmo.paxos.types import MemberId, NodeId
from tests.support.mixed_cluster import MixedCluster
from tests.support.processes import DEADLINE_S, eventually
from tests.support.scripted_peers import is_closed_by_peer


def directory_of(
    cluster: MixedCluster, path: Path, node: NodeId, member: MemberId
) -> StateDirectory:
    """A directory that holds `cluster.json` and the certificate of another member of a node."""
    state = StateDirectory(path)
    state.tls(node).mkdir(parents=True)
    shutil.copy(cluster.state.cluster_file, state.cluster_file)
    authority = Authority.load(cluster.definition.cluster, cluster.state.authority)
    authority.write_node(node, member, "127.0.0.1", state.tls(node))
    return state


def dialled(cluster: MixedCluster, tls: Path, node: NodeId) -> ssl.SSLSocket:
    """A connection to a node under a certificate; its handshake is done."""
    plain = socket.create_connection(cluster.address(node), DEADLINE_S)
    return client_context(tls).wrap_socket(plain)


def test_another_member_of_a_node_does_not_command_it(tmp_path: Path) -> None:
    with MixedCluster(tmp_path) as cluster:
        cluster.service(1)
        other = directory_of(cluster, tmp_path / "other", 1, new_member())
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


def test_two_processes_that_speak_as_one_member_are_reported(tmp_path: Path) -> None:
    """Each takes the other's place, again and again: one has a copy of the other's directory."""
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


def test_a_process_that_comes_back_again_and_again_is_no_copy(tmp_path: Path) -> None:
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
