"""`benmo attach`: commands a running node from another terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from benmo.cluster import StateDirectory
from benmo.commands.answers import Rendered, Status
from benmo.commands.table import is_wait
from benmo.control.attached_node import AttachedNode
from benmo.control.connection import NodeGone, NotReached
from benmo.control.places import find_node
from benmo.options import NODE, format_option, keep_going_option, state_dir_option
from benmo.repl.batch import cleaned, run_lines, standard_input


class _NodeThatIsDown:
    """A runner whose node is down, so that the outcome of every line is unknown."""

    def __init__(self, error: NotReached) -> None:
        self._error = error

    def run(self, line: str, output_format: str) -> Rendered:
        raise NodeGone(str(self._error))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("node_id", metavar="N", type=NODE)
@click.option(
    "-e",
    "commands",
    metavar="COMMAND",
    multiple=True,
    help="Carry out this command and leave; may be given several times.",
)
@keep_going_option
@format_option
@state_dir_option
def attach(
    node_id: int,
    commands: tuple[str, ...],
    keep_going: bool,
    output_format: str,
    state_dir: Path,
) -> None:
    """Command node N, which is running, from here.

    With -e, carry out these commands in order, up to the first that fails, or with --keep-going all
    of them. Without -e, show a prompt on a terminal; elsewhere, carry out commands from standard
    input, one a line.
    """
    state = StateDirectory(state_dir)
    try:
        attached = AttachedNode(state, node_id, find_node)
    except NotReached as error:
        if not is_wait(next(filter(None, map(cleaned, commands)), "")):
            raise
        # The transfers that `wait` asks about were queued before, and may be decided.
        sys.exit(run_lines(_NodeThatIsDown(error), commands, output_format))
    try:
        if not commands and sys.stdin.isatty():
            from benmo.repl.prompt import run_prompt  # noqa: PLC0415 - only a terminal needs it

            status = run_prompt(attached, output_format, state.history(node_id))
        else:
            status = run_lines(attached, commands or standard_input(), output_format, keep_going)
    except KeyboardInterrupt:
        status = Status.UNKNOWN
    finally:
        attached.close()
    sys.exit(status)
