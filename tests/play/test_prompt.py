"""The prompt of a sandbox, in a real terminal."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from benmo.play.completion import PlayCompleter
from benmo.play.runner import PlayRunner
from tests.support.processes import BENMO
from tests.support.terminals import Terminal

STORY = Path(__file__).parents[1] / "scenarios" / "leader_dies_before_decide.txt"


def test_a_newcomer_at_the_prompt() -> None:
    command = (*BENMO, "play")
    with closing(Terminal(*command, columns=80, lines=40)) as terminal:
        terminal.wait_for("Begin with: nodes 3")
        terminal.enter("nodes 3")
        terminal.wait_for("pay 1 2 10 (node 1")
        terminal.enter("pay 1 2 10")
        terminal.wait_for("Let a node try to lead: campaign 1")
        terminal.enter("campaign 1")
        terminal.wait_for("You are the network: deliver 1")
        terminal.enter("deliver 1")
        terminal.wait_for("= 2 promised (1, 1)")
        terminal.enter("undo")
        terminal.wait_for("undone: deliver Prepare 1->2. You are at 3")
        terminal.wait_for("redo: deliver Prepare 1->2")
        terminal.enter("drop 1")
        terminal.enter("branches")
        terminal.wait_for("└ drop Prepare 1->2")
        terminal.enter("fly")
        terminal.wait_for("there is no command 'fly'")
        terminal.enter("exit")
        assert terminal.wait_exit() == 0
        assert max(map(len, terminal.all_text().splitlines())) <= 80


def test_a_scenario_is_opened_with_its_story() -> None:
    command = (*BENMO, "play", str(STORY))
    with closing(Terminal(*command, columns=100, lines=60)) as terminal:
        screen = terminal.wait_for("Slot 1 is decided")
        assert "A leader dies between the last vote and the first Decide." in screen
        assert "undo goes back; go 1, then redo" in screen
        terminal.wait_for("benmo play>")
        terminal.type("\x04")
        assert terminal.wait_exit() == 0


def test_completion_offers_what_is_there_now() -> None:
    runner = PlayRunner(is_whole=True)
    completer = PlayCompleter(runner)

    def offered(text: str) -> list[str]:
        found = completer.get_completions(Document(text), CompleteEvent())
        return [each.text for each in found]

    assert offered("pay ") == []
    for line in ("nodes 3", "pay 1 2 10", "campaign 1", "crash 3"):
        runner.run(line, "table")
    assert offered("d") == ["deliver", "drop", "double"]
    assert offered("deliver ") == ["1", "2", "Prepare"]
    assert offered("quietly drop Prepare ") == ["1->2", "1->3"]
    assert offered("start ") == ["1", "2", "3"]
    assert offered("go ") == ["0", "1", "2", "3", "4"]
    assert offered("show cha") == ["chains"]
    assert offered("help bra") == ["branches"]
    assert offered("fly ") == offered("settle ") == []
