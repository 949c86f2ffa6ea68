"""What a node says of a link that is down at TLS: why, once, for as long as it stays so."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

from benmo.admin.authority import Authority
from benmo.network.certificates import AUTHORITY, CERTIFICATE, KEY, server_context
from benmo.network.link import Link
from benmo.node.own_node import OwnNode
from benmo.notices import Notice, PeerNotDialled
from benmo.paxos.membership import numbered_member
from tests.support.mixed_cluster import MixedCluster, command
from tests.support.processes import eventually

Greeting = Callable[[socket.socket], None]


class Impostor:
    """Listens at a node's address, greets each that dials in its way, and says nothing more."""

    def __init__(self, address: tuple[str, int], greet: Greeting) -> None:
        self.greeted = 0
        self._greet = greet
        self._listening = socket.create_server(address)
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with connection, suppress(OSError):
                    self._greet(connection)
                self.greeted += 1

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


@contextmanager
def impostor(cluster: MixedCluster, greet: Greeting) -> Iterator[Impostor]:
    made = Impostor(cluster.address(2), greet)
    try:
        yield made
    finally:
        made.close()


def in_tls(context: ssl.SSLContext) -> Greeting:
    def greet(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(1)

    return greet


def foreign(cluster: MixedCluster, path: Path) -> Greeting:
    Authority.make("f" * 32).write_node(2, numbered_member(2), "127.0.0.1", path)
    return in_tls(server_context(path))


def refusing(cluster: MixedCluster, path: Path) -> Greeting:
    """Node 2 itself, which trusts another authority."""
    foreign(cluster, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    own = cluster.state.tls(2)
    context.load_cert_chain(own / CERTIFICATE, own / KEY)
    context.load_verify_locations(path / AUTHORITY)
    return in_tls(context)


def node_three(cluster: MixedCluster, path: Path) -> Greeting:
    return in_tls(server_context(cluster.state.tls(3)))


def another_program(cluster: MixedCluster, path: Path) -> Greeting:
    def greet(connection: socket.socket) -> None:
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        while connection.recv(1000):
            pass

    return greet


TROUBLES: dict[str, tuple[Callable[[MixedCluster, Path], Greeting], str]] = {
    "a node of another cluster": (foreign, "what listens at {} is not of this cluster: self-sig"),
    "a node that refuses this one": (refusing, "TLS with what listens at {} fails: tlsv1 alert"),
    "another node": (node_three, "{} is not node 2, but node 3 of cluster "),
    "another program": (another_program, "TLS with what listens at {} fails: wrong version number"),
}


@pytest.mark.parametrize("who", TROUBLES)
def test_why_a_link_is_down_at_tls_is_said_once(who: str, tmp_path: Path) -> None:
    make, said = TROUBLES[who]
    told: list[PeerNotDialled] = []

    def watch(notice: Notice, at: float) -> None:
        if isinstance(notice, PeerNotDialled):
            told.append(notice)

    with MixedCluster(tmp_path) as cluster:
        reason = said.format("{}:{}".format(*cluster.address(2)))
        greet = make(cluster, tmp_path)
        node = cluster.service(1)
        OwnNode(node).watch(watch)
        with impostor(cluster, greet) as found:
            eventually(lambda: found.greeted > 4, "it is dialled again and again")
            assert [notice.peer for notice in told] == [2]
            assert told[0].reason.startswith(reason)
            assert f"down: {reason}" in command(node, "printStatus", "table").output
        with cluster.peer(2) as peer:
            peer.dial(1)
            eventually(lambda: node.view.link(2) is Link.UP, "the true node 2 is there")
            assert reason not in command(node, "printStatus", "table").output
        with impostor(cluster, greet) as found:
            eventually(lambda: found.greeted > 4, "it is dialled again and again")
        assert len(told) == 2, "what went and came back is said again"


def test_a_node_that_just_goes_is_no_trouble_of_tls(tmp_path: Path) -> None:
    told: list[Notice] = []
    with MixedCluster(tmp_path) as cluster:
        node = cluster.service(1)
        OwnNode(node).watch(lambda notice, at: told.append(notice))
        with impostor(cluster, lambda connection: None) as found:
            eventually(lambda: found.greeted > 4, "it is dialled again and again")
    assert not [notice for notice in told if isinstance(notice, PeerNotDialled)]
