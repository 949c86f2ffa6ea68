"""`benmo play`: a sandbox in which the user is the network."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import click

from benmo.commands.answers import Status
from benmo.errors import Refused
from benmo.options import die, format_option, keep_going_option
from benmo.play.recording import record as write_record
from benmo.play.runner import PlayRunner
from benmo.repl.batch import run_lines, standard_input


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("scenario", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option(
    "-e",
    "commands",
    metavar="COMMAND",
    multiple=True,
    help="Carry out this command and leave; may be given several times.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="At the end, write the run as `benmo record` writes that of real nodes.",
)
@keep_going_option
@format_option
def play(
    scenario: Path | None,
    commands: tuple[str, ...],
    record: Path | None,
    keep_going: bool,
    output_format: str,
) -> None:
    """Run Benmo's engines by hand: you are the network, message by message.

    Each message waits until you let it arrive, get lost or arrive twice; nodes pay, campaign, crash
    and start as you say. What you did can be undone, tried in another way, and saved as a scenario.
    SCENARIO is such a file: its commands are carried out first.

    On a terminal, this shows a prompt. With -e, it carries out the given commands; without a
    terminal, it reads commands from standard input.
    """
    has_prompt = not commands and sys.stdin.isatty() and sys.stdout.isatty()
    runner = PlayRunner(is_whole=has_prompt)
    try:
        difference = "" if scenario is None else runner.open(scenario)
        if has_prompt:
            from benmo.play.prompt import run_prompt  # noqa: PLC0415 - only a terminal needs it

            status = run_prompt(runner, output_format, _opened(runner, scenario, difference))
        else:
            if difference:
                click.echo(f"benmo: {difference}", err=True)
            status = run_lines(runner, commands or standard_input(), output_format, keep_going)
        if record is not None:
            count = write_record(runner.branches, record)
            click.echo(f"{count:,} records in {record}", err=True)
    except Refused as error:
        die(str(error))
    except KeyboardInterrupt:
        status = Status.UNKNOWN
    sys.exit(status)


def _opened(runner: PlayRunner, scenario: Path | None, difference: str) -> str:
    """Say what was opened, with its story, and how to walk through it."""
    if scenario is None:
        return ""
    places = runner.branches.here.path()
    lead = places[0].line.lead
    story = _paragraphs([line.removeprefix("#").strip() for line in lead])
    first = places[0].number
    walk = (
        f"This is its end, after {len(places)} commands. undo goes back; go {first}, then redo "
        f"again and again, walks through it."
    )
    return "\n\n".join(filter(None, [*story, difference, walk]))


def _paragraphs(lines: Iterable[str]) -> list[str]:
    """Join lines into paragraphs, which empty lines part."""
    return [" ".join(each) for is_text, each in groupby(lines, bool) if is_text]
