"""Nodes that move, or are added, are found by whoever looks for them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benmo.client import Client
from benmo.node.process import RETIRED
from tests.support.processes import DEADLINE_S, run
from tests.support.real_cluster import RealCluster
from tests.whole.changing import (
    CHANGE,
    change,
    members,
    require_added,
    require_paying,
    three_that_run,
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Give three nodes that run."""
    with three_that_run(tmp_path_factory.mktemp("changed")) as running:
        yield running


def test_a_node_moves_to_another_address_with_all_that_it_has(cluster: RealCluster) -> None:
    port = cluster.port + 4
    done = change(cluster, "move", "3", "--port", str(port))
    assert done.status == 0, done
    assert f"node 3 is expected at 127.0.0.1:{port}" in done.out
    cluster.signal(3, signal.SIGTERM)
    assert cluster.ended(3) == 0
    cluster.moved[3] = port
    cluster.start(3)
    cluster.until_linked()
    assert members(cluster, 3)[-1]["port"] == port
    require_paying(cluster, 3)


def test_a_node_that_moved_twice_is_found_where_it_still_is(cluster: RealCluster) -> None:
    """Commands, prompts and programs find it; so do the other nodes, and it is not replaced."""
    elsewhere = made_elsewhere(cluster, "shop")
    for port in (cluster.port + 3, cluster.port + 2):
        assert change(cluster, "move", "3", "--port", str(port)).status == 0
    cluster.until_linked()
    up = run(*CHANGE, "status", *cluster.state_option, "--format", "json").values[0]
    assert [each["up"] for each in up] == [True] * 3
    for state in (str(cluster.state), elsewhere):
        asked = run(*CHANGE, "attach", "3", "-e", "printBalance all", "--state-dir", state)
        assert asked.status == 0, asked
    with Client(3, elsewhere, connect_timeout_s=DEADLINE_S) as client:
        assert client.status(timeout_s=DEADLINE_S).node == 3
    refused = change(cluster, "replace", "3")
    assert refused.err.startswith("benmo: node 3 is up and votes")
    cluster.signal(3, signal.SIGTERM)
    assert cluster.ended(3) == 0
    cluster.moved[3] = cluster.port + 2
    cluster.start(3)
    cluster.until_linked()


def test_a_node_that_was_away_while_the_others_moved_finds_them(tmp_path: Path) -> None:
    """Its chain and its `cluster.json` know only where they were; it is needed for a majority."""
    with RealCluster(tmp_path, 3, tenure="stable") as cluster:
        cluster.start()
        cluster.until_linked()
        file = cluster.state / "cluster.json"
        before = file.read_bytes()
        cluster.kill(1)
        for node, port in ((2, cluster.port + 3), (3, cluster.port + 4)):
            assert change(cluster, "move", str(node), "--port", str(port)).status == 0
            cluster.signal(node, signal.SIGTERM)
            assert cluster.ended(node) == 0
            cluster.moved[node] = port
            cluster.start(node)
            cluster.until_linked(2, 3)
        file.write_bytes(before)
        cluster.start(1)
        cluster.until_linked()
        cluster.kill(2)
        require_paying(cluster, 3)


def test_a_node_that_was_added_is_found_from_a_machine_that_does_not_know_it(
    cluster: RealCluster,
) -> None:
    elsewhere = made_elsewhere(cluster, "books", "--read-only")
    assert change(cluster, "add").status == 0
    require_added(cluster, 4)
    for state in (str(cluster.state), elsewhere):
        asked = run(*CHANGE, "attach", "4", "-e", "printBalance", "--state-dir", state)
        assert asked.status == 0, asked
    with Client(4, elsewhere, connect_timeout_s=DEADLINE_S) as client:
        assert client.status(timeout_s=DEADLINE_S).node == 4
    missing = run(*CHANGE, "attach", "9", "-e", "printBalance", "--state-dir", elsewhere)
    assert missing.err == "benmo: there is no node 9 in this cluster: nodes are 1 to 4\n"
    assert change(cluster, "remove", "4").status == 0
    assert cluster.ended(4) == RETIRED
    gone = run(*CHANGE, "attach", "4", "-e", "printBalance", "--state-dir", elsewhere)
    until = members(cluster, 4)[-1]["until"]
    assert gone.err == f"benmo: node 4 was removed in slot {until}\n"


def made_elsewhere(cluster: RealCluster, name: str, *options: str) -> str:
    """A client's directory, whose `cluster.json` stays as it is now."""
    made = run(*CHANGE, "client-certificate", name, *options, *cluster.state_option)
    assert made.status == 0, made
    return str(cluster.state / f"client-{name}")
