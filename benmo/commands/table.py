"""The one table of commands: the prompt, pipes, `benmo attach` and the help all read it.

The table holds names and flags; `benmo.node.execute` binds each name to what the command does.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from benmo.commands.answers import Answer, Cell, Status, Table
from benmo.commands.arguments import WAIT_S, split_arguments, split_line, waiting_time_s
from benmo.errors import NotUnderstood
from benmo.network.rights import Right

_PATIENCE_S = 30.0
"""The time limit of an answer to a line that doesn't wait, before the node counts as gone."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its name, its arguments, its meaning.

    question   what a prompt asks if the command is typed without arguments and needs some
    offers     the nodes with which completion offers to fill in the argument: "peers", "severed",
               or nothing
    waits      whether the command asks what becomes of transfers that were queued before
    ends_node  whether the command kills the node
    is_long    whether the answer may take a node long, or much memory
    right      what a certificate must give; unless an entry says less, only a node's own will do
    """

    name: str
    arguments: str
    meaning: str
    question: str = ""
    offers: str = ""
    waits: bool = False
    ends_node: bool = False
    is_long: bool = False
    right: Right = Right.COMMAND

    @property
    def usage(self) -> str:
        return f"{self.name} {self.arguments}".strip()


def parse(line: str) -> tuple[Command, list[str]]:
    """Split a line into its command and arguments. Raises `NotUnderstood`."""
    name, text = split_line(line)
    return find(name), split_arguments(text)


def patience_s(line: str) -> float:
    """The time limit, in seconds, of the answer to a line, before the node counts as gone."""
    try:
        command, arguments = parse(line)
        return _PATIENCE_S + (waiting_time_s(arguments) if command.waits else 0.0)
    except NotUnderstood:
        return _PATIENCE_S


def is_crash(line: str) -> bool:
    """Whether this line kills the node that carries it out."""
    command = _meant(line)
    return command is not None and command.ends_node


def is_wait(line: str) -> bool:
    """Whether this line asks what becomes of transfers that were queued before."""
    command = _meant(line)
    return command is not None and command.waits


def _meant(line: str) -> Command | None:
    try:
        return parse(line)[0]
    except NotUnderstood:
        return None


def find(name: str) -> Command:
    """Find the command of this name; as `match`, in the table of a node's commands."""
    return match(name, COMMANDS)


_OTHER_NAMES = {"quit": "exit", "?": "help"}
"""Words that people type out of habit, and the command that is meant."""


def usual_name(name: str) -> str:
    """The name in small letters; `quit` and `?` become the names in the table."""
    return _OTHER_NAMES.get(name.lower(), name.lower())


class Named(Protocol):
    """An entry of a table, which a user calls by its name."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


def match(name: str, *tables: Sequence[N]) -> N:
    """Find the entry of this name, in any case; else the only entry whose name begins so.

    Of several tables, the first that has such a beginning decides. `quit` and `?` are other names
    of `exit` and `help`. Raises `NotUnderstood` if no name begins so, or more than one does.
    """
    wanted = usual_name(name)
    everything = [named for table in tables for named in table]
    for named in everything:
        if named.name.lower() == wanted:
            return named
    for table in tables:
        found = [named for named in table if named.name.lower().startswith(wanted)]
        if len(found) == 1:
            return found[0]
        if found:
            names = " or ".join(named.name for named in found)
            raise NotUnderstood(f"{name!r} could be {names}")
    guess = _guess(wanted, [named.name for named in everything])
    hint = f"did you mean {guess}?" if guess else "help lists the commands"
    raise NotUnderstood(f"there is no command {name!r}: {hint}")


def _guess(wanted: str, names: Sequence[str]) -> str:
    """Guess the name that a user who typed this may have meant; empty if none is near."""
    if len(wanted) < 3:
        return ""
    holders = [name for name in names if wanted in name.lower()]
    if len(holders) == 1:
        return holders[0]
    beginnings = {name.lower()[: len(wanted) + 1]: name for name in names}
    close = difflib.get_close_matches(wanted, beginnings, n=1, cutoff=0.7)
    return beginnings[close[0]] if close else ""


class Explained(Protocol):
    """An entry of the help."""

    @property
    def usage(self) -> str: ...

    @property
    def meaning(self) -> str: ...


def help_answer(shown: Sequence[Explained], text: str = "") -> Answer:
    """The answer to `help`: a row for each command, and `text` below them."""
    rows: list[tuple[Cell, ...]] = [(command.usage, command.meaning) for command in shown]
    value = [{"command": command.usage, "meaning": command.meaning} for command in shown]
    return Answer(Status.DONE, value, text, Table(("", ""), rows, has_headers=False))


COMMANDS = (
    Command(
        "moneyTransfer",
        "AMOUNT,DEBIT,CREDIT",
        "pay another node; queued until it is decided",
        question="amount,debit_node,credit_node: ",
        right=Right.PAY,
    ),
    Command(
        "printBlockchain",
        "[FIRST [LAST]]",
        "the decided blocks and their transfers",
        is_long=True,
        right=Right.READ,
    ),
    Command("printBalance", "[all]", "this node's balance, or every node's", right=Right.READ),
    Command(
        "printQueue", "", "this node's transfers not decided yet", is_long=True, right=Right.READ
    ),
    Command(
        "printStatus",
        "",
        "role, ballots, height, quorum and links",
        right=Right.READ,
    ),
    Command(
        "printMembers",
        "",
        "who votes since when, and who was retired",
        right=Right.READ,
    ),
    Command(
        "severLink",
        "N [--one-way]",
        "cut the link to node N, or only what is sent",
        question="node: ",
        offers="peers",
    ),
    Command(
        "restoreLink",
        "N|all",
        "undo severLink",
        question="node, or all: ",
        offers="severed",
    ),
    Command(
        "delayLink",
        "N MILLISECONDS",
        "delay messages to node N; 0 ends the delay",
        question="node milliseconds: ",
        offers="peers",
    ),
    Command("crashNode", "", "kill this node on the spot", ends_node=True),
    Command(
        "wait",
        "[SECONDS]",
        f"until the queue is empty; {WAIT_S:g} s by default",
        waits=True,
        right=Right.READ,
    ),
    Command("help", "[COMMAND]", "what the commands mean", right=Right.READ),
    Command("exit", "", "leave; at a node's own prompt, stop the node", right=Right.READ),
)
