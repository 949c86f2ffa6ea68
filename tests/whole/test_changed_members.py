"""Members replaced, added and removed at real nodes, as an operator does it."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import socket
import sys
from collections.abc import Iterator

import pytest

from benmo.cluster import StateDirectory
from benmo.network.certificates import require_node
from benmo.node.process import RETIRED
from tests.support.processes import BENMO, run
from tests.support.real_cluster import RealCluster
from tests.support.written_state import content
from tests.whole.changing import (
    CHANGE,
    IMPATIENT,
    UNHURRIED,
    change,
    members,
    require_account,
    require_added,
    require_paying,
    three_that_run,
)

_KILLED_AT = """
import os, signal, sys
step, state = int(sys.argv.pop(1)), sys.argv.pop(1)
is_asked = False

def hook(event, arguments):
    global step, is_asked
    is_begun = os.path.exists(os.path.join(state, "node-3.new"))
    if event == "socket.connect" and is_begun and not is_asked:
        is_asked = True
    elif event != "os.rename" or not str(arguments[0]).startswith(state):
        return
    elif ".benmo-desk" in str(arguments[0]):
        return
    step -= 1
    if step == 0:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
"""
"""Kills this program just before its step of that number: it names a file, or asks for the change.

Each file is named once it is whole, so what stands between two steps is invisible to the next run.
"""


STEPS = 7
"""The new member's checkpoint and journal are named, and its directory; the change is asked for;
the old directory is named, the new one in its place, and the cluster's file with the addresses."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Give three nodes that run."""
    with three_that_run(tmp_path_factory.mktemp("changed")) as running:
        yield running


def lose(cluster: RealCluster, node: int) -> None:
    """Kill a node and wipe its disk."""
    cluster.kill(node)
    shutil.rmtree(cluster.node_directory(node))


def require_voter(cluster: RealCluster, node: int) -> None:
    """Start a new member, and see it vote: what it pays is decided by it and one other node."""
    cluster.start(node)
    other = 2 if node == 1 else 1
    voter = members(cluster, node, other)[-1]
    cluster.until(
        node, "printMembers", lambda seen: any(m["member"] == voter["member"] for m in seen)
    )
    require_paying(cluster, node)


def test_a_lost_disk_is_replaced_and_the_node_votes_again(cluster: RealCluster) -> None:
    lose(cluster, 3)
    done = change(cluster, "replace", "3")
    assert done.status == 0, done
    old, new = members(cluster, 3)
    assert (old["since"], old["until"]) == (1, new["since"] - 1)
    assert new["until"] is None
    first, lost, *start = done.out.splitlines()
    assert first == (
        f"decided in slot {old['until']}: node 3's member {new['member'][:8]} votes from slot "
        f"{new['since']} on, in the place of {old['member'][:8]}."
    )
    assert lost.startswith(
        "What waited in node 3's queue is lost with its disk, and nobody else can know it. An id "
        "from 3-"
    )
    assert start == ["Start it:", f"    python -m benmo.node 3 --state-dir {cluster.state}"]
    require_voter(cluster, 3)
    table = cluster.attach(3, "printMembers", form="table").out
    retired, voting = [line.split() for line in table.splitlines() if line.startswith("    3 ")]
    address = f"127.0.0.1:{cluster.port + 2}"
    assert retired == ["3", old["member"], "1", str(old["until"]), address]
    assert voting == ["3", new["member"], str(new["since"]), address]
    assert table.splitlines()[-1].endswith("has 3 voters, and 2 of them are a quorum")


def test_a_replacement_that_is_killed_at_any_step_is_ended_by_the_next(
    cluster: RealCluster,
) -> None:
    name = StateDirectory(cluster.state).load().cluster
    directory = cluster.node_directory(3)
    killed = 0
    while killed <= STEPS:
        lose(cluster, 3)
        directory.mkdir()
        before = members(cluster, 3)
        program = (sys.executable, "-c", _KILLED_AT + UNHURRIED)
        died = run(
            *program, str(killed + 1), str(cluster.state), "replace", "3", *cluster.state_option
        )
        if died.status == 0:
            break
        assert died.status == -signal.SIGKILL, died
        killed += 1
        ended = change(cluster, "replace", "3")
        assert ended.status == 0, ended
        assert f"python -m benmo.node 3 --state-dir {cluster.state}" in ended.out
        *others, new = members(cluster, 3)
        assert others[:-1] == before[:-1]
        assert others[-1]["member"] == before[-1]["member"]
        assert require_node(directory / "tls", name, 3).member == new["member"]
        assert not list(cluster.state.glob("*node-3.new"))
        cluster.start(3)
    assert killed == STEPS
    require_voter(cluster, 3)


def test_a_node_that_is_up_is_not_replaced_unless_that_is_said(cluster: RealCluster) -> None:
    refused = change(cluster, "replace", "3")
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith("benmo: node 3 is up and votes: --yes replaces it all the same")


def test_nodes_are_added_and_removed_and_every_table_follows(cluster: RealCluster) -> None:
    done = change(cluster, "add")
    assert done.status == 0, done
    decided, worth, *_ = done.out.splitlines()
    assert re.fullmatch(r"decided in slot \d+: node 4 votes from slot \d+ on\.", decided)
    assert worth == "4 nodes bear the loss of 1, as 3 do: an even number gains nothing."
    again = change(cluster, "add")
    assert "node-4 votes since slot" in again.out
    assert "has never run here; --yes adds one more" in again.out
    assert members(cluster, 5) == []
    require_added(cluster, 4)
    assert change(cluster, "add").status == 0
    require_added(cluster, 5)
    up = run(*CHANGE, "status", *cluster.state_option, "--format", "json").values[0]
    assert [each["node"] for each in up] == [1, 2, 3, 4, 5]
    before = run(*CHANGE, "history", "1", "--format", "json", *cluster.state_option).values[0]
    for node in (5, 4):
        assert cluster.attach(1, f"moneyTransfer 2,1,{node}", "wait 120").status == 0
        refused = change(cluster, "remove", str(node))
        way = re.fullmatch(
            rf"benmo: node {node} has 2 on its account\. Pay that to another node first: "
            rf"benmo (attach {node} .* -e '.*' -e 'wait 60')\n",
            refused.err,
        )
        assert refused.status == 1 and way is not None, refused
        assert run(*BENMO, *shlex.split(way[1])).status == 0
        done = change(cluster, "remove", str(node))
        assert done.status == 0, done
        assert cluster.ended(node) == RETIRED
        slot = members(cluster, node)[-1]["until"]
        first, *rest = done.out.splitlines()
        assert first == f"decided in slot {slot}: node {node} is removed."
        assert all(line.endswith(".") for line in rest)
        again = change(cluster, "remove", str(node))
        first_again, *rest_again = again.out.splitlines()
        assert first_again.startswith(f"nothing to do: node {node} was removed in slot {slot}")
        assert (again.status, rest_again) == (0, rest)
        require_account(cluster, node)
    back = ("--height", str(before["height"]), "--format", "json")
    assert run(*CHANGE, "history", "1", *back, *cluster.state_option).values == [before]
    up = run(*CHANGE, "status", *cluster.state_option, "--format", "json").values[0]
    assert [each["node"] for each in up] == [1, 2, 3]


def test_what_is_decided_is_done_though_the_old_process_runs_on(
    cluster: RealCluster,
) -> None:
    cluster.signal(3, signal.SIGSTOP)
    try:
        program = (sys.executable, "-c", IMPATIENT + UNHURRIED)
        done = run(*program, "replace", "3", "--yes", *cluster.state_option)
        assert done.status == 0, done
        first, *_, last = done.out.splitlines()
        assert first.startswith("decided in slot")
        assert last.startswith(f"A process still runs in {cluster.node_directory(3)}: stop it")
        assert "Start it" not in done.out
    finally:  # not woken before: it would be told that it is retired, and leave by itself
        cluster.kill(3)
    again = change(cluster, "replace", "3")
    assert again.status == 0, again
    assert f"python -m benmo.node 3 --state-dir {cluster.state}" in again.out
    require_voter(cluster, 3)


def test_an_address_that_is_taken_is_refused_and_one_that_was_decided_is_said(
    cluster: RealCluster,
) -> None:
    with socket.create_server(("127.0.0.1", cluster.port + 3)) as other:
        port = other.getsockname()[1]
        before = members(cluster, 3)
        for words in (("move", "3"), ("add",)):
            refused = change(cluster, *words, "--port", str(port))
            assert refused.status == 1
            assert refused.err.startswith(f"benmo: 127.0.0.1:{port} is in use: choose another")
        assert members(cluster, 3) == before
        done = change(cluster, "add")
        assert f"node 4 votes from slot {members(cluster, 4)[-1]['since']} on" in done.out
    assert members(cluster, 4)[-1]["port"] == port + 1
    again = change(cluster, "add", "--port", str(port))
    assert f"It was made for 127.0.0.1:{port + 1}, not for 127.0.0.1:{port}" in again.out
    assert f"benmo move 4 --host 127.0.0.1 --port {port} --state-dir" in again.out
    assert change(cluster, "remove", "4").status == 0
    height = cluster.ask(1, "printStatus")["height"]
    at = members(cluster, 3)[-1]
    idle = change(cluster, "move", "3", "--port", str(at["port"]))
    assert (idle.status, idle.out.splitlines()[0]) == (
        0,
        f"nothing to do: node 3 is expected at 127.0.0.1:{at['port']} already.",
    )
    assert cluster.ask(1, "printStatus")["height"] == height


def test_a_change_that_would_cost_the_quorum_is_refused_with_the_count(
    cluster: RealCluster,
) -> None:
    before = content(cluster.state / "ca"), sorted(cluster.state.iterdir())
    cluster.kill(2, 3)
    refused = change(cluster, "replace", "2")
    count = "benmo: 1 of 3 nodes is up besides node 2; 2 must be. Start the others first; "
    assert refused.err == f"{count}docs/operating.md says what to do about lost disks\n"
    for words in (("add",), ("remove", "2"), ("move", "2", "--port", str(cluster.port + 3))):
        refused = change(cluster, *words)
        assert refused.err.startswith(
            "benmo: 1 of 3 nodes is up; 2 must be, for a change to be decided. Start"
        )
        assert refused.status == 1
    assert before == (content(cluster.state / "ca"), sorted(cluster.state.iterdir()))
    cluster.kill(1)
    refused = change(cluster, "replace", "2")
    assert refused.err.startswith("benmo: no node answers at 127.0.0.1:")
