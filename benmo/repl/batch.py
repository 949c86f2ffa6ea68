"""Commands one after the other, from a pipe or from options: whoever runs Benmo unattended."""

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


def run_lines(runner: Runner, lines: Iterable[str], output_format: str) -> Status:
    """Carry out line by line, up to the first that fails; its status.

    What follows a `#` is a comment.
    """
    for raw in lines:
        line = cleaned(raw)
        if not line:
            continue
        rendered = outcome_of(runner, line, output_format)
        try:
            show(rendered, output_format)
        except (OSError, UnicodeError) as error:
            return _not_shown(error)
        if rendered.status is not Status.DONE or rendered.leaves:
            return rendered.status
    return Status.DONE


def outcome_of(runner: Runner, line: str, output_format: str) -> Rendered:
    """The answer to a line; if the node went before it answered, that the outcome is unknown."""
    try:
        return runner.run(line, output_format)
    except NodeGone as error:
        value = {"outcome": "unknown", "reason": str(error)}
        answer = Answer(Status.UNKNOWN, value, f"outcome unknown: {error}", leaves=True)
        return answer.rendered(output_format)


def cleaned(line: str) -> str:
    """A line without its comment; what isn't text in it becomes a question mark."""
    return line.partition("#")[0].strip().encode(errors="replace").decode()


def standard_input() -> Iterable[str]:
    """The lines of standard input; bytes that aren't UTF-8 don't stop it."""
    return (line.decode(errors="replace") for line in lines_of(sys.stdin.fileno()))


def show(rendered: Rendered, output_format: str) -> None:
    """Print an answer: to standard output, or to standard error a failure that is for people."""
    if rendered.output:
        is_failure = rendered.status is not Status.DONE and output_format != "json"
        print(rendered.output, file=sys.stderr if is_failure else sys.stdout, flush=True)


def _not_shown(error: OSError | UnicodeError) -> Status:
    """Whoever asked can't know what became of it: the pipe's reader has left, the disk is full."""
    reason = getattr(error, "strerror", None) or error
    with suppress(OSError):
        print(f"benmo: the answer can't be written: {reason}", file=sys.stderr)
    discard_output()
    return Status.UNKNOWN


def discard_output() -> None:
    """Let what could not be written go: it would be tried again at the exit, and may block that."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
