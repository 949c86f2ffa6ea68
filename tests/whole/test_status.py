"""`benmo status`: one table of all nodes, whatever has become of some of them."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benmo.admin.cluster_table import DOWN, SILENT, UNKNOWN, Absent, cluster_table
from benmo.commands.answers import Answer, Status
from benmo.commands.node_status import NodeStatus, PeerStatus
from benmo.network.link import Link
from benmo.paxos.types import Ballot
from tests.support.processes import BENMO, Finished, eventually, run
from tests.support.real_cluster import RealCluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    """Give three nodes that run."""
    with RealCluster(tmp_path, 3) as running:
        running.start()
        running.until_linked()
        yield running


_UNHURRIED = """
from benmo.admin import status
from benmo.cli import main
status.ANSWER_S = 60.0
main(prog_name="benmo")
"""
STATUS = (sys.executable, "-c", _UNHURRIED, "status")
"""`benmo status`, which waits longer than a busy machine makes a node take."""


def ask(cluster: RealCluster, *options: str) -> Finished:
    return run(*STATUS, *cluster.state_option, *options)


def until(
    cluster: RealCluster,
    wanted: Callable[[list[Any]], object],
    program: tuple[str, ...] = STATUS,
) -> Finished:
    """Ask until the nodes are as wanted; that answer."""
    last: list[Finished] = []

    def look() -> bool:
        last[:] = [run(*program, *cluster.state_option, "--format", "json")]
        return bool(wanted(last[0].values[0]))

    eventually(look, "the nodes are as wanted", lambda: str(last))
    return last[0]


def are_up(nodes: list[Any]) -> list[object]:
    return [node["up"] for node in nodes]


def all_links(nodes: list[Any], link: str = "up") -> bool:
    return all(set(node["links"].values()) == {link} for node in nodes if node["up"])


# On real nodes.


def test_all_nodes_are_shown_in_one_table(cluster: RealCluster) -> None:
    paid = cluster.attach(1, "moneyTransfer 10,1,2", "wait 60")
    assert paid.status == 0, paid
    told = until(
        cluster, lambda nodes: all_links(nodes) and {each["height"] for each in nodes} == {1}
    )
    assert told.status == 0
    (nodes,) = told.values
    assert [each["node"] for each in nodes] == [1, 2, 3]
    status = cluster.ask(1, "printStatus")
    shown = {name: status[name] for name in status if name != "peers"}
    assert nodes[0] == {**shown, "up": True, "links": {"2": "up", "3": "up"}}
    table = ask(cluster)
    header, *rows, summary = table.out.splitlines()
    assert header.split() == ["node", "up", "role", "ballot", "height", "head", "queue", "links"]
    assert [row.split()[:2] for row in rows] == [["1", "yes"], ["2", "yes"], ["3", "yes"]]
    assert all(status["head"][:12] in row for row in rows)
    assert rows[0].endswith("2✓ 3✓")
    assert summary == "3 of 3 nodes answer: a quorum is up"


def test_a_node_that_is_down_leaves_a_quorum(cluster: RealCluster) -> None:
    cluster.kill(3)
    told = until(
        cluster,
        lambda nodes: are_up(nodes) == [True, True, False] and nodes[0]["links"]["3"] == "down",
    )
    assert told.status == 0
    assert "not running" in told.values[0][2]["reason"]


def test_without_a_quorum_the_status_is_3(cluster: RealCluster) -> None:
    cluster.kill(2, 3)
    told = until(cluster, lambda nodes: are_up(nodes) == [True, False, False])
    assert told.status == 3
    table = ask(cluster)
    assert table.status == 3
    assert "1 of 3 nodes answer: no quorum is up and connected" in table.out


def test_a_node_that_is_paused_gives_no_answer(cluster: RealCluster) -> None:
    cluster.signal(2, signal.SIGSTOP)
    impatient = (*BENMO, "status")
    told = until(cluster, lambda nodes: are_up(nodes) == [True, False, True], impatient)
    assert told.status == 0
    assert told.values[0][1] == {"node": 2, "up": False, "reason": "no answer"}
    cluster.signal(2, signal.SIGCONT)
    assert until(cluster, lambda nodes: are_up(nodes) == [True, True, True]).status == 0


def test_a_severed_link_is_shown_at_the_node_that_severed_it(cluster: RealCluster) -> None:
    cluster.ask(1, "severLink 2")
    until(cluster, lambda nodes: nodes[0]["up"] and nodes[0]["links"]["2"] == "severed")
    assert "2✂ 3" in ask(cluster).out


def test_a_node_whose_directory_is_elsewhere_cannot_be_asked(cluster: RealCluster) -> None:
    until(cluster, all_links)
    elsewhere = cluster.directory / "elsewhere"
    shutil.copytree(cluster.state / "node-1", elsewhere / "node-1")
    shutil.copy(cluster.state / "cluster.json", elsewhere)
    options = ("--state-dir", str(elsewhere), "--format", "json")
    (nodes,) = eventually(
        lambda: [
            told.values[0]
            for told in [run(*STATUS, *options)]
            if told.status == 0 and told.values[0][0]["up"]
        ],
        "node 1 says that it reaches a quorum",
    )
    assert nodes[1:] == [
        {"node": node, "up": None, "reason": "no certificate here"} for node in (2, 3)
    ]


def test_without_a_cluster_it_says_how_to_make_one(tmp_path: Path) -> None:
    told = run(*STATUS, "--state-dir", str(tmp_path))
    assert (told.status, told.out) == (1, "")
    assert "holds no cluster" in told.err


# The table.


def said(quorum: bool = True) -> NodeStatus:
    """What a node of three says of itself."""
    return NodeStatus(
        node=1,
        role="acceptor",
        leader=None,
        ballot=Ballot.ZERO,
        promised=Ballot.ZERO,
        accepted=None,
        height=7,
        head="ab" * 32,
        queue=2,
        quorum=quorum,
        peers=(PeerStatus(2, Link.UP, 7),),
    )


def row(answer: Answer, node: int) -> tuple[object, ...]:
    assert answer.table is not None
    return answer.table.rows[node - 1]


def test_a_node_that_says_nothing_is_down() -> None:
    answer = cluster_table({1: said(), 2: DOWN})
    assert row(answer, 1) == (1, "yes", "acceptor", "none", 7, "ab" * 6, 2, "2✓")
    assert row(answer, 2) == (2, "no", "", "", "", "", "", "")


def test_columns_of_the_callers_own_stand_after_the_node() -> None:
    paused = Absent("paused", "paused")
    answer = cluster_table({1: said(), 2: paused}, {"process": {1: 4711}})
    assert answer.table is not None
    assert answer.table.headers[:3] == ("node", "process", "up")
    assert row(answer, 1)[:3] == (1, 4711, "yes")
    assert row(answer, 2)[:3] == (2, "", "paused")
    assert isinstance(answer.value, list)
    assert answer.value[0]["process"] == 4711


@pytest.mark.parametrize(
    ("others", "quorum", "expected"),
    [
        ([said, DOWN], True, Status.DONE),
        ([said, DOWN], False, Status.UNKNOWN),
        ([DOWN, DOWN], True, Status.UNKNOWN),
        ([DOWN, SILENT], True, Status.UNKNOWN),
        ([UNKNOWN, UNKNOWN], True, Status.DONE),
        ([UNKNOWN, UNKNOWN], False, Status.UNKNOWN),
        ([UNKNOWN, DOWN], True, Status.DONE),
    ],
)
def test_a_quorum_is_up_if_a_node_reaches_it_and_as_many_can_be_up(
    others: list[Any], quorum: bool, expected: Status
) -> None:
    spoken = [other(quorum) if callable(other) else other for other in [said, *others]]
    answer = cluster_table(dict(enumerate(spoken, 1)))
    assert answer.status is expected


@pytest.mark.parametrize(
    ("spoken", "summary"),
    [
        ([said(), said(), said()], "3 of 3 nodes answer: a quorum is up"),
        ([said(), said(), DOWN], "2 of 3 nodes answer: a quorum is up"),
        (
            [said(), UNKNOWN, UNKNOWN],
            "1 of 3 nodes answer: node 1 reaches a quorum; 2 of them can't be asked from here\n"
            "nodes 2 and 3 can't be asked: no certificate here",
        ),
        (
            [said(quorum=False), UNKNOWN, UNKNOWN],
            "1 of 3 nodes answer: what answers reaches no quorum; "
            "2 of them can't be asked from here\n"
            "nodes 2 and 3 can't be asked: no certificate here",
        ),
        (
            [UNKNOWN, Absent("?", "x.pem: damaged", None), UNKNOWN],
            "0 of 3 nodes answer: nothing is known of them here; "
            "3 of them can't be asked from here\n"
            "nodes 1 and 3 can't be asked: no certificate here\n"
            "node 2 can't be asked: x.pem: damaged",
        ),
        (
            [said(quorum=False), said(), said()],
            "3 of 3 nodes answer: nodes 2 and 3 reach a quorum, the others don't",
        ),
        (
            [said(quorum=False), said(), SILENT],
            "2 of 3 nodes answer: node 2 reaches a quorum, the others don't",
        ),
        (
            [said(), DOWN, DOWN],
            "1 of 3 nodes answer: no quorum is up and connected, so nothing is decided",
        ),
    ],
)
def test_the_summary_says_no_more_than_the_nodes_say(spoken: list[Any], summary: str) -> None:
    assert cluster_table(dict(enumerate(spoken, 1))).text == summary
