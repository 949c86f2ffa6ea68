"""Links that are slow, nodes that are told to hurry, and nodes that end with whoever began them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

from benmo.cluster import StateDirectory
from benmo.control.attached_node import AttachedNode
from tests.support.processes import NODE, end_process, environment, eventually, run
from tests.support.real_cluster import RealCluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    with RealCluster(tmp_path, 3, tenure="stable", log_limit="100") as made:
        made.start()
        made.until_linked()
        yield made


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[RealCluster]:
    """Three nodes that wait for ten minutes before they campaign."""
    with RealCluster(tmp_path, 3, election_delay="600-600") as made:
        made.start()
        made.until_linked()
        yield made


def pay(cluster: RealCluster, node: int, other: int) -> None:
    assert cluster.ask(node, f"moneyTransfer 1,{node},{other}")["outcome"] == "queued"


def decide(cluster: RealCluster, node: int) -> None:
    assert cluster.ask(node, "wait 60")["outcome"] == "decided"


def agreed(cluster: RealCluster) -> list[str]:
    """Wait until all nodes have one chain and empty queues; its transfers."""

    def same() -> bool:
        seen = [cluster.ask(node, "printStatus") for node in cluster.nodes]
        return len({each["head"] for each in seen}) == 1 and not any(each["queue"] for each in seen)

    eventually(same, "the nodes agree")
    chains = [cluster.ask(node, "printBlockchain") for node in cluster.nodes]
    assert all(chain == chains[0] for chain in chains)
    return [transfer["id"] for block in chains[0] for transfer in block["transfers"]]


# Slow links.


def test_a_slow_link_is_slow_and_is_shown_to_be(cluster: RealCluster) -> None:
    """A decision waits for the accept requests, and these leave half a second later."""
    pay(cluster, 1, 2)
    decide(cluster, 1)
    leader = cluster.until(1, "printStatus", lambda status: status["leader"])["leader"]
    others = [node for node in cluster.nodes if node != leader]
    for other in others:
        answer = cluster.ask(leader, f"delayLink {other} 500")
        assert answer == {"node": other, "delay_ms": 500}
    shown = cluster.attach(leader, "printStatus", form="table").out
    assert shown.count("up, sends 500 ms late") == 2
    began = time.monotonic()
    pay(cluster, leader, others[0])
    decide(cluster, leader)
    assert time.monotonic() - began >= 0.5
    for other in others:
        assert cluster.ask(leader, f"delayLink {other} 0") == {"node": other, "delay_ms": 0}
    assert "late" not in cluster.attach(leader, "printStatus", form="table").out
    assert len(agreed(cluster)) == 2


def test_whatever_overtakes_whatever_the_chain_stays_one(cluster: RealCluster) -> None:
    """A delay that ends lets later messages arrive before earlier ones."""
    random = Random(3)
    for _ in range(25):
        node, other = random.sample(cluster.nodes, 2)
        cluster.ask(node, f"delayLink {other} {random.choice((0, 30, 100, 300))}")
        pay(cluster, node, other)
    for node in cluster.nodes:
        for other in cluster.nodes:
            if other != node:
                cluster.ask(node, f"delayLink {other} 0")
    assert len(agreed(cluster)) == 25


def test_what_was_under_way_to_a_peer_that_is_cut_off_or_gone_is_lost(
    cluster: RealCluster,
) -> None:
    cluster.ask(1, "delayLink 2 1000")
    cluster.ask(1, "delayLink 3 1000")
    pay(cluster, 1, 2)
    cluster.ask(1, "severLink 2")
    cluster.kill(3)
    cluster.start(3)
    cluster.ask(1, "restoreLink 2")
    cluster.ask(1, "delayLink 2 0")
    cluster.ask(1, "delayLink 3 0")
    decide(cluster, 1)
    assert agreed(cluster) == ["1-1"]


def test_a_delay_says_what_it_means_for_a_round_and_for_the_others(idle: RealCluster) -> None:
    gone = "for the first 60 s nothing arrives, so this node seems to be gone"
    lines = ("delayLink 2 60000", "delayLink 3 60000", "delayLink 2 0", "delayLink 3 0")
    assert idle.attach(1, *lines, form="table").out.splitlines() == [
        "this node sends to node 2 60000 ms late",
        gone,
        "this node sends to node 3 60000 ms late",
        "answers take 60 s, and a round 40 s at most: nothing is decided over such links",
        gone,
        "this node sends to node 2 without delay",
        gone,
        "this node sends to node 3 without delay",
    ]


@pytest.mark.parametrize(
    ("line", "status", "text"),
    [
        ("delayLink 2 -1", 1, "a delay is from 0 to 60000 milliseconds, not -1"),
        ("delayLink 2 60001", 1, "a delay is from 0 to 60000 milliseconds, not 60001"),
        ("delayLink 1 10", 1, "this is node 1: it has no link to itself"),
        ("delayLink 9 10", 1, "there is no node 9: the others are 2, 3"),
        ("delayLink 2", 2, "it takes a node and milliseconds: delayLink N MILLISECONDS"),
        ("delayLink 2 10 10", 2, "it takes a node and milliseconds: delayLink N MILLISECONDS"),
        ("delayLink 2 soon", 2, "soon"),
        ("delayLink 2 0.5", 2, "0.5"),
    ],
)
def test_a_delay_that_makes_no_sense_is_refused(
    shared: RealCluster, line: str, status: int, text: str
) -> None:
    answer = shared.attach(1, line)
    assert answer.status == status and text in answer.values[0]["reason"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """One node of three, for what changes nothing."""
    with RealCluster(tmp_path_factory.mktemp("shared"), 3) as made:
        made.start(1)
        yield made


# Hurrying.


def hurry(cluster: RealCluster, *nodes: int) -> None:
    for node in nodes:
        with closing(AttachedNode(StateDirectory(cluster.state), node)) as attached:
            attached.hurry()
            attached.run("printStatus", "json")  # so it has come, when the connection ends


def test_a_node_that_is_told_to_hurry_campaigns_at_once(idle: RealCluster) -> None:
    pay(idle, 1, 2)
    assert idle.ask(1, "wait 0.1")["outcome"] == "unknown"
    hurry(idle, 1)
    decide(idle, 1)
    assert agreed(idle) == ["1-1"]


def test_a_node_without_anything_to_propose_has_no_reason_to_hurry(idle: RealCluster) -> None:
    hurry(idle, 1, 1, 1)
    status = idle.ask(1, "printStatus")
    assert (status["role"], status["promised"]) == ("acceptor", [0, 0])
    pay(idle, 1, 2)
    assert idle.ask(1, "wait 0.2")["outcome"] == "unknown", "a hurry is not for later"


def test_a_hurry_without_a_quorum_is_in_vain_and_the_next_one_is_not(idle: RealCluster) -> None:
    idle.kill(2, 3)
    idle.until(1, "printStatus", lambda status: not status["quorum"])
    pay(idle, 1, 2)
    hurry(idle, 1)
    assert idle.ask(1, "wait 0.1")["reason"] == "node 1 reaches 1 of 3, needs 2"
    assert idle.ask(1, "printStatus")["promised"] == [0, 0]
    idle.start(2, 3)
    idle.until(1, "printStatus", lambda status: status["quorum"])
    hurry(idle, 1)
    decide(idle, 1)


def test_two_leaders_that_duel_agree_in_the_end(idle: RealCluster) -> None:
    for node in (1, 2):
        idle.ask(node, f"delayLink {3 - node} 200")
        idle.ask(node, "delayLink 3 100")
        pay(idle, node, 3)

    def both() -> bool:
        hurry(idle, *(node for node in (1, 2) if idle.ask(node, "printQueue")))
        return not any(idle.ask(node, "printQueue") for node in (1, 2))

    eventually(both, "both transfers are decided")
    assert sorted(agreed(idle)) == ["1-1", "2-1"]


# The end of whoever began a node.


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_node_ends_with_the_program_that_started_it(tmp_path: Path, is_stopped: bool) -> None:
    with RealCluster(tmp_path, 3) as cluster:
        script = (
            "import os, subprocess, sys, time\n"
            "node = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL,\n"
            "    env={**os.environ, 'BENMO_PARENT': str(os.getpid())})\n"
            "print(node.pid, flush=True)\n"
            "node.wait()\n"
        )
        command = [*NODE, "1", "--headless", *cluster.state_option]
        parent = subprocess.Popen(
            [sys.executable, "-c", script, *command], stdout=subprocess.PIPE, env=environment()
        )
        assert parent.stdout is not None
        node = int(parent.stdout.readline())
        try:
            eventually(lambda: cluster.listens(1), "node 1 listens")
            if is_stopped:
                os.kill(node, signal.SIGSTOP)
            end_process(parent)
            eventually(lambda: not is_running(node), f"process {node} ended")
        finally:
            end_process(parent)
            with suppress(ProcessLookupError):
                os.kill(node, signal.SIGKILL)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in ("Z", "X")


def test_a_node_whose_starter_is_gone_already_does_not_begin(shared: RealCluster) -> None:
    ended = run(*NODE, "2", "--headless", *shared.state_option, BENMO_PARENT="1")
    assert ended.status == 1
    assert ended.err == "benmo: the program that started this node has ended\n"
