"""Commanders that ask for far more than they read: a node's memory, and all others."""

from __future__ import annotations

import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

from benmo.client import Client
from benmo.cluster import StateDirectory
from benmo.control.requests import (
    ControlRequest,
    ReadBalances,
    ReadBlocks,
    RunLine,
    Watch,
    encode,
)
from benmo.network.certificates import client_context
from benmo.network.frames import frame
from tests.support.processes import eventually
from tests.support.real_cluster import RealCluster

MEMORY_BYTES_MAX = 64 << 20
BATCH = 5000
PAID = 60


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    """Three nodes whose chain has some megabytes."""
    options = {"balance": str(2**30), "log_limit": "100000", "tenure": "stable"}
    with RealCluster(tmp_path, 3, election_delay="0", **options) as made:
        made.start()
        made.until_linked()
        with Client(1, made.state) as client:
            to, amounts = [2, 3] * (BATCH // 2), [1] * BATCH
            for _ in range(PAID):
                client.transfer_columns(to, amounts, timeout_s=150.0)
        yield made


@contextmanager
def _unread(cluster: RealCluster, payload: bytes) -> Iterator[None]:
    """Send a node as many frames as it takes, and read none of its answers."""
    state = StateDirectory(cluster.state)
    address = state.load().address(1)
    plain = socket.create_connection((address.host, address.port))
    connection = client_context(state.tls(1)).wrap_socket(plain)
    thread = Thread(target=_send_on, args=(connection, frame(payload)))
    thread.start()
    try:
        yield
    finally:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        thread.join()
        connection.close()


def _send_on(connection: ssl.SSLSocket, data: bytes) -> None:
    with suppress(OSError):
        for _ in range(200):
            connection.sendall(100 * data)


def _memory_bytes(cluster: RealCluster, node: int, name: str) -> int:
    pid = int((cluster.node_directory(node) / "lock").read_text())
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])


@pytest.mark.parametrize(
    "request_",
    [
        ReadBlocks(1, 1, 1 << 40, 0.0),
        ReadBlocks(1, 1 << 30, 1 << 40, 600.0),
        ReadBalances(1, True, 0, 600.0),
        RunLine(1, "printBlockchain 1 2", "json"),
    ],
    ids=lambda each: f"{type(each).__name__} {getattr(each, 'line', '')}",
)
def test_a_commander_that_reads_no_answer_takes_neither_memory_nor_time_from_others(
    cluster: RealCluster, request_: ControlRequest
) -> None:
    before = _memory_bytes(cluster, 1, "VmRSS")
    with _unread(cluster, encode(request_)), _unread(cluster, encode(Watch())):
        _others_are_served(cluster)
        assert _memory_bytes(cluster, 1, "VmHWM") - before < MEMORY_BYTES_MAX
        cluster.signal(1, signal.SIGTERM)
        assert cluster.ended(1) == 0


def _others_are_served(cluster: RealCluster) -> None:
    with Client(1, cluster.state) as client:
        for _ in range(20):
            assert client.transfer(1, to=3, timeout_s=150.0).outcome == "decided"
            assert client.status(timeout_s=150.0).height > 0
        assert sum(1 for _ in client.chain(last=3, timeout_s=150.0)) == 3
        eventually(lambda: cluster.ask(3, "printBalance")["balance"], "a peer answers")
