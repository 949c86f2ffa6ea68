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
from benmo.paxos.types import MemberId, NodeId
from tests.support.mixed_cluster import MixedCluster
from tests.support.processes import DEADLINE_S
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


def test_each_directory_is_a_member_of_its_own() -> None:
    settings = ClusterSettings()
    clusters = [new_cluster(addresses(3, 9001), settings) for _ in range(2)]
    members = [founder.member for cluster in clusters for founder in cluster.nodes]
    assert len(set(members)) == 6
    assert all(len(bytes.fromhex(member)) == 16 for member in members)
