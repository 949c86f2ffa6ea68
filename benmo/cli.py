"""The `benmo` program."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from benmo import __version__
from benmo.attach import AttachedNode
from benmo.bench.command import bench
from benmo.cluster import StateDirectory
from benmo.commands import is_wait
from benmo.connection import NodeGone, NotReached
from benmo.demo.command import demo
from benmo.errors import StateError
from benmo.export import export
from benmo.initialize import main as initialize
from benmo.node import fill_standard_files, why_not
from benmo.output import Rendered, Status
from benmo.process import die, format_option, node, state_dir_option
from benmo.shell import cleaned, run_lines, standard_input
from benmo.sim.command import simulate
from benmo.sim.explore.command import explore
from benmo.status import status
from benmo.verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """A public ledger kept by five nodes that agree through Paxos."""
    fill_standard_files()
    reason = why_not()
    if reason:
        sys.exit(f"benmo: {reason}")


class _NodeThatIsDown:
    """A runner of which nobody can tell what became of anything."""

    def __init__(self, error: NotReached) -> None:
        self._error = error

    def run(self, line: str, output_format: str) -> Rendered:
        raise NodeGone(str(self._error))


@main.command()
@click.argument("node_id", metavar="N", type=click.IntRange(min=1))
@click.option(
    "-e",
    "commands",
    metavar="COMMAND",
    multiple=True,
    help="Carry this out and leave; may be given several times.",
)
@format_option
@state_dir_option
def attach(node_id: int, commands: tuple[str, ...], output_format: str, state_dir: Path) -> None:
    """Command node N, which is running, from here.

    With -e, carries the commands out in order, up to the first that fails. Without, it shows a
    prompt on a terminal, and elsewhere reads commands from standard input.
    """
    state = StateDirectory(state_dir)
    try:
        try:
            attached = AttachedNode(state, node_id)
        except NotReached as error:
            if not is_wait(next(filter(None, map(cleaned, commands)), "")):
                raise
            # What it asks after was queued before, and may be decided.
            sys.exit(run_lines(_NodeThatIsDown(error), commands, output_format))
        try:
            if not commands and sys.stdin.isatty():
                from benmo.repl import run_prompt  # noqa: PLC0415 - only a terminal needs it

                status = run_prompt(attached, output_format, state.history(node_id))
            else:
                status = run_lines(attached, commands or standard_input(), output_format)
        except KeyboardInterrupt:
            status = Status.UNKNOWN
        finally:
            attached.close()
    except StateError as error:
        die(error)
    sys.exit(status)


main.add_command(initialize, "initialize")
main.add_command(node)
main.add_command(demo)
main.add_command(simulate)
main.add_command(explore)
main.add_command(status)
main.add_command(verify)
main.add_command(export)
main.add_command(bench)
