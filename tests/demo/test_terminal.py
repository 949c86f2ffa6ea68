"""The demo's prompt on a terminal: what is seen, typed and offered."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.demo.running_demos import DEMO, QUICK, Place, leave, place, terminal
from tests.support.processes import eventually
from tests.support.terminals import Terminal

TAB, CTRL_C = "\t", "\x03"
ALL_UP = re.compile(r"^ 1 \w+ h\d+ q0 · 2 \w+ h\d+ q0 · 3 \w+ h\d+ q0$", re.MULTILINE)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Give a place whose cluster of three nodes the tests share, one after the other."""
    with place(tmp_path_factory.mktemp("terminal"), 3) as found:
        assert found.pipe("ls", options=("--nodes", "3", *QUICK)).status == 0
        yield found


def prompt_is(line: str) -> Callable[[str], bool]:
    """Of a screen's text: this is what the prompt's line reads."""

    def look(text: str) -> bool:
        prompts = [each for each in text.splitlines() if re.match(r"benmo \d+>", each)]
        return prompts[-1:] == [line]

    return look


def drop_line(shown: Terminal) -> None:
    """Type Ctrl-C, and wait until the next line may be typed."""
    shown.type(CTRL_C)
    shown.wait_for(prompt_is("benmo 1>"))


def said_by(text: str, node: int) -> list[str]:
    """What stands on the screen as this node's notices."""
    return [line[3:].strip() for line in text.splitlines() if line.startswith(f"n{node}│")]


def test_it_says_what_runs_and_takes_transfers_for_any_node(here: Place) -> None:
    with terminal(here) as shown:
        text = shown.wait_for(ALL_UP)
        assert f"3 nodes run here, at ports {here.port} to {here.port + 2}" in text
        assert "Election delay 0–0.3 s (the classic one is 20–60 s)" in text
        for word in ("tour", "help", "Ctrl-D"):
            assert word in text
        shown.enter("2> moneyTransfer 1,2,3")
        text = shown.wait_for(lambda text: "decided 2-" in text and "n3│ slot" in text)
        assert "queued 2-" in text
        for node in (1, 2, 3):
            assert any(line.startswith("slot ") for line in said_by(text, node)), text
        leave(shown)
        assert shown.is_given_back
    assert not here.processes()


def test_notices_leave_what_is_being_typed_alone(here: Place) -> None:
    with terminal(here) as shown:
        shown.wait_for(ALL_UP)
        shown.enter("kill 3")
        shown.type("1> moneyTr")
        shown.wait_for(lambda text: "n1│ node 3 is unreachable" in text)
        shown.wait_for(prompt_is("benmo 1> 1> moneyTr"))
        shown.wait_for("3 down")
        drop_line(shown)
        leave(shown)


def test_the_answer_of_wait_comes_after_what_led_to_it(here: Place) -> None:
    with terminal(here) as shown:
        shown.wait_for(ALL_UP)
        shown.type("1> moneyTransfer 1,1,2\n1> wait\n1> printQueue\r")
        text = shown.wait_for("the queue is empty")
        places = [text.index(each) for each in ("n1│ decided 1-", "nothing waits", "the queue is")]
        assert places == sorted(places), text
        shown.enter("1> wait")
        shown.wait_for(re.compile(r"^nothing waits in the queue", re.MULTILINE))
        leave(shown)


def test_what_an_ambush_had_queued_stands_before_the_story_of_it(here: Place) -> None:
    with terminal(here) as shown:
        shown.wait_for(ALL_UP)
        shown.enter("1> wait")
        shown.wait_for("nothing waits in the queue")
        shown.enter("ambush 1 3")
        text = shown.wait_for("node 3 accepted its block, and at that moment")
        told = ("had nothing to propose: queued 1-", "n3│ accepted slot", "at that moment")
        places = [text.rindex(each) for each in told]
        assert places == sorted(places), text
        shown.enter("restart 1")
        shown.wait_for("the link to node 1 is up")
        leave(shown)


def test_use_selects_the_node_that_the_prompt_names(here: Place) -> None:
    with terminal(here) as shown:
        shown.enter("use 2")
        shown.wait_for(prompt_is("benmo 2>"))
        shown.enter("printBalance")
        shown.wait_for("node 2 has ")
        shown.enter("3>")
        shown.wait_for(prompt_is("benmo 3>"))
        leave(shown)


def test_quiet_holds_the_notices_back_and_loud_lets_them_on(here: Place) -> None:
    with terminal(here) as shown:
        shown.wait_for(ALL_UP)
        shown.enter("quiet")
        shown.wait_for("loud shows them")
        shown.enter("1> moneyTransfer 1,1,2")
        shown.enter("1> wait")
        shown.wait_for("nothing waits in the queue")
        shown.enter("loud")
        shown.wait_for("are shown\n")
        shown.enter("restart 3")
        text = shown.wait_for(lambda text: "the link to node 3 is up" in text)
        assert "slot" not in "".join(said_by(text, 1)), text
        leave(shown)


def test_both_tables_are_completed_and_nodes_too(here: Place) -> None:
    with terminal(here) as shown:
        shown.wait_for(ALL_UP)
        shown.type("par")
        shown.wait_for("cut the links between sides")
        shown.type(TAB)
        shown.wait_for(prompt_is("benmo 1> partition"))
        drop_line(shown)
        shown.type("2> printQ" + TAB)
        shown.wait_for(prompt_is("benmo 1> 2> printQueue"))
        drop_line(shown)
        shown.enter("kill 2")
        shown.wait_for("2 down")
        shown.type("restart ")
        shown.wait_for(re.compile(r"> restart.*\n +1 +running *\n +2 +down"))
        drop_line(shown)
        shown.type("kill ")
        shown.wait_for(re.compile(r"> kill.*\n +1 +running *\n +3 +running"))
        drop_line(shown)
        shown.type("restart a" + TAB)
        shown.wait_for(prompt_is("benmo 1> restart all"))
        drop_line(shown)
        shown.type("help parti" + TAB)
        shown.wait_for(prompt_is("benmo 1> help partition"))
        drop_line(shown)
        leave(shown)


def test_a_command_typed_bare_asks_for_what_it_needs(here: Place) -> None:
    with terminal(here) as shown:
        shown.enter("3> moneyTransfer")
        shown.wait_for("amount,debit_node,credit_node:")
        shown.enter("1,3,1")
        shown.wait_for("queued 3-")
        leave(shown)


def test_ctrl_d_where_something_is_asked_for_is_no_answer_and_does_not_leave(here: Place) -> None:
    with terminal(here) as shown:
        shown.enter("3> moneyTransfer")
        shown.wait_for(re.compile(r"^amount,debit_node,credit_node: *$", re.MULTILINE))
        shown.type("\x04")
        shown.wait_for(prompt_is("benmo 1>"))
        shown.enter("3> printQueue")
        shown.wait_for("the queue is empty")
        leave(shown)


def test_a_node_that_ends_unasked_is_told_and_may_be_restarted(here: Place) -> None:
    with terminal(here) as shown:
        shown.wait_for(ALL_UP)
        shown.enter("ls")
        text = shown.wait_for("3 of 3 nodes answer")
        found = re.search(r"^ +2 +(\d+) +yes", text, re.MULTILINE)
        assert found, text
        os.kill(int(found[1]), signal.SIGKILL)
        shown.wait_for("n2│ ended by SIGKILL")
        shown.wait_for("2 down")
        shown.enter("restart 2")
        shown.wait_for("node 2 is up again")
        shown.wait_for(ALL_UP)
        leave(shown)


def test_an_interrupt_ends_the_command_and_not_the_nodes(here: Place) -> None:
    with terminal(here) as shown:
        shown.wait_for(ALL_UP)
        shown.enter("partition 1 | 2 3")
        shown.wait_for("cut: 1 | 2 3")
        shown.enter("1> moneyTransfer 1,1,2")
        shown.wait_for("queued 1-")
        shown.type("1> wait")
        shown.wait_for(prompt_is("benmo 1> 1> wait"))
        shown.enter()
        eventually(lambda: shown.is_cooked, "the command runs", shown.all_text)
        drop_line(shown)
        shown.enter("heal")
        shown.enter("1> wait")
        shown.wait_for("nothing waits in the queue")
        assert len(here.nodes()) == 3
        leave(shown)


def test_an_interrupt_also_ends_what_no_node_answers_and_the_next_line_is_carried_out(
    here: Place,
) -> None:
    with terminal(here) as shown:
        shown.wait_for(ALL_UP)
        shown.enter("ls")
        found = re.search(r"^ +2 +(\d+) +yes", shown.wait_for("3 of 3 nodes answer"), re.MULTILINE)
        assert found
        os.kill(int(found[1]), signal.SIGSTOP)
        shown.type("2> printBalance")
        shown.wait_for(prompt_is("benmo 1> 2> printBalance"))
        shown.enter()
        eventually(lambda: shown.is_cooked, "the command runs", shown.all_text)
        drop_line(shown)
        shown.enter("1> printBalance")
        shown.wait_for("node 1 has ")
        os.kill(int(found[1]), signal.SIGCONT)
        leave(shown)


def test_a_signal_leaves_the_terminal_as_it_was(here: Place) -> None:
    with terminal(here) as shown:
        shown.wait_for(ALL_UP)
        shown.process.send_signal(signal.SIGTERM)
        assert shown.wait_exit() == 0
        assert shown.is_given_back
    assert not here.processes()


def test_without_colours_there_are_none(here: Place) -> None:
    colours = re.compile(rb"\x1b\[(?:[0-9]*;)*(?:3[0-8]|9[0-7])(?:;[0-9]*)*m")
    for options, are_there in (({}, True), ({"NO_COLOR": "1"}, False)):
        with terminal(here, **options) as shown:
            shown.wait_for(ALL_UP)
            shown.enter("2> moneyTransfer 1,2,3")
            shown.wait_for("decided 2-")
            assert bool(colours.search(shown.raw)) is are_there
            leave(shown)


def test_in_json_there_are_answers_alone(here: Place) -> None:
    with terminal(here, "--format", "json") as shown:
        shown.wait_for(ALL_UP)
        shown.enter("2> moneyTransfer 1,2,3")
        shown.enter("2> wait 60")
        text = shown.wait_for('"outcome":"decided"')
        assert "│" not in text
        shown.enter("tour")
        shown.wait_for("the tour needs a terminal")
        leave(shown)


def test_on_a_terminal_other_ports_are_offered_and_taken(tmp_path: Path) -> None:
    with place(tmp_path, 3) as here, socket.create_server(("127.0.0.1", here.port)):
        shown = Terminal(*DEMO, *here.options, "--nodes", "3")
        try:
            text = shown.wait_for("[Y/n]")
            assert f"port {here.port} is in use. Process {os.getpid()} holds it" in text
            shown.enter()
            shown.wait_for(ALL_UP)
            assert here.cluster_json()["addresses"][0]["port"] != here.port
            leave(shown)
        finally:
            shown.close()
