"""Whom a line is for: `2> printQueue` is for node 2, `all printQueue` for every node."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benmo.demo.table import DEMO_COMMANDS
from benmo.errors import NotUnderstood

_ADDRESS = re.compile(r"(?P<target>all|[0-9]{1,8})\s*>\s*(?P<rest>.*)", re.IGNORECASE | re.DOTALL)

EVERYONE = "all"


@dataclass(frozen=True, slots=True)
class AddressedLine:
    """A line taken apart: `target` is a node's number, `EVERYONE`, or nothing."""

    target: str
    text: str


def read_line(line: str) -> AddressedLine:
    """Split the address off."""
    found = _ADDRESS.fullmatch(line.strip())
    if found is None:
        return AddressedLine("", line.strip())
    return AddressedLine(found["target"].lower(), found["rest"].strip())


def split_name(text: str) -> tuple[str, str]:
    """A command's name as it was typed, and what comes after it."""
    name, *rest = re.split(r"[,\s]+", text.strip(), maxsplit=1)
    return name, rest[0] if rest else ""


def require_node_command(text: str, target: str) -> None:
    """Raises `NotUnderstood` for a word of the demo's, which nodes don't know."""
    name, _ = split_name(text)
    word = next((word for word in DEMO_COMMANDS if word.name.lower() == name.lower()), None)
    if word is None or word.name == "help":
        return
    if word.name == "exit":
        raise NotUnderstood(f"exit leaves the demo: kill {target} ends a node")
    raise NotUnderstood(
        f"{word.name} is the demo's own command: type it without {target}: {word.usage}"
    )
