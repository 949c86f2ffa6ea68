"""The language of scenarios: its commands, and how people may write them.

    nodes N [tenure block|stable]   first: N nodes, all up and linked, without election delay
    pay NODE CREDIT AMOUNT          at NODE, to CREDIT
    campaign NODE                   move the clock to when NODE campaigns, and let it do so
    deliver KIND A->B [N]           what is under way of this kind arrives; * is any kind or node;
                                    with a number, only the N-th of these
    double KIND A->B [N]            the same, and it stays under way: it will arrive again
    drop KIND A->B [N]              it is lost
    settle                          all that is under way arrives, and what follows from it
    wait SECONDS                    the timers run, and nothing arrives
    advance SECONDS                 the timers run, and everything arrives at once
    crash NODE [power]              its process ends; with power, what was not synced is lost
    start NODE                      it starts from its disk
    pause NODE / resume NODE        it does nothing for a while; what is sent to it waits
    cut A B / heal A B              their link goes down, with what is under way on it; up again
    show chains|promised|accepted|queues|balances|leaders|pending

`quietly` before a command shows only `=` and `!` lines. Scenarios hold each line in its full form;
at a prompt, a name may be shortened to a beginning that no other has, and written in any case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import get_args

from benmo.commands.table import match
from benmo.errors import NotUnderstood
from benmo.paxos.messages import Message

QUIETLY = "quietly"
SHOWN = ("chains", "promised", "accepted", "queues", "balances", "leaders", "pending")
"""The words that may follow `show`."""
KINDS = tuple(kind.__name__ for kind in get_args(Message))
"""The kinds of messages."""

_SECONDS_MAX = 3600.0
_WAY = re.compile(r"(?:\*|[1-9]\d*)->(?:\*|[1-9]\d*)")


@dataclass(frozen=True, slots=True)
class ScenarioCommand:
    """A command of the language; `offers` says what completion offers for each argument."""

    name: str
    arguments: str
    meaning: str
    more: str = ""
    offers: tuple[str, ...] = ()

    @property
    def usage(self) -> str:
        return f"{self.name} {self.arguments}".strip()


_WHICH = (
    "By number, as the list of messages under way has it (deliver 3); or by kind and way: "
    "deliver Promise 2->1, deliver Accept 1->*, deliver * *->3. A number after them picks one of "
    "several: deliver Decide 1->2 2 is the second of these."
)

COMMANDS = (
    ScenarioCommand(
        "nodes",
        "N [tenure block|stable]",
        "begin: N nodes, all up and linked",
        "With tenure stable, a leader goes on leading after a decision, without new promises.",
    ),
    ScenarioCommand(
        "pay",
        "NODE CREDIT AMOUNT",
        "NODE wants to pay CREDIT; it waits in NODE's queue",
        offers=("node", "node"),
    ),
    ScenarioCommand(
        "campaign",
        "NODE",
        "NODE wants to lead: it asks all for promises",
        "The clock moves to when its election delay is over. A node campaigns if something waits "
        "in its queue, or if it has accepted a block of which it doesn't know that it is decided.",
        ("node",),
    ),
    ScenarioCommand(
        "deliver", "MESSAGE", "a message under way arrives", _WHICH, ("message", "way")
    ),
    ScenarioCommand("drop", "MESSAGE", "a message under way is lost", _WHICH, ("message", "way")),
    ScenarioCommand(
        "double", "MESSAGE", "it arrives, and will arrive again", _WHICH, ("message", "way")
    ),
    ScenarioCommand(
        "settle",
        "",
        "everything arrives, and what follows from it",
        "What is under way to a paused node stays under way.",
    ),
    ScenarioCommand("crash", "NODE [power]", "its process ends; its disk stays", "", ("node",)),
    ScenarioCommand("start", "NODE", "a node that is down starts from its disk", "", ("node",)),
    ScenarioCommand("pause", "NODE", "it stands still, and what it is sent waits", "", ("node",)),
    ScenarioCommand("resume", "NODE", "a paused node goes on", "", ("node",)),
    ScenarioCommand("cut", "A B", "nothing passes between A and B any more", "", ("node", "node")),
    ScenarioCommand("heal", "A B", "their link is up again", "", ("node", "node")),
    ScenarioCommand("wait", "SECONDS", "time passes, and nothing arrives"),
    ScenarioCommand("advance", "SECONDS", "time passes, and everything arrives at once"),
    ScenarioCommand("show", "WHAT", ", ".join(SHOWN[:3]) + " …", ", ".join(SHOWN), ("shown",)),
)


def kind_named(text: str) -> str:
    """The kind of message of that name, in any case; `*` is any. Raises `NotUnderstood`."""
    named = next((kind for kind in ("*", *KINDS) if kind.lower() == text.lower()), "")
    if not named:
        raise NotUnderstood(f"there are no messages {text!r}, but {', '.join(KINDS)}; * is any")
    return named


def way_named(text: str) -> tuple[str, str]:
    """The two ends of a way like `1->2` or `*->3`. Raises `NotUnderstood`."""
    if not _WAY.fullmatch(text):
        raise NotUnderstood(f"{text!r} is no way of a message: 1->2, or with * for any node")
    sender, to = text.split("->")
    return sender, to


def command_named(name: str) -> ScenarioCommand:
    """The command of that name. Raises `NotUnderstood`."""
    found = next((command for command in COMMANDS if command.name == name), None)
    if found is None:
        raise NotUnderstood(f"there is no command {name!r}")
    return found


def in_full(line: str) -> str:
    """The full form of a line as somebody typed it. Raises `NotUnderstood`."""
    words = line.replace(",", " ").split()
    quietly = [QUIETLY] if words[0].lower() == QUIETLY else []
    if len(words) == len(quietly):
        raise NotUnderstood("quietly what? A command follows: quietly settle")
    name, *rest = words[len(quietly) :]
    command = match(name, COMMANDS)
    if command.arguments == "MESSAGE" and rest and not rest[0].isdecimal():
        rest = ["*", *rest] if "->" in rest[0] else rest
        rest = [kind_named(rest[0]), *(rest[1:] or ["*->*"])]
    return " ".join([*quietly, command.name, *rest])


def require_count(command: ScenarioCommand, count: int) -> None:
    """Raise `NotUnderstood` if a command doesn't take that many arguments."""
    if command.arguments == "MESSAGE":
        if not 2 <= count <= 3:
            name = command.name
            raise NotUnderstood(f"which message? {name} 3, by its number, or {name} Promise 2->1")
        return
    words = command.arguments.split()
    least = next((at for at, word in enumerate(words) if word.startswith("[")), len(words))
    if count not in (least, len(words)):
        raise NotUnderstood(f"write: {command.usage}")


def whole_number(text: str, what: str) -> int:
    """Read a whole number; `what` names it. Raises `NotUnderstood`."""
    if not text.isdecimal() or len(text) > 15:
        raise NotUnderstood(f"{text!r} is not {what}: a whole number is")
    return int(text)


def seconds_of(text: str) -> float:
    """Read a time in seconds. Raises `NotUnderstood`."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not isfinite(seconds) or not 0 <= seconds <= _SECONDS_MAX:
        raise NotUnderstood(f"{text} seconds? A number from 0 to {_SECONDS_MAX:.0f}")
    return seconds
