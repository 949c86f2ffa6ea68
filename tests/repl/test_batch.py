"""Lines from a pipe or from options, one after the other."""

from __future__ import annotations

import pytest

from benmo.commands.answers import Rendered, Status
from benmo.repl.batch import run_lines


class Scripted:
    """A runner that answers each line with the status that the line names; `bye` leaves."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(self, line: str, _output_format: str) -> Rendered:
        self.ran.append(line)
        if line == "bye":
            return Rendered(Status.DONE, "", leaves=True)
        return Rendered(Status(int(line)), f"status {line}", leaves=False)


@pytest.mark.parametrize(
    ("lines", "ran", "status"),
    [
        ("0 0", "0 0", 0),
        ("0 1 0", "0 1", 1),
        ("3 1", "3", 3),
        ("0 bye 0", "0 bye", 0),
    ],
)
def test_the_first_line_that_fails_or_leaves_is_the_last(lines: str, ran: str, status: int) -> None:
    runner = Scripted()
    assert run_lines(runner, lines.split(), "table") == status
    assert runner.ran == ran.split()


@pytest.mark.parametrize(
    ("lines", "ran", "status"),
    [
        ("0 1 0", "0 1 0", 1),
        ("2 1 3", "2 1 3", 2),
        ("1 bye 0", "1 bye", 1),
        ("0 0", "0 0", 0),
    ],
)
def test_lines_that_fail_are_gone_past_if_that_is_wanted(lines: str, ran: str, status: int) -> None:
    runner = Scripted()
    assert run_lines(runner, lines.split(), "table", keeps_going=True) == status
    assert runner.ran == ran.split()


@pytest.mark.parametrize(
    ("columns", "output_format", "form"),
    [(80, "table", "table/80"), (None, "table", "table"), (80, "json", "json")],
)
def test_answers_on_a_terminal_fit_into_it(
    monkeypatch: pytest.MonkeyPatch, columns: int | None, output_format: str, form: str
) -> None:
    asked: list[str] = []

    class Node:
        def run(self, line: str, output_format: str) -> Rendered:
            asked.append(output_format)
            return Rendered(Status.DONE, "", leaves=False)

    monkeypatch.setattr("benmo.repl.batch.terminal_columns", lambda: columns)
    run_lines(Node(), ["printBlockchain"], output_format)
    assert asked == [form]
