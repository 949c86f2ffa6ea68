"""Three of five disks lost, with real nodes: the rescued cluster pays on, and no key pays twice."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benmo.client import Client, Misconfigured, Receipt
from tests.support.processes import BENMO, Finished, eventually, run
from tests.support.real_cluster import RealCluster

LEFT = (4, 5)
KEYS = ("rent", "bread", "milk")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    """Give five nodes that run."""
    with RealCluster(tmp_path, 5, tenure="stable") as running:
        running.start()
        running.until_linked()
        yield running


def pay(cluster: RealCluster, *keys: str) -> dict[tuple[int, str], Receipt]:
    """Let each node pay 1 to the next one under each key; what was answered."""
    paid = {}
    for node in cluster.nodes:
        with Client(node, cluster.state, connect_timeout_s=60) as client:
            for key in keys:
                paid[node, key] = client.transfer(1, node % 5 + 1, key=key, timeout_s=180)
    return paid


def rescue(source: Path, state: Path, *options: str) -> Finished:
    return run(*BENMO, "rescue", "--from", str(source), "--state-dir", str(state), *options)


def lose_three_disks(cluster: RealCluster) -> Path:
    """Kill all nodes and wipe three disks; the state that is left."""
    cluster.kill(*cluster.nodes)
    for node in set(cluster.nodes).difference(LEFT):
        shutil.rmtree(cluster.node_directory(node))
    return cluster.state


def test_three_of_five_disks_lost_and_keys_still_pay_once(cluster: RealCluster) -> None:
    paid = pay(cluster, *KEYS)
    heights = {cluster.ask(node, "printStatus")["height"] for node in cluster.nodes}
    old, new = cluster.state, cluster.directory / "new"
    running = rescue(old, new, "--accept-loss")
    assert (running.status, running.out) == (1, "")
    assert "is in use by process" in running.err
    lose_three_disks(cluster)
    asked = rescue(old, new)
    assert asked.status == 1
    assert "Not here, or damaged: nodes 1, 2 and 3." in asked.out
    assert not new.exists()
    done = rescue(old, new, "--accept-loss")
    assert done.status == 0, done
    assert f"python -m benmo.node 5 --state-dir {new}" in done.out

    cluster.state = new
    cluster.start()
    cluster.until_linked()
    again = pay(cluster, *KEYS)
    for (node, key), receipt in paid.items():
        assert (again[node, key].id, again[node, key].slot) == (receipt.id, receipt.slot)
    later = pay(cluster, "oil")
    assert {node: receipt.id for (node, _), receipt in later.items()} == {
        node: f"{node}-{len(KEYS) + 1}" for node in cluster.nodes
    }
    assert min(receipt.slot or 0 for receipt in later.values()) > max(heights) + 5
    with Client(1, new) as client:
        assert set(client.balances(confirmed=True, timeout_s=180).by_node.values()) == {100}
    assert run(*BENMO, "verify", str(new)).status == 0
    found = run(*BENMO, "find", "milk", "--node", "2", "--state-dir", str(new))
    assert f"decided in slot {paid[2, 'milk'].slot}: 2-3" in found.out


def test_an_old_member_that_starts_again_is_not_heard_and_changes_nothing(
    cluster: RealCluster,
) -> None:
    pay(cluster, "rent")
    made = run(*BENMO, "client-certificate", "shop", *cluster.state_option)
    assert made.status == 0, made
    old, new = lose_three_disks(cluster), cluster.directory / "new"
    assert rescue(old, new, "--accept-loss").status == 0
    others = tuple(node for node in cluster.nodes if node != 4)

    cluster.start(4)
    cluster.state = new
    cluster.start(*others)
    cluster.until_linked(*others)
    with Client(1, new, connect_timeout_s=60) as client:
        assert client.transfer(1, 2, key="oil", timeout_s=180).slot
    eventually(lambda: is_strange(cluster, 1, 4), "node 1 notices a stranger")
    eventually(lambda: is_strange(cluster, 4, 1), "the old node 4 does, too")
    peers = {peer["node"]: peer["link"] for peer in cluster.ask(1, "printStatus")["peers"]}
    assert peers == {2: "up", 3: "up", 4: "down", 5: "up"}
    stranger = run(*BENMO, "attach", "4", "-e", "printStatus", "--state-dir", str(new))
    assert stranger.status != 0

    cluster.state = old
    status = cluster.ask(4, "printStatus")
    assert not status["quorum"]
    assert status["height"] <= 5
    assert {peer["link"] for peer in status["peers"]} == {"down"}
    with Client(1, old / "client-shop") as client, pytest.raises(Misconfigured):
        client.transfer(1, 2, key="oil", timeout_s=60)

    cluster.signal(4, signal.SIGTERM)
    assert cluster.ended(4) == 0
    cluster.state = new
    cluster.start(4)
    cluster.until_linked()
    with Client(4, new, connect_timeout_s=60) as client:
        receipt = client.transfer(1, 2, key="oil", timeout_s=180)
    assert receipt.id == "4-2"


def is_strange(cluster: RealCluster, node: int, other: int) -> bool:
    """Whether a node's log says that another one's place is taken by a stranger."""
    start = f"node {other} can't be dialled: what listens at 127.0.0.1:{cluster.port + other - 1} "
    return f"{start}is not of this cluster" in cluster.log(node).read_text()
