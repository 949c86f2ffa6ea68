"""A prompt whose history can't be kept, and whose user presses Ctrl-C faster than people can."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.demo.running_demos import place
from tests.demo.running_demos import terminal as demo_terminal
from tests.support.processes import BENMO, NODE, eventually
from tests.support.real_cluster import RealCluster
from tests.support.terminals import Terminal

ROUNDS = 40
GAPS_S = (0.0, 0.0005, 0.001, 0.002, 0.005)
NO_MORE = b"what you type is kept until you leave, no longer"
KINDS = ["node", "attach", "demo"]


@contextmanager
def at_prompt(kind: str, directory: Path, spoil: Callable[[Path], None]) -> Iterator[Terminal]:
    """A prompt of that kind; `spoil` is given the path of its history beforehand."""
    if kind == "demo":
        with place(directory, 3) as here:
            assert here.pipe("ls", options=("--nodes", "3")).status == 0
            spoil(here.state / "history")
            with demo_terminal(here) as shown:
                yield shown
        return
    with RealCluster(directory, 3) as cluster:
        spoil(cluster.state / "node-1" / "history")
        if kind == "attach":
            cluster.start(1)
        command = (*NODE, "1") if kind == "node" else (*BENMO, "attach", "1")
        shown = cluster.terminal(*command)
        shown.wait_for("benmo 1>")
        yield shown


def until_answered(shown: Terminal) -> None:
    """Press Ctrl-C and type a command until its answer is seen.

    A terminal drops keys at Ctrl-C, and a Ctrl-C that comes before a command begins doesn't end it.
    """

    def look() -> bool:
        shown.type("\x03")
        time.sleep(0.5)
        shown.enter("printBalance")
        time.sleep(0.5)
        return "node 1 has " in shown.screen_text()

    eventually(look, "an answer", shown.all_text)


def nothing(_history: Path) -> None:
    pass


def a_directory(history: Path) -> None:
    history.mkdir()


def a_circle(history: Path) -> None:
    history.symlink_to(history)


@pytest.mark.parametrize("spoil", [a_directory, a_circle])
@pytest.mark.parametrize("kind", KINDS)
def test_a_history_that_can_not_be_kept_is_told_in_one_line(
    kind: str, spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    with at_prompt(kind, tmp_path, spoil) as shown:
        for number in (1, 2):
            shown.enter("moneyTransfer 1,1,2")
            shown.wait_for(f"queued 1-{number}")
        assert shown.raw.count(NO_MORE) == 1
        assert b"Traceback" not in shown.raw
        shown.type("\x1b[A")
        shown.wait_for(lambda screen: screen.rstrip().count("moneyTransfer 1,1,2") >= 3)


@pytest.mark.parametrize("way", ["byte", "signal"])
@pytest.mark.parametrize("kind", KINDS)
def test_very_fast_ctrl_c_drops_the_line_and_no_more(kind: str, way: str, tmp_path: Path) -> None:
    moments = random.Random(10)
    with at_prompt(kind, tmp_path, nothing) as shown:
        for _ in range(ROUNDS):
            shown.type("half a line")
            for _ in range(moments.randint(2, 12)):
                if way == "byte":
                    shown.type("\x03")
                else:
                    os.kill(shown.process.pid, signal.SIGINT)
                time.sleep(moments.choice(GAPS_S))
            time.sleep(moments.choice((0.0, 0.05)))
        until_answered(shown)
        assert b"Traceback" not in shown.raw and b"Unhandled" not in shown.raw
        shown.type("\x04")
        assert shown.wait_exit() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_very_fast_ctrl_c_ends_a_wait_and_no_more(kind: str, tmp_path: Path) -> None:
    with at_prompt(kind, tmp_path, nothing) as shown:
        shown.enter("moneyTransfer 1,1,2")
        shown.wait_for("queued 1-1")
        for _ in range(5):
            shown.enter("wait 300")
            for _ in range(8):
                shown.type("\x03")
                time.sleep(0.001)
        until_answered(shown)
        assert b"Traceback" not in shown.raw and b"Unhandled" not in shown.raw
