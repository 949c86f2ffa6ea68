"""What each request and each command needs; a new one must be given its place here."""

from __future__ import annotations

from typing import get_args

import pytest

from benmo.commands.table import COMMANDS, Command
from benmo.control.member_requests import ProposeChange, ReadMembers
from benmo.control.requests import (
    ControlRequest,
    Find,
    Hurry,
    Pay,
    ReadBalances,
    ReadBlocks,
    ReadUsage,
    RunLine,
    Watch,
    right_for,
)
from benmo.control.tape_requests import Listen
from benmo.errors import Refused
from benmo.network.rights import Right, require_right

REQUESTS: dict[Right, set[type]] = {
    Right.READ: {Find, ReadBalances, ReadBlocks, ReadUsage, ReadMembers, Watch, Listen, RunLine},
    Right.PAY: {Pay, Hurry},
    Right.COMMAND: {ProposeChange},
}
LINES = {
    Right.READ: {
        "printBlockchain",
        "printBalance",
        "printQueue",
        "printStatus",
        "printMembers",
        "wait",
        "help",
        "exit",  # ends the attached prompt, and not the node
    },
    Right.PAY: {"moneyTransfer"},
    Right.COMMAND: {"severLink", "restoreLink", "delayLink", "crashNode"},
}


def test_every_request_needs_the_right_that_is_listed_here() -> None:
    found = {
        right: {kind for kind in get_args(ControlRequest) if right_for(kind) is right}
        for right in Right
    }
    assert found == REQUESTS


def test_every_command_needs_the_right_that_is_listed_here() -> None:
    found = {
        right: {command.name for command in COMMANDS if command.right is right} for right in Right
    }
    assert found == LINES


def test_what_says_nothing_of_its_right_is_closed_to_clients() -> None:
    assert Command("new", "", "").right is Right.COMMAND
    assert right_for(type("New", (Find,), {})) is Right.COMMAND


@pytest.mark.parametrize("held", Right)
@pytest.mark.parametrize("needed", Right)
def test_a_right_includes_the_lesser_ones(held: Right, needed: Right) -> None:
    if held >= needed:
        require_right(held, needed, 2)
        return
    with pytest.raises(Refused) as refused:
        require_right(held, needed, 2)
    what = {Right.READ: "read", Right.PAY: "pay and read"}[held]
    assert str(refused.value) == f"this certificate may only {what} at node 2"


def test_the_rights_are_in_their_order() -> None:
    assert sorted(Right) == [Right.READ, Right.PAY, Right.COMMAND]
