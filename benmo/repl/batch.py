"""Commands one after the other, from a pipe or from options, with no prompt."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from benmo.commands.answers import Answer, Rendered, Status, fitting_format
from benmo.commands.fitting import terminal_columns
from benmo.control.connection import NodeGone
from benmo.repl.commander import Runner
from benmo.startup import OutputLost, ReaderGone
from benmo.waiting import lines_of

T = TypeVar("T")


def run_lines(
    runner: Runner, lines: Iterable[str], output_format: str, keeps_going: bool = False
) -> Status:
    """Carry out lines, up to the first that fails or leaves; the status of the last one.

    With `keeps_going`, a line that fails doesn't end this, and the status is that of the first one
    that failed. A `#` begins a comment. Raises `OSError`
    if an answer can't be written.
    """
    first_failure = Status.DONE
    for raw in lines:
        line = cleaned(raw)
        if not line:
            continue
        form = fitting_format(output_format, terminal_columns())
        rendered = outcome_of(runner, line, form)
        show(rendered, output_format)
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

    Raises `OSError` if the answer can't be written.
    """
    if rendered.output:
        is_failure = rendered.status is not Status.DONE and output_format != "json"
        try:
            print(rendered.output, file=sys.stderr if is_failure else sys.stdout, flush=True)
        except ReaderGone as error:  # what became of a command is never lost without a word
            raise OutputLost(*error.args) from error
