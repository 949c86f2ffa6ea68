"""A prompt attached to a node, when that node is gone."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.processes import BENMO
from tests.support.real_cluster import RealCluster
from tests.support.terminals import is_above_prompt


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("printBalance", 1, "the connection to node 1 is lost: nothing was done"),
        ("moneyTransfer 5,1,1", 1, "the connection to node 1 is lost: nothing was done"),
        ("wait", 3, "outcome unknown: the connection to node 1 is lost"),
    ],
)
def test_an_attached_prompt_says_in_one_line_that_its_node_died(
    tmp_path: Path, line: str, status: int, said: str
) -> None:
    with RealCluster(tmp_path, 1) as cluster:
        cluster.start()
        terminal = cluster.terminal(*BENMO, "attach", "1")
        terminal.wait_for("quorum: yes")
        cluster.kill(1)
        terminal.wait_for(is_above_prompt("node 1 is gone"))
        terminal.wait_for(lambda text: "quorum" not in text)
        terminal.enter(line)
        assert terminal.wait_exit() == status
        terminal.wait_for(said)
        lines = terminal.all_text().rstrip().splitlines()
        assert lines[-1] == said, lines
        assert line in lines[-2], lines
        assert terminal.is_given_back


def test_an_attached_prompt_that_could_not_crash_its_node_goes_on_to_tell(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 1) as cluster:
        cluster.start()
        terminal = cluster.terminal(*BENMO, "attach", "1")
        terminal.wait_for("quorum: yes")
        terminal.enter("crashNode 2")
        terminal.wait_for("it takes nothing, not 2")
        cluster.kill(1)
        terminal.wait_for(is_above_prompt("node 1 is gone"))


def test_an_attached_prompt_that_crashes_its_node_says_so(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 1) as cluster:
        cluster.start()
        terminal = cluster.terminal(*BENMO, "attach", "1")
        terminal.wait_for("quorum: yes")
        terminal.enter("crash")
        assert terminal.wait_exit() == 0
        terminal.wait_for("node 1 crashed")
        assert cluster.ended(1) == -signal.SIGKILL
