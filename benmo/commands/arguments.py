"""What the arguments of commands may be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NoReturn

from benmo.errors import NotUnderstood

WAIT_S = 300.0
"""How long `wait` waits where no time is given, in seconds."""


class Misused(NotUnderstood):
    """A command with arguments that it doesn't take; whoever catches it adds the usage."""


def no_arguments(arguments: Sequence[str]) -> None:
    """For a command that takes none. Raises `Misused` if there are some."""
    if arguments:
        misused(f"it takes nothing, not {' '.join(arguments)}")


def misused(what: str) -> NoReturn:
    """For arguments that a command doesn't take."""
    raise Misused(what)


def integer(text: str, what: str) -> int:
    """A whole number. Raises `NotUnderstood`, saying what it was to be."""
    if re.fullmatch(r"[+-]?[0-9]{1,18}", text) is None:
        raise NotUnderstood(f"{what} must be a whole number, not {text[:40]!r}")
    return int(text)


def seconds(text: str) -> float:
    """A time. Raises `NotUnderstood`."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) is None:
        raise NotUnderstood(f"a time is a number of seconds, not {text[:40]!r}")
    return float(text)


def waiting_time_s(arguments: Sequence[str]) -> float:
    """How long `wait` is to wait, in seconds."""
    if len(arguments) > 1:
        misused("it takes the longest time to wait, in seconds")
    return seconds(arguments[0]) if arguments else WAIT_S
