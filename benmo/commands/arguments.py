"""Reads the arguments of commands, and says what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NoReturn

from benmo.errors import NotUnderstood

WAIT_S = 300.0
"""How long `wait` waits where no time is given, in seconds."""


class Misused(NotUnderstood):
    """A command was given arguments that it doesn't take; the catcher adds the usage."""


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
    """How long `wait` is to wait, in seconds. Raises `NotUnderstood`."""
    if len(arguments) > 1:
        misused("it takes one time, in seconds")
    return seconds(arguments[0]) if arguments else WAIT_S
