"""`benmo export` of what real nodes wrote, to pipes, to files and to hledger."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import BENMO, Finished, environment, run
from tests.support.real_cluster import RealCluster


@pytest.fixture(scope="module")
def paid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Give three nodes that run and have decided some payments."""
    with RealCluster(tmp_path_factory.mktemp("paid"), 3) as cluster:
        cluster.start()
        for line in ("moneyTransfer 10,1,2", "moneyTransfer 25,1,3"):
            made = cluster.attach(1, line, "wait 60")
            assert made.status == 0, made
        yield cluster


def export(cluster: RealCluster, form: str, *options: str) -> str:
    made = run(*BENMO, "export", "--format", form, *cluster.state_option, *options)
    assert (made.status, made.err) == (0, ""), made
    return made.out


def test_a_running_nodes_transfers_are_those_of_its_blockchain(paid: RealCluster) -> None:
    shown: list[Any] = []
    for block in paid.ask(1, "printBlockchain"):
        shown += [{"slot": block["slot"], **transfer} for transfer in block["transfers"]]
    made = run(*BENMO, "export", "--format=json", "--node=1", *paid.state_option)
    exported = [{name: each[name] for name in shown[0]} for each in made.values]
    assert exported == shown
    assert len(shown) == 2


@pytest.mark.skipif(shutil.which("hledger") is None, reason="hledger is not installed")
def test_hledger_comes_to_the_balances_that_a_node_shows(paid: RealCluster, tmp_path: Path) -> None:
    journal = tmp_path / "ledger.journal"
    assert export(paid, "hledger", "-o", str(journal)) == ""
    told = run("hledger", "-f", str(journal), "bal", "-O", "csv", "-E", "assets")
    assert (told.status, told.err) == (0, "")
    held = {row[0]: int(row[1]) for row in list(csv.reader(io.StringIO(told.out)))[1:]}
    balances = paid.ask(1, "printBalance all")["balances"]
    assert balances == {"1": 65, "2": 110, "3": 125}
    assert held.pop("total") == 300
    assert held == {f"assets:node-{node}": balance for node, balance in balances.items()}
    checked = run("hledger", "-f", str(journal), "check", "--strict")
    assert (checked.status, checked.out, checked.err) == (0, "", "")


def test_a_reader_that_leaves_early_is_no_error_to_speak_of(paid: RealCluster) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [*BENMO, "export", "--format", "json", *paid.state_option],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        env=environment(),
        check=False,
    )
    os.close(writing)
    assert ended.stderr == b""


def test_a_file_that_cannot_be_written_is_told_in_one_line(
    paid: RealCluster, tmp_path: Path
) -> None:
    target = tmp_path / "nowhere" / "ledger.csv"
    made = run(*BENMO, "export", "--format=csv", "-o", str(target), *paid.state_option)
    assert made.status == 1
    assert made.err == f"benmo: {target} can't be written: No such file or directory\n"


# Where no node's files are.


def desk(cluster: RealCluster, path: Path, *nodes: int) -> Path:
    """A directory that holds no more than `cluster.json` and these nodes' certificates."""
    path.mkdir()
    shutil.copy(cluster.state / "cluster.json", path)
    for node in nodes:
        shutil.copytree(cluster.node_directory(node) / "tls", path / f"node-{node}" / "tls")
    return path


def from_desk(path: Path, *options: str) -> Finished:
    return run(*BENMO, "export", *options, "--state-dir", str(path))


@pytest.mark.parametrize("form", ["json", "csv", "hledger"])
def test_a_desk_exports_the_same_bytes_from_a_running_node(
    paid: RealCluster, tmp_path: Path, form: str
) -> None:
    nodes, client = desk(paid, tmp_path / "desk", 1, 2, 3), tmp_path / "reader"
    made = run(
        *(*BENMO, "client-certificate", f"reader-{form}", "--read-only"),
        *(f"--output={client}", *paid.state_option),
    )
    assert made.status == 0, made
    expected = export(paid, form)
    for path in (nodes, client):
        made = from_desk(path, "--format", form)
        assert (made.status, made.out, made.err) == (0, expected, "")
    target = tmp_path / "exported"
    assert from_desk(nodes, "--format", form, "--node=1", "-o", str(target)).status == 0
    assert target.read_text() == expected


@pytest.mark.parametrize(
    ("nodes", "options", "says"),
    [
        ((2,), (), "no node answers: node 2 is not running at"),
        ((2,), ("--node=2",), "node 2 is not running at"),
        ((2,), ("--node=1",), "holds neither files of node 1 nor a certificate to ask it with"),
        ((), (), "holds neither files of a node nor a certificate to ask one with"),
        ((2,), ("--node=9",), "there is no node 9"),
    ],
)
def test_a_desk_says_in_one_line_why_nothing_is_exported(
    tmp_path: Path, nodes: tuple[int, ...], options: tuple[str, ...], says: str
) -> None:
    with RealCluster(tmp_path, 3) as cluster:
        path, target = desk(cluster, tmp_path / "desk", *nodes), tmp_path / "exported"
        made = from_desk(path, "--format=csv", "-o", str(target), *options)
    assert (made.status, made.out) == (1, "")
    (line,) = made.err.splitlines()
    assert line.startswith("benmo: ") and says in line
    assert not target.exists()
