"""What is typed in a sandbox, and the answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benmo.commands.answers import Status
from benmo.errors import Refused
from benmo.play.runner import PlayRunner
from benmo.play.script import run
from tests.support import processes
from tests.support.processes import BENMO, Finished

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.txt"))
STORY = Path(__file__).parents[1] / "scenarios" / "leader_dies_before_decide.txt"


def answer(runner: PlayRunner, line: str) -> str:
    """The answer to a line that must be carried out."""
    rendered = runner.run(line, "table/80")
    assert rendered.status is Status.DONE, rendered.output
    return rendered.output


def program(*words: str, typed: str = "") -> Finished:
    return processes.run(*BENMO, "play", *words, typed=typed)


def value(runner: PlayRunner, line: str) -> Any:
    return json.loads(runner.run(line, "json").output)


def test_a_message_is_meant_by_its_number_and_called_by_its_kind() -> None:
    runner = PlayRunner(is_whole=False)
    for line in ("nodes 3", "pay 1 2 10", "campaign 1", "deliver 1", "deliver 3"):
        answer(runner, line)
    for line in ("double 4", "double Accept 1->2"):
        answer(runner, line)
    messages = value(runner, "look")["messages"]
    assert [(each["number"], each["pattern"]) for each in messages] == [
        (2, "Prepare 1->3"),
        (4, "Accept 1->2"),
        (5, "Accept 1->3"),
        (6, "Accepted 2->1 1"),
        (7, "Accepted 2->1 2"),
    ]
    assert value(runner, "drop 7")["command"] == "drop Accepted 2->1 2"
    assert value(runner, "quietly deliver 2")["command"] == "quietly deliver Prepare 1->3"
    refused = runner.run("drop 7", "json")
    assert refused.status is Status.REFUSED
    assert "number 7: look shows" in json.loads(refused.output)["reason"]
    place = runner.branches.here
    refused = runner.run("deliver Nack", "table")
    assert refused.output == "no message under way is Nack *->*: look shows those that are"
    assert runner.branches.here is place, "it is no place in the tree"


def test_the_story_of_the_leader_that_dies_by_hand(tmp_path: Path) -> None:
    """It is saved, passes as a scenario, and another run of it is opened and goes on."""
    runner = PlayRunner(is_whole=True)
    for line in ("nodes 3", "pay 1 2 10", "campaign 1", "deliver 1", "deliver 2", "deliver 3"):
        answer(runner, line)
    answer(runner, "deliver 5")
    screen = answer(runner, "deliver 6")
    assert "Slot 1 is decided: a majority accepted it in (1, 1)." in screen
    assert "No node knows that yet." in screen
    assert max(map(len, screen.splitlines())) <= 80
    answer(runner, "crash 1 power")
    answer(runner, "drop Accepted")
    screen = answer(runner, "campaign 2")
    assert " 1  down" in screen and " 2  candidate  (2, 2)" in screen
    screen = answer(runner, "settle")
    assert "Nodes 2 and 3 know it." in screen
    assert answer(runner, "undo").startswith("undone: settle. You are at 11, after: campaign 2.")
    assert answer(runner, "redo").startswith("redone: settle\n")
    answer(runner, "undo")
    answer(runner, "drop Prepare 2->3")
    tree = answer(runner, "branches")
    assert tree.endswith(" 12  ├ settle\n*13  └ drop Prepare 2->3")
    answer(runner, "go 12")
    saved = tmp_path / "saved.txt"
    answer(runner, f"save {saved}")
    text = saved.read_text()
    assert run(text) == text
    assert all(line.startswith("#") for line in text.split("\n\n")[0].splitlines()[:3])
    assert runner.run(f"save {saved}", "table").status is Status.DONE, "its own file"
    other = PlayRunner(is_whole=True)
    assert (
        answer(other, f"open {saved}")
        .split("\n\n")[0]
        .replace("\n", " ")
        .endswith("You are at 12, after: settle. undo goes back, redo on again.")
    )
    assert "is there already" in other.run(f"save {saved}", "table").output
    assert saved.read_text() == text
    assert answer(other, "start 1").startswith("! start 1")


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_that_is_opened_and_saved_is_the_same(path: Path, tmp_path: Path) -> None:
    runner = PlayRunner(is_whole=False)
    assert runner.open(path) == ""
    answer(runner, f"save {tmp_path / 'saved.txt'}")
    assert (tmp_path / "saved.txt").read_text() == path.read_text()


def test_a_file_that_says_otherwise_or_can_not_be_carried_out_is_told(tmp_path: Path) -> None:
    changed = tmp_path / "changed.txt"
    changed.write_text(STORY.read_text().replace("= 2 promised (1, 1)", "= 2 promised (9, 1)"))
    said = PlayRunner(is_whole=False).open(changed)
    assert said == f"From line 21 on, {changed} says otherwise. This run: = 2 promised (1, 1)"
    changed.write_text("nodes 3\ncampaign 1\n")
    reason = f"{changed}, command 2, campaign 1: node 1 has no reason"
    with pytest.raises(Refused, match=re.escape(reason)):
        PlayRunner(is_whole=False).open(changed)
    changed.write_text("# only a story\n")
    for name, why in (("none.txt", "can't be read"), ("changed.txt", "holds no commands")):
        with pytest.raises(Refused, match=why):
            PlayRunner(is_whole=False).open(tmp_path / name)


def test_lines_from_a_pipe_and_answers_for_programs() -> None:
    lines = "nodes 3\n# a comment\npay 1 2 10\nquietly campaign 1\nfly\nshow queues\n"
    ended = program(typed=lines)
    assert ended.status == 2 and "no command 'fly'" in ended.err
    assert ended.out.splitlines() == [
        *("= 1 queued 1-1", "= 1 promised (1, 1)", "= 1 wants to lead with (1, 1)"),
    ]
    commands = ["-e", "show promised", "-e", "undo", "-e", "branches", "--format", "json"]
    ended = program(str(STORY), *commands)
    shown, undone, tree = ended.values
    assert ended.status == 0 and shown["trace"] == ["1: (1, 1)", "2: (2, 2)", "3: (2, 2)"]
    assert shown["nodes"][0] == {
        "node": 1,
        "promised": [1, 1],
        "accepted": "",
        "height": 1,
        "queue": "",
        "balance": 90,
        "follows": [0, 0],
        "is": "acceptor",
    }
    assert undone["command"] == "show balances" and undone["place"] == shown["place"] - 1
    assert [each["here"] for each in tree].index(True) == undone["place"]


def test_hints_lead_a_newcomer_to_a_decision() -> None:
    """Each hint names a command that can be carried out; together they decide a payment."""
    runner = PlayRunner(is_whole=True)
    assert runner.new_hint() == "Begin with: nodes 3"
    answer(runner, "nodes 3")
    assert "pay 1 2 10" in runner.new_hint()
    answer(runner, "pay 1 2 10")
    assert runner.new_hint().endswith("campaign 1")
    answer(runner, "campaign 1")
    assert "deliver 1, drop 1" in runner.new_hint()
    assert runner.new_hint() == "", "said once"
    answer(runner, "settle")
    assert "pay 1 2 10" in runner.new_hint()
    assert "All nodes know it." in answer(runner, "look")
    assert [each["height"] for each in value(runner, "look")["nodes"]] == [1, 1, 1]
    for line in ("help", "help deliver", "help undo"):
        assert answer(runner, line)
