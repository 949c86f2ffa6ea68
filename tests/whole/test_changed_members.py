"""`benmo replace`, `add`, `remove` and `move`, with real nodes: done, refused, and interrupted."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benmo.client import Client
from benmo.cluster import StateDirectory
from benmo.network.certificates import require_node
from benmo.node.process import RETIRED
from tests.support.processes import BENMO, DEADLINE_S, Finished, run
from tests.support.real_cluster import RealCluster
from tests.support.written_state import content

_UNHURRIED = """
import sys
from benmo.admin import desk, status
from benmo.cli import main
from benmo.control import places
desk.ANSWER_S = status.ANSWER_S = places.ANSWER_S = 60.0
main(prog_name="benmo")
"""
_IMPATIENT = """
from benmo.admin import new_member
new_member._END_S = 0.0
"""
CHANGE = (sys.executable, "-c", _UNHURRIED)
"""`benmo`, which waits longer than a busy machine makes a node take."""

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
    with RealCluster(tmp_path_factory.mktemp("changed"), 3, tenure="stable") as running:
        running.start()
        running.until_linked()
        yield running


def change(cluster: RealCluster, *words: str) -> Finished:
    return run(*CHANGE, *words, *cluster.state_option)


def members(cluster: RealCluster, node: int, at: int = 1) -> list[dict[str, Any]]:
    """The node's members, the first one first, as another node knows them."""
    return [each for each in cluster.ask(at, "printMembers") if each["node"] == node]


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


def require_paying(cluster: RealCluster, node: int) -> None:
    """See a node's payment decided, for which its link to the others must be up."""
    other = 2 if node == 1 else 1
    paid = cluster.attach(node, f"moneyTransfer 1,{node},{other}", "wait 120")
    assert [each["outcome"] for each in paid.values] == ["queued", "decided"], paid


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
        program = (sys.executable, "-c", _KILLED_AT + _UNHURRIED)
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


def test_a_node_that_runs_without_its_directory_is_to_be_stopped_first(
    cluster: RealCluster,
) -> None:
    directory = cluster.node_directory(3)
    aside = directory.with_name("aside")
    cluster.signal(3, signal.SIGSTOP)  # it would stop by itself as soon as it writes
    try:
        directory.rename(aside)
        cluster.signal(3, signal.SIGCONT)
        refused = change(cluster, "replace", "3")
    finally:
        cluster.signal(3, signal.SIGSTOP)
        aside.rename(directory)
        cluster.signal(3, signal.SIGCONT)
    assert refused.status == 1
    assert refused.err == (
        f"benmo: node 3 still runs, but its directory, {directory}, is gone: stop the node, then "
        f"type the same again\n"
    )


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
        program = (sys.executable, "-c", _IMPATIENT + _UNHURRIED)
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


def require_account(cluster: RealCluster, node: int) -> None:
    """See the account of a node that was added and removed: it began with nothing."""
    for order, balances in (("--oldest-first",), [2, 0]), ((), [0, 2]):
        shown = run(
            *CHANGE, "history", str(node), *order, "--format", "json", *cluster.state_option
        )
        assert [each["balance"] for each in shown.values[0]["transfers"]] == balances


def require_added(cluster: RealCluster, node: int) -> None:
    """Start an added node, and see that it has nothing and votes."""
    cluster.start(node)
    cluster.until(
        node, "printMembers", lambda seen: [m for m in seen if m["node"] == node and not m["until"]]
    )
    balance = cluster.ask(node, "printBalance")
    assert balance["balance"] == 0


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
