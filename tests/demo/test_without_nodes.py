"""What the demo answers while no node runs: what is wrong, and what to type instead."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from benmo.admin.addresses import addresses
from benmo.admin.making import new_cluster
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.commands.answers import Status, refusal
from benmo.control.connection import NodeGone
from benmo.demo.execute import DemoRunner
from benmo.demo.fleet import Fleet
from benmo.demo.links import Pair
from benmo.demo.run_log import NoLog
from benmo.demo.stage import Stage
from benmo.demo.tour.scene import Scene


@pytest.fixture
def demo(tmp_path: Path) -> DemoRunner:
    """Give a demo of five nodes, none of which was started."""
    cluster = new_cluster(addresses(5, 9001), ClusterSettings())
    state = StateDirectory(tmp_path)
    for node in cluster.ids:
        state.node(node).mkdir()
    fleet = Fleet(state, cluster, lambda *_: None, lambda *_: None)
    return DemoRunner(Stage(fleet, selected=1))


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        ("2> printQueue", 1, "node 2 is not running: restart 2"),
        ("printQueue", 1, "node 1 is not running: restart 1"),
        ("kill 2 3", 1, "nodes 2 and 3 are not running"),
        ("stop 2", 1, "node 2 is not running"),
        ("9> printQueue", 1, "there is no node 9: nodes are 1 to 5"),
        ("kill 9", 1, "there is no node 9"),
        ("kill", 2, "kill N"),
        ("kill x", 2, "a number from 1 to 5"),
        ("continue 2", 1, "node 2 is not running"),
        ("partition", 2, "partition 1 2 | 3 4 5"),
        ("cut 1", 2, "cut A B [--one-way]"),
        ("cut 1 2 twice", 2, "cut A B [--one-way]"),
        ("cut 1 1", 1, "no link to itself"),
        ("heal 1", 2, "heal [A B]"),
        ("slow 1 2", 2, "slow A B MILLISECONDS"),
        ("slow 1 1 5", 1, "no link to itself"),
        ("slow 1 2 soon", 2, "whole number of milliseconds"),
        ("duel 1", 2, "duel A B"),
        ("ambush 1", 2, "ambush A B"),
        ("ambush 1 1", 2, "ambush A B"),
        ("ambush 1 3", 1, "node 1 is not running; node 3 is not running"),
        ("lose", 2, "lose N"),
        ("lose 2 3", 2, "it takes one node"),
        ("replace", 2, "replace N"),
        ("replace 2", 1, "0 of 5 nodes answer, and 3 that reach one another must decide"),
        ("2> kill 3", 2, "without 2: kill N"),
        ("all", 2, "all COMMAND"),
        ("all nonsense", 2, "there is no command 'nonsense'"),
        ("all ls", 2, "without all: ls"),
        ("frobnicate", 2, "help lists the commands"),
        ("tour", 1, "the tour needs a terminal"),
        ("ls 3", 2, "it takes nothing"),
        ("exit now", 2, "it takes nothing, not now: exit"),
    ],
)
def test_what_is_wrong_is_answered_with_a_status_and_a_hint(
    demo: DemoRunner, line: str, status: int, reason: str
) -> None:
    rendered = demo.run(line, "json")
    assert rendered.status == status
    answer = json.loads(rendered.output)
    assert reason in answer["reason"]
    assert answer["outcome"] == ("refused" if status == 1 else "not understood")
    assert not rendered.leaves


def test_when_no_node_can_be_asked_the_answer_to_all_is_unknown(demo: DemoRunner) -> None:
    rendered = demo.run("all printBalance", "json")
    assert rendered.status is Status.UNKNOWN
    answer = json.loads(rendered.output)["nodes"]["5"]
    assert answer == {"outcome": "unknown", "reason": "node 5 is not running"}


@pytest.mark.parametrize("line", ["use 3", "3>", "use  3 "])
def test_another_node_is_selected(demo: DemoRunner, line: str) -> None:
    assert demo.run(line, "table").output == ""
    assert "node 3 is not running" in demo.run("printQueue", "table").output


def test_a_node_whose_disk_is_lost_is_shown_so_and_kept_down(
    demo: DemoRunner, tmp_path: Path
) -> None:
    assert demo.run("lose 3", "table").output == (
        "node 3's disk is wiped: what it promised and accepted is gone"
    )
    assert not StateDirectory(tmp_path).node(3).exists()
    refused = demo.run("restart 3", "table")
    assert refused.status is Status.REFUSED
    assert refused.output.startswith("node 3 is kept down: without its disk, it has forgotten")
    assert refused.output.endswith("replace 3 puts a new member in its place")
    assert demo.run("3> printQueue", "table").output == "node 3 has lost its disk: replace 3"
    assert demo.run("lose 3", "table").output == "node 3 has lost its disk already: replace 3"
    (shown,) = (row for row in json.loads(demo.run("ls", "json").output) if row["node"] == 3)
    assert (shown["up"], shown["reason"]) == (False, "its disk is lost")
    assert "lost" in demo.run("ls", "table").output


def test_the_loss_of_a_majority_of_disks_is_told_as_the_end(demo: DemoRunner) -> None:
    demo.run("lose 3", "table")
    assert "no majority" not in demo.run("lose 4", "table").output
    assert "3 of 5 disks are lost: no majority is left" in demo.run("lose 5", "table").output
    assert "replace, once for each of 3 4 5" in demo.run("restart 3 4 5", "table").output


def test_links_of_nodes_that_do_not_run_are_not_said_to_be_whole(demo: DemoRunner) -> None:
    said = demo.run("heal", "table")
    assert said.status is Status.DONE
    assert "no node is running: every link will be whole when nodes run again" in said.output


def test_what_is_held_back_is_told_in_whole_sentences(demo: DemoRunner) -> None:
    assert demo.run("quiet", "table").output == (
        "the nodes' notices are not shown: loud shows them"
    )
    assert demo.run("loud", "table").output == "the nodes' notices are shown"


def test_exit_leaves(demo: DemoRunner) -> None:
    assert demo.run("exit", "table").leaves


def test_a_partition_names_those_who_can_decide_and_are_up(demo: DemoRunner) -> None:
    text = demo.run("partition 1 2 | 3 4 5", "table").output
    assert "a majority is 3, so no side can decide anything while nodes 3, 4 and 5 are down" in text
    text = demo.run("partition 1 2 | 3 4", "table").output
    assert text.endswith("so no side can decide anything")


def test_a_cut_names_what_is_cut_and_those_who_can_lead(demo: DemoRunner) -> None:
    said = demo.run("cut 1 3", "table").output
    assert said.startswith("the link between 1 and 3 is cut; no node reaches 3 of 5 both ways")
    said = demo.run("cut 2 all --one-way", "table").output
    assert said.startswith("what node 2 sends to nodes 1, 3, 4 and 5 is cut, and nothing else; ")
    said = demo.run("cut 5 4 --one-way", "json").output
    assert json.loads(said) == {"cut": [[5, 4]]}
    said = demo.run("heal 2 all", "json").output
    assert json.loads(said) == {"healed": [[1, 2], [2, 3], [2, 4], [2, 5]]}
    assert demo.run("ls", "table").output.splitlines()[-1] == "cut: 1–3, 5 to 4"


class Log(NoLog):
    """What happened to links, in words."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def did_to_links(self, event: str, ways: Iterable[Pair], delay_ms: int = 0) -> None:
        shown = " ".join(f"{sender}>{receiver}" for sender, receiver in ways)
        self.events.append(f"{event} {shown} {delay_ms or ''}".strip())


def test_what_happens_to_links_is_logged_once_for_each_command(tmp_path: Path) -> None:
    cluster = new_cluster(addresses(3, 9001), ClusterSettings())
    log = Log()
    fleet = Fleet(StateDirectory(tmp_path), cluster, lambda *_: None, lambda *_: None, log)
    demo = DemoRunner(Stage(fleet, selected=1))
    for line in ("slow 3 all 300", "cut 1 2 --one-way", "partition 1 | 2 3", "slow 1 3 0", "heal"):
        assert demo.run(line, "table").status is Status.DONE
    assert log.events == [
        "slowed 1>3 2>3 3>1 3>2 300",
        "cut 1>2",
        "cut 1>3 2>1 3>1",
        "slowed 1>3 3>1",
        "healed 1>2 1>3 2>1 3>1",
        "slowed 2>3 3>2",
    ]


def test_ls_tells_what_is_cut_and_slowed(demo: DemoRunner) -> None:
    assert "cut" not in demo.run("ls", "table").output
    for line in ("partition 1 | 2 3 4 5", "slow 1 2 50", "slow 2 3 70"):
        assert demo.run(line, "table").status is Status.DONE
    assert demo.run("ls", "table").output.splitlines()[-2:] == [
        "cut: 1 | 2 3 4 5",
        "slowed: 1–2 by 50 ms, 2–3 by 70 ms",
    ]
    demo.run("slow all all 300", "table")
    assert demo.run("ls", "table").output.endswith("slowed: every link by 300 ms")
    assert json.loads(demo.run("ls", "json").output)[0]["process"] is None
    demo.run("heal", "table")
    assert "slowed" not in demo.run("ls", "table").output


def test_help_shows_both_tables_or_one_line(demo: DemoRunner) -> None:
    everything = demo.run("help", "table").output
    for usage in ("kill N", "partition 1 2 | 3 4 5", "moneyTransfer AMOUNT", "delayLink N"):
        assert usage in everything
    assert max(map(len, everything.splitlines())) <= 80
    assert everything.count("help [COMMAND]") == everything.count(" exit  ") == 1
    assert demo.run("help parti", "table").output.split("  ")[0].strip() == "partition 1 2 | 3 4 5"
    assert demo.run("help printQ", "tsv").output.startswith("printQueue\t")
    assert demo.run("help frobnicate", "table").status is Status.NOT_UNDERSTOOD


def runs(fleet: Fleet, node: int, is_paused: bool = False) -> Any:
    """Let a node's process run, which doesn't answer."""
    process = SimpleNamespace(is_running=True, is_paused=is_paused, end_is_wanted=False)
    fleet._processes[node] = cast(Any, process)
    return process


@pytest.mark.parametrize("line", ["3> wait", "3> printQueue", "ambush 3 4", "duel 3 4"])
def test_a_node_that_another_thread_starts_is_said_to_be_starting(
    demo: DemoRunner, line: str
) -> None:
    for node in (3, 4):
        runs(demo._stage.fleet, node)
    rendered = demo.run(line, "table")
    assert rendered.status is Status.REFUSED
    assert rendered.output.startswith("node 3 is starting")
    answers = json.loads(demo.run("all wait", "json").output)["nodes"]
    assert answers["3"]["reason"] == "node 3 is starting"


@pytest.mark.parametrize("line", ["3> wait", "3> printQueue"])
def test_an_unexpected_exception_ends_a_line_and_not_the_demo(
    demo: DemoRunner, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    def run(*_: object) -> None:
        raise KeyError("three\nlines")

    monkeypatch.setattr(demo._stage.fleet, "run", run)
    rendered = demo.run(line, "table")
    assert (rendered.status, rendered.leaves) == (Status.UNKNOWN, False)
    assert "outcome unknown: KeyError: 'three\\nlines' (test_without_nodes.py, line " in (
        rendered.output
    )
    assert len(rendered.output.splitlines()) == 1


def test_a_node_that_could_not_be_told_to_crash_is_not_expected_to_end(
    demo: DemoRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody would be told when it ends by itself."""
    process = runs(demo._stage.fleet, 3, is_paused=True)
    assert demo.run("3> crashNode", "table").output == "node 3 is paused: continue 3"
    assert not process.end_is_wanted
    lost = replace(refusal(Status.REFUSED, "the connection is lost"), leaves=True)
    monkeypatch.setattr(demo._stage.fleet, "run", lambda *_: lost.rendered("table"))
    assert demo.run("3> crashNode", "table").output == "the connection is lost"
    assert not process.end_is_wanted


def test_a_node_that_does_not_tell_its_state_counts_as_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection is lost, say, while its process has yet to end."""
    cluster = new_cluster(addresses(3, 9001), ClusterSettings())
    fleet = Fleet(StateDirectory(tmp_path), cluster, lambda *_: None, lambda *_: None)
    lost = refusal(Status.REFUSED, "the connection to node 1 is lost").rendered("json")
    monkeypatch.setattr(fleet, "run", lambda *_: lost)
    with pytest.raises(NodeGone):
        fleet.status(1)
    assert Scene(fleet).head(1) == ""


@pytest.mark.parametrize(
    ("word", "more"),
    [
        ("lose", "restart refuses it: it has forgotten"),
        ("replace", "which may also be merely down"),
        ("restart", "kept down: replace it"),
    ],
)
def test_help_with_a_name_says_more_than_the_list(demo: DemoRunner, word: str, more: str) -> None:
    said = demo.run(f"help {word}", "table").output
    assert more in said and max(map(len, said.splitlines())) <= 80
    assert more not in demo.run("help", "table").output
