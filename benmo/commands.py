"""The one table of commands: the prompt, pipes, `benmo attach` and the help all read it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from benmo import handlers, link_handlers
from benmo.arguments import Misused, no_arguments
from benmo.errors import NotUnderstood, Refused, StateError
from benmo.output import Answer, Cell, Rendered, Status, Table, refusal
from benmo.service import Service

_PATIENCE_S = 30.0

Handler = Callable[[Service, Sequence[str]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Command:
    """A command: what it is called, takes and means.

    `question` is asked where the command is typed bare and needs arguments; `offers` is what its
    argument may be completed with: the name of a set of nodes, or nothing.
    """

    name: str
    arguments: str
    meaning: str
    handler: Handler
    question: str = ""
    offers: str = ""

    @property
    def usage(self) -> str:
        return f"{self.name} {self.arguments}".strip()


async def execute(service: Service, line: str, output_format: str) -> Rendered:
    """Carry a line out; whatever is wrong with it is in the answer.

    What takes long to show is made ready in another thread: the node's own has to vote meanwhile.
    """
    try:
        command, arguments = parse(line)
        answer = await _carry_out(service, command, arguments)
    except NotUnderstood as error:
        answer = refusal(Status.NOT_UNDERSTOOD, str(error))
    except Refused as error:
        answer = refusal(Status.REFUSED, str(error))
    except (StateError, OSError, AssertionError) as error:
        service.fail(error)
        answer = refusal(Status.UNKNOWN, f"node {service.node} had to stop: {error}")
    if answer.is_long:
        return await service.aside(partial(answer.rendered, output_format))
    return answer.rendered(output_format)


async def _carry_out(service: Service, command: Command, arguments: Sequence[str]) -> Answer:
    try:
        return await command.handler(service, arguments)
    except Misused as error:
        raise NotUnderstood(f"{error}: {command.usage}") from error


def parse(line: str) -> tuple[Command, list[str]]:
    """The command of a line, and its arguments. Raises `NotUnderstood`."""
    name, *arguments = re.split(r"[,\s]+", line.strip().strip(","))
    return find(name), arguments


def patience_s(line: str) -> float:
    """How long a node may take to answer a line, before it counts as gone; in seconds."""
    try:
        command, arguments = parse(line)
        waits_s = handlers.waiting_time_s(arguments) if command.handler is handlers.wait else 0.0
        return _PATIENCE_S + waits_s
    except NotUnderstood:
        return _PATIENCE_S


def is_crash(line: str) -> bool:
    """Whether this line kills the node that carries it out."""
    return _is_for(handlers.crash_node, line)


def is_wait(line: str) -> bool:
    """Whether this line asks what becomes of that which was queued before."""
    return _is_for(handlers.wait, line)


def _is_for(handler: Handler, line: str) -> bool:
    try:
        return parse(line)[0].handler is handler
    except NotUnderstood:
        return False


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


async def _help(_service: Service, arguments: Sequence[str]) -> Answer:
    shown = [find(arguments[0])] if arguments else COMMANDS
    rows: list[tuple[Cell, ...]] = [(command.usage, command.meaning) for command in shown]
    value = [{"command": command.usage, "meaning": command.meaning} for command in shown]
    return Answer(Status.DONE, value, "", Table(("", ""), rows, has_headers=False))


async def _exit(_service: Service, arguments: Sequence[str]) -> Answer:
    no_arguments(arguments)
    return Answer(Status.DONE, None, "", leaves=True)


COMMANDS = (
    Command(
        "moneyTransfer",
        "AMOUNT,DEBIT,CREDIT",
        "pay another node; queued until it is decided",
        handlers.money_transfer,
        question="amount,debit_node,credit_node: ",
    ),
    Command(
        "printBlockchain",
        "[FIRST [LAST]]",
        "the decided blocks and their transfers",
        handlers.print_blockchain,
    ),
    Command("printBalance", "[all]", "this node's balance, or everyone's", handlers.print_balance),
    Command("printQueue", "", "its transfers that are not decided yet", handlers.print_queue),
    Command(
        "printStatus",
        "",
        "role, ballots, height, quorum and links",
        handlers.print_status,
    ),
    Command(
        "severLink",
        "N [--one-way]",
        "cut the link to node N, or only what is sent",
        link_handlers.sever_link,
        question="node: ",
        offers="peers",
    ),
    Command(
        "restoreLink",
        "N|all",
        "undo severLink",
        link_handlers.restore_link,
        question="node, or all: ",
        offers="severed",
    ),
    Command(
        "delayLink",
        "N MILLISECONDS",
        "send to node N so much later; 0 ends that",
        link_handlers.delay_link,
        question="node milliseconds: ",
        offers="peers",
    ),
    Command("crashNode", "", "kill this node on the spot", handlers.crash_node),
    Command(
        "wait",
        "[SECONDS]",
        f"until the queue is empty; {handlers.WAIT_S:g} s if not said",
        handlers.wait,
    ),
    Command("help", "[COMMAND]", "what the commands mean", _help),
    Command("exit", "", "leave; a node's own prompt stops the node", _exit),
)
