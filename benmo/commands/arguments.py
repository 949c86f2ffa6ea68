"""Reads the arguments of commands, and says what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NoReturn

from benmo.errors import NotUnderstood

_NAME = re.compile(r"([^\s,(]*)(?:,(?!\s*,))?\s*(.*)", re.DOTALL)
"""A command's name, up to a blank, a parenthesis or a comma; then its arguments."""
_SEPARATOR = re.compile(r"\s*,\s*|\s+")

LINE_CHARACTERS_MAX = 10_000
WAIT_S = 300.0
"""The time, in seconds, that `wait` waits where none is given."""


class Misused(NotUnderstood):
    """A command was given arguments that it doesn't take; the catcher adds the usage."""


def split_line(line: str) -> tuple[str, str]:
    """Split a line into a command's name and the text of its arguments.

    `moneyTransfer 1,2,3`, `moneyTransfer 1 2 3` and `moneyTransfer(1, 2, 3)` say the same. Raises
    `NotUnderstood` if a parenthesis is not closed, or if the line is too long to be looked at.
    """
    if len(line) > LINE_CHARACTERS_MAX:
        raise NotUnderstood(f"a line has at most {LINE_CHARACTERS_MAX:,} characters")
    found = _NAME.match(line.strip())
    assert found is not None
    name, rest = found.groups()
    if rest.startswith("("):
        if not rest.endswith(")"):
            raise NotUnderstood(f"the ( after {name} is not closed")
        rest = rest[1:-1]
    return name, rest.strip()


def split_arguments(text: str) -> list[str]:
    """Split arguments at commas or blanks.

    Raises `NotUnderstood` if one is empty: an amount, say, must not be taken for another's place.
    """
    fields = _SEPARATOR.split(text.strip()) if text.strip() else []
    if "" in fields:
        raise NotUnderstood(f"an argument is missing beside a comma: {text.strip()[:40]!r}")
    return fields


def no_arguments(arguments: Sequence[str]) -> None:
    """Raise `Misused` if a command that takes no arguments was given some."""
    if arguments:
        misused(f"it takes nothing, not {' '.join(arguments)}")


def misused(what: str) -> NoReturn:
    """Raise `Misused`, for arguments that a command doesn't take; `what` says what it takes."""
    raise Misused(what)


def integer(text: str, what: str) -> int:
    """Read a whole number. Raises `NotUnderstood`; `what` names the argument there."""
    if re.fullmatch(r"[+-]?[0-9]{1,18}", text) is None:
        raise NotUnderstood(f"{what} must be a whole number, not {text[:40]!r}")
    return int(text)


def seconds(text: str) -> float:
    """Read a time in seconds, from 0. Raises `NotUnderstood`."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) is None:
        raise NotUnderstood(f"a time is a number of seconds, not {text[:40]!r}")
    return float(text)


def waiting_time_s(arguments: Sequence[str]) -> float:
    """Read how long `wait` is to wait, in seconds. Raises `NotUnderstood`."""
    if len(arguments) > 1:
        misused("it takes one time, in seconds")
    return seconds(arguments[0]) if arguments else WAIT_S
