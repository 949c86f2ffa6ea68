"""`benmo verify` on what real nodes wrote: while they run, after their death, and damaged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import BENMO, Finished, run
from tests.support.real_cluster import RealCluster
from tests.support.written_state import content

PAYMENTS = 5


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Give three nodes that were killed after some payments; node 3 was cut off before most."""
    with RealCluster(tmp_path_factory.mktemp("used"), 3) as cluster:
        cluster.start()
        pay(cluster, 1)
        cluster.until(3, "printStatus", lambda status: status["height"] == 1)
        cluster.ask(3, "severLink 1")
        cluster.ask(3, "severLink 2")
        for node in (1, 2, 1, 2):
            pay(cluster, node)
        head = cluster.ask(1, "printStatus")["head"]
        cluster.until(2, "printStatus", lambda status: status["head"] == head)
        cluster.kill(*cluster.nodes)
        yield cluster


@pytest.fixture
def state(used: RealCluster, tmp_path: Path) -> Path:
    """Give a copy of those nodes' state, to be damaged."""
    return Path(shutil.copytree(used.state, tmp_path / "state"))


def pay(cluster: RealCluster, node: int) -> None:
    made = cluster.attach(node, f"moneyTransfer 10,{node},{3 - node}", "wait 60")
    assert made.status == 0, made


def verify(state: Path, *options: str) -> Finished:
    return run(*BENMO, "verify", str(state), *options)


def test_what_killed_nodes_left_is_sound(state: Path) -> None:
    before = content(state)
    told = verify(state, "--format", "json")
    assert told.status == 0, told
    (nodes,) = told.values
    assert [(each["node"], each["height"], each["result"]) for each in nodes] == [
        (1, PAYMENTS, "sound"),
        (2, PAYMENTS, "sound"),
        (3, 1, "sound"),
    ]
    assert nodes[0]["head"] == nodes[1]["head"] != nodes[2]["head"]
    assert content(state) == before


def test_people_get_a_table(state: Path) -> None:
    told = verify(state)
    assert told.status == 0, told
    header, *rows = told.out.splitlines()
    assert header.split() == ["node", "height", "head", "transfers", "result"]
    assert [row.split()[3:] for row in rows] == [["5", "sound"], ["5", "sound"], ["1", "sound"]]


def test_nodes_that_run_are_verified_as_they_stand(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 3) as cluster:
        cluster.start()
        pay(cluster, 1)
        told = verify(cluster.state, "--format", "json")
        assert told.status == 0, told
        (nodes,) = told.values
        assert [each["result"] for each in nodes] == ["sound, running"] * 3
        assert nodes[0]["height"] == 1
        pay(cluster, 2)


def test_damage_is_told_with_its_file_and_line(state: Path) -> None:
    path = state / "node-2" / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], *lines[2:]]))
    told = verify(state)
    assert told.status == 1
    assert f"\n{path}:2: its checksum is wrong\n" in told.out
    assert [row.split()[-1] for row in told.out.splitlines()[1:4]] == ["sound", "damaged", "sound"]
    (nodes,) = verify(state, "--format", "json").values
    assert nodes[1]["damage"] == {"file": str(path), "line": 2, "what": "its checksum is wrong"}
    tabular = verify(state, "--format", "tsv")
    assert len(tabular.out.splitlines()) == 4
    assert str(path) in tabular.err


def test_another_cluster_s_nodes_are_found(state: Path, tmp_path: Path) -> None:
    with RealCluster(tmp_path / "other", 3) as other:
        shutil.rmtree(state / "node-1")
        shutil.copytree(other.node_directory(1), state / "node-1")
    told = verify(state)
    assert told.status == 1
    assert f"{state / 'node-1' / 'checkpoint.json'}:1: it belongs to another cluster" in told.out


def test_where_there_is_no_cluster_it_says_so_in_one_line(tmp_path: Path) -> None:
    told = verify(tmp_path)
    assert (told.status, told.out) == (1, "")
    assert len(told.err.splitlines()) == 1
