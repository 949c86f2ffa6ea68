"""A prompt that ends otherwise than by its user's leave: what the terminal is like then."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from tests.support.processes import NODE
from tests.support.real_cluster import RealCluster

_ENDS_WHILE_IT_IS_DRAWN = """
import itertools, os, signal
from benmo.node.__main__ import main
from benmo.repl import prompt

toolbar_text, drawn = prompt.toolbar_text, itertools.count()

def draw(*arguments):
    if next(drawn) == 5:
        os.kill(os.getpid(), signal.SIGTERM)
    return toolbar_text(*arguments)

prompt.toolbar_text = draw
main()
"""


def test_sigterm_ends_a_prompt_that_is_just_being_drawn(tmp_path: Path) -> None:
    """What the signal raises comes in the middle of the prompt's own event loop."""
    with RealCluster(tmp_path, 3) as cluster:
        terminal = cluster.terminal(sys.executable, "-c", _ENDS_WHILE_IT_IS_DRAWN, "1")
        assert terminal.wait_exit() == 0
        assert terminal.is_given_back
        assert "Unhandled" not in terminal.all_text()


def test_crash_node_kills_the_node_and_leaves_the_terminal_usable(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 1) as cluster:
        terminal = cluster.terminal(*NODE, "1")
        terminal.wait_for("quorum: yes")
        terminal.enter("crashNode")
        assert terminal.wait_exit() == -signal.SIGKILL
        assert terminal.is_given_back
