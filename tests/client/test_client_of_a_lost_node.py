"""The client when its node is gone, stopped or paused: each key pays once."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from benmo.client import (
    Client,
    Misconfigured,
    NotConnected,
    OutcomeUnknown,
    Unavailable,
)
from tests.client.lost_majority import error_of, lose_majority, paid_keys
from tests.support.processes import DEADLINE_S, NODE, eventually, run
from tests.support.real_cluster import RealCluster


def test_a_node_that_is_not_running_is_not_connected_and_one_that_comes_is_waited_for(
    cluster: RealCluster,
) -> None:
    cluster.kill(1)
    patient = Client(1, cluster.state, connect_timeout_s=DEADLINE_S)
    with patient as client, ThreadPoolExecutor(1) as waiting:
        uses: tuple[Callable[[float], object], ...] = (
            lambda timeout_s: client.transfer(1, 2, key="rent", timeout_s=timeout_s),
            lambda timeout_s: client.balances(timeout_s=timeout_s),
            lambda timeout_s: client.find("rent", timeout_s=timeout_s),
            lambda timeout_s: list(client.chain(timeout_s=timeout_s)),
            lambda timeout_s: next(client.watch(1, reconnect_s=timeout_s)),
        )
        for use in uses:
            error_of(use, NotConnected, "node 1 is not running at 127.0.0.1:")
        receipt = waiting.submit(client.transfer, 1, 2, key="rent")
        cluster.start(1)
        assert receipt.result(DEADLINE_S).id == "1-1"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_key_pays_once_across_the_end_of_its_node(
    cluster: RealCluster, how: signal.Signals
) -> None:
    """Whether it was only queued or decided, and whatever became of the index of keys."""
    with Client(1, cluster.state) as client, ThreadPoolExecutor(1) as waiting:
        client.transfer(10, 2, key="decided")
        lose_majority(cluster)
        unknown = waiting.submit(client.transfer, 20, 2, key="queued")
        eventually(lambda: client.find("queued"), "it is queued")
        cluster.signal(1, how)
        cluster.ended(1)
        error = unknown.exception(DEADLINE_S)
        assert isinstance(error, OutcomeUnknown) and error.keys == ("queued",)
        (cluster.node_directory(1) / "keys.sqlite").write_bytes(b"no index")
        cluster.start()
        assert client.transfer(10, 2, key="decided").id == "1-1"
        assert client.transfer(20, 2, key="queued").id == "1-2"
        assert paid_keys(client) == ["decided", "queued"]
        assert client.balances(confirmed=True)[1] == 70


@pytest.mark.parametrize(
    "damage",
    [
        lambda node, other: node.unlink(),
        lambda node, other: node.write_bytes(other.read_bytes()),
        lambda node, other: node.write_bytes(bytes(4096)),
    ],
    ids=["lost", "another node's", "zeros"],
)
def test_a_node_whose_index_of_keys_is_not_its_own_makes_it_anew(
    cluster: RealCluster, damage: Callable[[Path, Path], object]
) -> None:
    with Client(1, cluster.state) as client, Client(2, cluster.state) as other:
        client.transfer(10, 2, key="rent")
        other.transfer(5, 1, key="food")
        for node in (1, 2):
            cluster.signal(node, signal.SIGTERM)
            assert cluster.ended(node) == 0
        damage(*(cluster.node_directory(node) / "keys.sqlite" for node in (1, 2)))
        cluster.start(1, 2)
        assert client.transfer(10, 2, key="rent").id == "1-1"
        assert client.find("food") is None
        assert client.balances(confirmed=True).by_node == {1: 95, 2: 105, 3: 100}


def test_no_other_program_locks_the_index_of_keys_of_a_running_node(cluster: RealCluster) -> None:
    """Of a node that isn't running it may: then the node doesn't start, says so, and pays once."""
    path = cluster.node_directory(1) / "keys.sqlite"
    with Client(1, cluster.state) as client:
        client.transfer(10, 2, key="rent")
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("begin immediate")
            cluster.kill(1)
            other.execute("begin immediate")
            refused = run(*NODE, "1", "--headless", *cluster.state_option)
            assert refused.status != 0
            assert f"{path} is locked by another program" in refused.err
        cluster.start(1)
        assert client.transfer(10, 2, key="rent").id == "1-1"
        assert paid_keys(client) == ["rent"]


def test_a_node_that_is_paused_leaves_its_payers_without_an_answer_and_pays_once(
    cluster: RealCluster,
) -> None:
    """What was sent to it may still be read when it goes on: nobody is told that it wasn't."""
    with Client(1, cluster.state) as client, ThreadPoolExecutor(1) as asking:
        client.status()
        cluster.signal(1, signal.SIGSTOP)
        with pytest.raises(OutcomeUnknown, match="node 1 did not answer in time") as caught:
            client.transfer(10, 2, key="rent", timeout_s=0.1)
        assert (caught.value.keys, caught.value.ids) == (("rent",), ())
        asked = asking.submit(client.find, "rent")
        with pytest.raises(Unavailable, match="node 1 did not answer in time"):
            client.balances(timeout_s=0.1)
        cluster.signal(1, signal.SIGCONT)
        found = asked.result(DEADLINE_S)
        assert found is not None, "it says that no such payment was ever queued"
        assert client.transfer(10, 2, key="rent").id == found.id == "1-1"
        assert paid_keys(client) == ["rent"]


# Several nodes to read from.


def test_while_a_node_is_away_another_is_read_from(cluster: RealCluster) -> None:
    cluster.until_linked()
    with Client(1, cluster.state, nodes=[1, 2, 3]) as client:
        slot = client.transfer(10, 2, key="rent").slot
        assert slot is not None and client.status().node == 1
        cluster.kill(1)
        balances = client.balances(confirmed=True, timeout_s=DEADLINE_S)
        assert (balances[1], balances.height >= slot) == (90, True)
        assert client.status().node in (2, 3)
        assert [transfer.id for block in client.chain() for transfer in block.transfers] == ["1-1"]
        assert next(client.watch(slot)).slot == slot
        with pytest.raises(NotConnected, match="node 1"):
            client.transfer(10, 2, timeout_s=0.2)
        with pytest.raises(NotConnected, match="node 1"):
            client.find("rent", timeout_s=0.2)
        cluster.kill(2, 3)
        error_of(lambda timeout_s: client.status(timeout_s=timeout_s), NotConnected, "node")


def test_a_node_that_is_not_of_the_cluster_can_not_be_read_from(cluster: RealCluster) -> None:
    cluster.kill(1)
    client = Client(1, cluster.state, nodes=[9])
    with client, pytest.raises(Misconfigured, match="there is no node 9"):
        client.status()
    with pytest.raises(TypeError, match="whole numbers"):
        Client(1, cluster.state, nodes=["2"])  # type: ignore[list-item]
