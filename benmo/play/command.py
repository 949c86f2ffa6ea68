"""`benmo play`: a sandbox in which the user is the network."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benmo.commands.answers import Status
from benmo.commands.fitting import print_error
from benmo.errors import CannotStart, Refused
from benmo.options import Number, die, format_option, keep_going_option
from benmo.play.recording import record as write_record
from benmo.play.runner import PlayRunner
from benmo.play.stage import PlayStage
from benmo.repl.batch import run_lines, standard_input

if TYPE_CHECKING:
    from benmo.play.page import PlayPage


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
@click.option(
    "--page",
    "wants_page",
    is_flag=True,
    help="Serve a page, at 127.0.0.1, to play in a browser, too; so does page at the prompt.",
)
@click.option(
    "--page-port",
    type=Number(0, 65535),
    default=0,
    help="The port of the page.  [default: any that is free]",
)
@keep_going_option
@format_option
def play(
    scenario: Path | None,
    commands: tuple[str, ...],
    record: Path | None,
    wants_page: bool,
    page_port: int,
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
    stage = PlayStage()
    runner = PlayRunner(is_whole=has_prompt, stage=stage)
    with _page_offered(stage, page_port, echo=print if has_prompt else print_error):
        try:
            difference = "" if scenario is None else runner.open(scenario)
            served = stage.serve_page().text if wants_page and stage.serve_page is not None else ""
            if has_prompt:
                from benmo.play.prompt import run_prompt  # noqa: PLC0415 - only a terminal needs it

                opened = _opened(runner, scenario, difference)
                status = run_prompt(runner, output_format, opened, served)
            else:
                for each in filter(None, (difference and f"benmo: {difference}", served)):
                    print_error(each)
                status = run_lines(runner, commands or standard_input(), output_format, keep_going)
            if record is not None:
                count = stage.do(partial(write_record, runner.branches, record))
                print_error(f"{count:,} records in {record}")
        except (Refused, CannotStart) as error:
            die(str(error))
        except KeyboardInterrupt:
            status = Status.UNKNOWN
    sys.exit(status)


@contextmanager
def _page_offered(stage: PlayStage, port: int, echo: Callable[[str], None]) -> Iterator[None]:
    """Let the page be served as soon as somebody wants it; it ends with this context."""
    with ExitStack() as held:

        @cache
        def page() -> PlayPage:
            from benmo.play.page import PlayPage  # noqa: PLC0415 - few want one, and it takes 0.1 s

            made = PlayPage(stage, port, echo)
            held.callback(made.close)
            return made

        stage.serve_page = lambda: page().serve()
        yield


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
