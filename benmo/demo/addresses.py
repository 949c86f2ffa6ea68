"""The address of a line: `2> printQueue` is for node 2, `all> printQueue` for every node."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benmo.commands.arguments import split_line
from benmo.commands.table import Command, usual_name
from benmo.demo.table import DEMO_COMMANDS, DemoCommand, command_meant
from benmo.errors import NotUnderstood

_ADDRESS = re.compile(r"(?P<target>all|[0-9]{1,8})\s*>\s*(?P<rest>.*)", re.IGNORECASE | re.DOTALL)

EVERYONE = "all"


@dataclass(frozen=True, slots=True)
class AddressedLine:
    """A line split in two: `target` is a node's number in digits, `EVERYONE`, or empty."""

    target: str
    text: str


def read_line(line: str) -> AddressedLine:
    """Split a line into its address, if it has one, and its command."""
    found = _ADDRESS.fullmatch(line.strip())
    if found is None:
        return AddressedLine("", line.strip())
    return AddressedLine(found["target"].lower(), found["rest"].strip())


def meaning_of(line: str) -> DemoCommand | Command | None:
    """The command of a line, for `all` that which all are given; None if it isn't understood."""
    try:
        name, rest = split_line(read_line(line).text)
        meaning = command_meant(name)
        if meaning.name == EVERYONE:
            meaning = command_meant(split_line(rest)[0])
    except NotUnderstood:
        return None
    return meaning


def require_node_command(text: str, target: str) -> None:
    """Raise `NotUnderstood` if a command for a node is one of the demo's own, except `help`."""
    name, _ = split_line(text)
    word = next((word for word in DEMO_COMMANDS if word.name == usual_name(name)), None)
    if word is None or word.name == "help":
        return
    if word.name == "exit":
        raise NotUnderstood(f"exit leaves the demo: kill {target} ends a node")
    raise NotUnderstood(
        f"{word.name} is the demo's own command: type it without {target}: {word.usage}"
    )
