"""How a line is split into a command and its arguments, and what is refused there."""

from __future__ import annotations

import pytest

from benmo.commands.arguments import split_arguments, split_line
from benmo.commands.table import find, parse
from benmo.errors import NotUnderstood


@pytest.mark.parametrize(
    ("typed", "name", "rest"),
    [
        ("kill 3", "kill", "3"),
        ("kill,3", "kill", "3"),
        ("ls", "ls", ""),
        ("partition 1 2 | 3", "partition", "1 2 | 3"),
        ("  slow(1, 2, 300)", "slow", "1, 2, 300"),
        ("printBalance()", "printBalance", ""),
        ("", "", ""),
    ],
)
def test_a_name_ends_where_its_arguments_begin(typed: str, name: str, rest: str) -> None:
    assert split_line(typed) == (name, rest)


@pytest.mark.parametrize(
    "line",
    [
        "moneyTransfer 10,1,2",
        "moneyTransfer 10 1 2",
        "moneyTransfer 10 , 1 , 2",
        "moneyTransfer,10,1,2",
        "moneyTransfer(10,1,2)",
        "moneyTransfer(10, 1, 2)",
        "moneyTransfer (10 1 2)",
        "MONEYTRANSFER\t10,\t1,2 ",
    ],
)
def test_a_transfer_may_be_typed_as_people_type_it(line: str) -> None:
    command, arguments = parse(line)
    assert command.name == "moneyTransfer"
    assert arguments == ["10", "1", "2"]


@pytest.mark.parametrize(
    "line",
    [
        "moneyTransfer ,1,,1,2",
        "moneyTransfer ,1,1,2",
        "moneyTransfer,,1,1,2",
        "moneyTransfer 1,,1,2",
        "moneyTransfer 1, ,1,2",
        "moneyTransfer 1,1,2,",
        "moneyTransfer(1,1,)",
        "moneyTransfer ,",
        "printBlockchain 1,",
    ],
)
def test_an_empty_argument_is_not_taken_for_none(line: str) -> None:
    with pytest.raises(NotUnderstood, match="an argument is missing"):
        parse(line)


@pytest.mark.parametrize("line", ["moneyTransfer(1,1,2", "wait (", "moneyTransfer(1,1,2) now"])
def test_a_parenthesis_must_be_closed(line: str) -> None:
    with pytest.raises(NotUnderstood, match=r"\( after .* is not closed"):
        parse(line)


def test_no_text_is_no_arguments() -> None:
    assert split_arguments(" ") == []


@pytest.mark.parametrize(
    ("typed", "meant"), [("quit", "exit"), ("QUIT", "exit"), ("?", "help"), ("? wait", "help")]
)
def test_what_people_type_out_of_habit_is_understood(typed: str, meant: str) -> None:
    assert find(split_line(typed)[0]).name == meant


@pytest.mark.parametrize("line", ["x" * 10_001, "wait" + " " * 10_000, "help " + "(" * 9_996])
def test_a_line_that_is_too_long_is_not_looked_at(line: str) -> None:
    with pytest.raises(NotUnderstood, match=r"^a line has at most 10,000 characters$"):
        parse(line)
