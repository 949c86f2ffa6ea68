"""Commands one after the other, from a pipe or from options, with no prompt."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import TypeVar

from benmo.commands.answers import Answer, Rendered, Status
from benmo.control.connection import NodeGone
from benmo.repl.commander import Runner
from benmo.waiting import lines_of

T = TypeVar("T")


def run_lines(
    runner: Runner, lines: Iterable[str], output_format: str, keeps_going: bool = False
) -> Status:
    """Carry out lines, up to the first that fails or leaves; the status of the last one.

    With `keeps_going`, a line that fails doesn't end this, and the status is that of the first one
    that failed. A `#` begins a comment. If an answer can't be written, the status is `UNKNOWN`.
    """
    first_failure = Status.DONE
    for raw in lines:
        line = cleaned(raw)
        if not line:
            continue
        rendered = outcome_of(runner, line, output_format)
        try:
            show(rendered, output_format)
        except (OSError, UnicodeError) as error:
            return _not_shown(error)
        first_failure = first_failure or rendered.status
        if rendered.leaves or (first_failure and not keeps_going):
            break
    return first_failure


def outcome_of(runner: Runner, line: str, output_format: str) -> Rendered:
    """The answer to a line; if the node is gone, an answer that the outcome is unknown."""
    try:
        return runner.run(line, output_format)
    except NodeGone as error:
        value = {"outcome": "unknown", "reason": str(error)}
        answer = Answer(Status.UNKNOWN, value, f"outcome unknown: {error}", leaves=True)
        return answer.rendered(output_format)


def cleaned(line: str) -> str:
    """Take the comment off a line; each character that can't be encoded becomes a `?`."""
    return line.partition("#")[0].strip().encode(errors="replace").decode()


def standard_input() -> Iterable[str]:
    """The lines of standard input; bytes that aren't UTF-8 are replaced."""
    return (line.decode(errors="replace") for line in lines_of(sys.stdin.fileno()))


def show(rendered: Rendered, output_format: str) -> None:
    """Print an answer to standard output; but to standard error if it failed and isn't JSON.

    Raises `OSError` or `UnicodeError` if the answer can't be written.
    """
    if rendered.output:
        is_failure = rendered.status is not Status.DONE and output_format != "json"
        print(rendered.output, file=sys.stderr if is_failure else sys.stdout, flush=True)


def _not_shown(error: OSError | UnicodeError) -> Status:
    """Report that an answer can't be written: its reader has left, or the disk is full.

    Then the status is `UNKNOWN`, since the user can't know what became of the command.
    """
    reason = getattr(error, "strerror", None) or error
    with suppress(OSError):
        print(f"benmo: the answer can't be written: {reason}", file=sys.stderr)
    discard_output()
    return Status.UNKNOWN


def discard_output() -> None:
    """Discard what was printed and not written: Python would try again at exit, and may hang."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
