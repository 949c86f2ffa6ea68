"""benmo initialize refuses settings without sense, and wipes nothing without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.processes import (
    INITIALIZE,
)
from tests.support.real_cluster import RealCluster
from tests.support.terminals import Terminal
from tests.whole.refusals import (
    content,
    damage,
    initialize,
    require_one_line,
    require_usage,
)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--nodes", "4"), ("odd number of nodes, not 4",)),
        (("--nodes", "0"), ("--nodes", "0")),
        (("--nodes", "-1"), ("--nodes", "-1")),
        (("--nodes", "101"), ("--nodes", "101")),
        (("--hosts", "a,b"), ("odd number of nodes, not 2",)),
        (("--hosts", "a,b..c,d"), ("'b..c' is no host's name",)),
        (("--nodes", "3", "--hosts", "a"), ("--nodes says 3", "--hosts names 1")),
        (("--election-delay", "soon"), ("--election-delay", "20-60", "soon")),
        (("--election-delay", "60-20"), ("--election-delay", "60-20")),
        (("--election-delay", "1-2-3"), ("--election-delay", "1-2-3")),
        (("--port", "0"), ("--port", "0")),
        (("--port", "65536"), ("--port", "65536")),
        (("--port", "65533"), ("5 ports from 65533",)),
        (("--balance", "-5"), ("--balance", "-5")),
        (("--log-limit", "0"), ("--log-limit",)),
        (("--tenure", "forever"), ("--tenure", "forever")),
        (("--colour", "blue"), ("--colour",)),
        (("extra",), ("extra",)),
    ],
)
def test_a_setting_without_sense_makes_no_cluster(
    tmp_path: Path, options: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    wanted = tmp_path / "state"
    require_usage(initialize(wanted, *options), *parts)
    assert not wanted.exists()


def test_blocks_are_not_wiped_without_a_word(state: Path) -> None:
    before = content(state)
    finished = initialize(state, "--nodes=3")
    require_one_line(finished, str(state), "a chain of 1 block", "--yes")
    assert content(state) == before
    assert initialize(state, "--nodes=3", "--yes").status == 0
    assert content(state) != before


@pytest.mark.parametrize(("answer", "wiped"), [("n", False), ("y", True), ("\x03", False)])
def test_on_a_terminal_it_asks_before_it_wipes(state: Path, answer: str, wiped: bool) -> None:
    before = content(state)
    terminal = Terminal(*INITIALIZE, "--nodes=3", "--state-dir", str(state))
    try:
        terminal.wait_for("a chain of 1 block")
        terminal.wait_for("Wipe it? [y/N]:")
        terminal.type(answer if answer == "\x03" else answer + "\r")
        assert (terminal.wait_exit() == 0) is wiped
        assert (content(state) != before) is wiped
    finally:
        terminal.close()


def test_damaged_state_is_not_wiped_without_a_word_either(state: Path) -> None:
    damage(state, "{", "cluster.json")
    before = content(state)
    require_one_line(initialize(state, "--nodes=3"), "cluster.json is damaged", "--yes")
    assert content(state) == before


def test_a_running_nodes_state_is_not_wiped_even_with_yes(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 3) as cluster:
        cluster.start(2)
        assert cluster.ask(2, "printBalance")["height"] == 0, "it has written what a start writes"
        before = content(cluster.state)
        finished = initialize(cluster.state, "--nodes=3", "--yes")
        require_one_line(finished, "node-2 is in use by process ", "stop the nodes first")
        assert content(cluster.state) == before
