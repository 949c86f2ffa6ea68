"""The one table of commands: the prompt, pipes, `benmo attach` and the help all read it.

A command carries nothing out: `benmo.node.execute` binds what each does to its name here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from benmo.commands.answers import Answer, Cell, Status, Table
from benmo.commands.arguments import WAIT_S, waiting_time_s
from benmo.errors import NotUnderstood

_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Command:
    """A command: what it is called, takes and means.

    `question` is asked where the command is typed bare and needs arguments; `offers` is what its
    argument may be completed with: the name of a set of nodes, or nothing. A command that `waits`
    asks what becomes of transfers that were queued before; after one that `ends_node`, the node is
    gone.
    """

    name: str
    arguments: str
    meaning: str
    question: str = ""
    offers: str = ""
    waits: bool = False
    ends_node: bool = False

    @property
    def usage(self) -> str:
        return f"{self.name} {self.arguments}".strip()


def parse(line: str) -> tuple[Command, list[str]]:
    """The command of a line, and its arguments. Raises `NotUnderstood`."""
    name, *arguments = re.split(r"[,\s]+", line.strip().strip(","))
    return find(name), arguments


def patience_s(line: str) -> float:
    """How long a node may take to answer a line, before it counts as gone; in seconds."""
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
    """Whether this line asks what becomes of that which was queued before."""
    command = _meant(line)
    return command is not None and command.waits


def _meant(line: str) -> Command | None:
    try:
        return parse(line)[0]
    except NotUnderstood:
        return None


def find(name: str) -> Command:
    """The command of that name, in any case, or of which it is the only one's beginning."""
    return match(name, COMMANDS)


class Named(Protocol):
    """What is called by its name."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


def match(name: str, *tables: Sequence[N]) -> N:
    """What bears that name, in any case; else the only one that begins so.

    Of several tables, the first counts that has one which begins so. Raises `NotUnderstood`.
    """
    wanted = name.lower()
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
    """The one name that somebody who typed this may have meant; empty if none is near."""
    if len(wanted) < 3:
        return ""
    holders = [name for name in names if wanted in name.lower()]
    if len(holders) == 1:
        return holders[0]
    beginnings = {name.lower()[: len(wanted) + 1]: name for name in names}
    close = difflib.get_close_matches(wanted, beginnings, n=1, cutoff=0.7)
    return beginnings[close[0]] if close else ""


class Explained(Protocol):
    """What the help lists."""

    @property
    def usage(self) -> str: ...

    @property
    def meaning(self) -> str: ...


def help_answer(shown: Sequence[Explained], text: str = "") -> Answer:
    """What these commands mean, and a sentence below that."""
    rows: list[tuple[Cell, ...]] = [(command.usage, command.meaning) for command in shown]
    value = [{"command": command.usage, "meaning": command.meaning} for command in shown]
    return Answer(Status.DONE, value, text, Table(("", ""), rows, has_headers=False))


COMMANDS = (
    Command(
        "moneyTransfer",
        "AMOUNT,DEBIT,CREDIT",
        "pay another node; queued until it is decided",
        question="amount,debit_node,credit_node: ",
    ),
    Command(
        "printBlockchain",
        "[FIRST [LAST]]",
        "the decided blocks and their transfers",
    ),
    Command("printBalance", "[all]", "this node's balance, or everyone's"),
    Command("printQueue", "", "its transfers that are not decided yet"),
    Command(
        "printStatus",
        "",
        "role, ballots, height, quorum and links",
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
        "send to node N so much later; 0 ends that",
        question="node milliseconds: ",
        offers="peers",
    ),
    Command("crashNode", "", "kill this node on the spot", ends_node=True),
    Command(
        "wait",
        "[SECONDS]",
        f"until the queue is empty; {WAIT_S:g} s if not said",
        waits=True,
    ),
    Command("help", "[COMMAND]", "what the commands mean"),
    Command("exit", "", "leave; a node's own prompt stops the node"),
)
