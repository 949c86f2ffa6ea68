"""The text of a scenario, and back."""

from __future__ import annotations

from pathlib import Path

from benmo.play.scenario import Scenario
from benmo.play.script import ScriptLine, parse, run, written

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.txt"))

TEXT = """\
# A story.

# A comment of its own.

nodes 3
# Between two commands.
pay 1 2 10
----
= 1 queued 1-1

# Before a block.
quietly campaign 1
----
= 1 promised (1, 1)
= 1 wants to lead with (1, 1)

# The end.
"""


def test_comments_and_blocks_stay_where_they_are() -> None:
    assert run(TEXT) == TEXT
    assert [line.text for line in parse(TEXT)] == ["nodes 3", "pay 1 2 10", "quietly campaign 1"]


def test_a_text_without_traces_gets_them() -> None:
    assert run("nodes 3\npay 1 2 10\n") == "nodes 3\npay 1 2 10\n----\n= 1 queued 1-1\n"


def test_each_command_of_its_own_is_a_block_of_its_own() -> None:
    scenario = Scenario()
    lines = [ScriptLine("nodes 3"), ScriptLine("pay 1 2 10")]
    text = written([(line, scenario.do(line.text)) for line in lines])
    assert text == "nodes 3\n----\n\npay 1 2 10\n----\n= 1 queued 1-1\n"
    assert run(text) == text
