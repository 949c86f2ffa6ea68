"""`benmo lab`: runs with a planted mistake, for learners to find."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import click

from benmo.labs.rerun import rerun, tasks, trace_bytes
from benmo.labs.table import LABS
from benmo.options import Number, die
from benmo.tape.trace_file import TraceWriter
from benmo.watch.one_file import one_file


@click.command()
@click.argument("number", type=Number(1, len(LABS)), required=False)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The page to write.  [default: lab-NUMBER.html]",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write only the run, as `benmo record` does.",
)
def lab(number: int | None, output: Path | None, record: Path | None) -> None:
    """Make the page of a lab: a run of Benmo's own code with one mistake in it.

    Without NUMBER, the labs are listed. The page needs no network: predict what the nodes will do,
    find the record that broke a rule, name the rule, and see the lines that differ.
    """
    if number is None:
        for task, labs in groupby(LABS, key=lambda each: each.task):
            click.echo(task)
            for listed in labs:
                click.echo(f"{listed.number:4}  {listed.title}")
        return
    chosen = LABS[number - 1]
    made = rerun(chosen)
    path = record or output or Path(f"lab-{number}.html")
    try:
        if record is not None:
            with TraceWriter(record, made.header) as writer:
                for each in made.records:
                    writer.write(each)
        else:
            path.write_text(one_file(trace_bytes(made), tasks(chosen, made)), encoding="utf-8")
    except OSError as error:
        die(f"{path} can't be written: {error.strerror}")
    what = "holds the run" if record is not None else "is the lab: open it in a browser"
    click.echo(f"{path} {what}")
