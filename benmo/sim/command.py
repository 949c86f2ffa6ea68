"""`benmo simulate`."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from typing import TextIO

import click
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benmo.paxos.types import Tenure
from benmo.sim.draw import FAULTS_S, NODES_MAX
from benmo.sim.planted import PLANTED, sentence
from benmo.sim.run import RunResult, run
from benmo.sim.seeds import SeedResult, Study, planted, run_seeds
from benmo.sim.shrink import WEATHER, Cutting, numbers, numbers_of, shrink, size_of
from benmo.sim.trace import Trace

_HOUR_S = 3600.0


class _Numbers(click.ParamType[tuple[int, ...]]):
    name = "numbers"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        try:
            return numbers_of(value)
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers, like 3,7-9", param, ctx)


@click.command()
@click.option("--seed", type=click.IntRange(min=0), help="Run this seed; with --seeds, the first.")
@click.option("--seeds", type=click.IntRange(min=1), help="Run this many seeds, from 0 on.")
@click.option("--nodes", type=click.IntRange(3, NODES_MAX), default=5, show_default=True)
@click.option(
    "--tenure",
    type=click.Choice([tenure.value for tenure in Tenure]),
    help="By default each seed draws its own.",
)
@click.option(
    "--hours",
    type=click.FloatRange(min=0, min_open=True),
    default=FAULTS_S / _HOUR_S,
    help="Simulated hours of faults in each run; half a minute by default.",
)
@click.option(
    "--plant",
    "bug",
    type=click.Choice(list(PLANTED)),
    metavar="BUG",
    help="Plant a mistake in the product first; --list-planted names them.",
)
@click.option("--list-planted", is_flag=True, help="Name the mistakes that can be planted.")
@click.option("--trace", type=click.File("w"), metavar="FILE", help="Write one seed's steps.")
@click.option("--jobs", type=click.IntRange(min=1), default=os.cpu_count() or 1, show_default=True)
@click.option(
    "--only", type=_Numbers(), help="Keep only these of the plan's happenings: 3,7-9 or none."
)
@click.option(
    "--calm",
    type=click.Choice(WEATHER),
    multiple=True,
    help="Turn this kind of the network's bad weather off; may be given several times.",
)
def simulate(
    seed: int | None,
    seeds: int | None,
    nodes: int,
    tenure: str | None,
    hours: float,
    bug: str | None,
    list_planted: bool,
    trace: TextIO | None,
    jobs: int,
    only: tuple[int, ...] | None,
    calm: tuple[str, ...],
) -> None:
    """Run the product on a simulated clock, network and disk, and break all that may break.

    Each seed is a run of five nodes with faults drawn from it; everything that Benmo promises is
    checked at every step. If something is wrong, the run is cut down, its last steps are shown with
    the command that repeats them, and the exit status is 1.
    """
    if list_planted:
        for name in PLANTED:
            click.echo(f"{name:32} {sentence(name)}")
        return
    if nodes % 2 == 0:
        raise click.BadParameter("it must be odd", param_hint="--nodes")
    study = Study(nodes, Tenure(tenure) if tenure else None, hours * _HOUR_S, bug)
    if seeds is None and seed is not None:
        sys.exit(_run_one(study, seed, trace, only, frozenset(calm)))
    if trace is not None or only is not None or calm:
        raise click.UsageError("--trace, --only and --calm are about one seed: give --seed alone")
    first = seed or 0
    sys.exit(_run_many(study, range(first, first + (seeds or 100)), jobs))


# One seed.


def _run_one(
    study: Study,
    seed: int,
    file: TextIO | None,
    only: tuple[int, ...] | None,
    calmed: frozenset[str],
) -> int:
    trace = Trace(whole=True, file=file)
    with planted(study.planted):
        plan = study.plan(seed)
        if only is not None or calmed:
            everything = tuple(range(len(plan.happenings)))
            only = everything if only is None else only
            if not set(only) <= set(everything):
                what = f"there are {len(everything)} happenings, from 0 on"
                raise click.BadParameter(what, param_hint="--only")
            plan = study.cut(seed, Cutting(study.nodes, only, calmed))
        result = run(plan, trace)
        if result.violation is not None and file is None and only is None:
            _show_failure(study, result)
            return 1
    if result.violation is not None:
        click.echo("\n".join(result.last_steps))
        click.echo(f"{result.violation[0]}: {result.violation[1]}")
        return 1
    _say(f"seed {seed}: no violation in {result.simulated_s:.0f} simulated seconds")
    _say(f"trace {trace.hash}")
    return 0


# Many seeds.


@dataclass(slots=True)
class _Totals:
    """The sums over the seeds run so far."""

    seeds: int = 0
    simulated_s: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, result: SeedResult) -> None:
        self.seeds += 1
        self.simulated_s += result.simulated_s
        self.counts.update(result.counts)


def _run_many(study: Study, seeds: range, jobs: int) -> int:
    began = time.monotonic()
    total = _Totals()
    found = None
    with closing(_with_progress(run_seeds(study, seeds, jobs), len(seeds))) as results:
        for result in results:
            total.add(result)
            if result.violation is not None:
                found = result
                break
    seconds = time.monotonic() - began
    if found is None:
        _show_sum(study, total, seconds)
        return 0
    _say(f"seed {found.seed}, run number {total.seeds}, found in {seconds:.0f} s")
    with planted(study.planted):
        _show_failure(study, run(study.plan(found.seed)))
    return 1


def _with_progress(results: Iterable[SeedResult], count: int) -> Generator[SeedResult, None, None]:
    """Pass the results on, with a progress bar if on a terminal."""
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), TimeElapsedColumn(), TextColumn("{task.fields[h]}"))
    progress = Progress(*columns, console=console, transient=True)
    with progress if console.is_terminal else nullcontext():
        task = progress.add_task("seeds", total=count, h="")
        hours = 0.0
        for result in results:
            hours += result.simulated_s / _HOUR_S
            progress.update(task, advance=1, h=f"{hours:.1f} simulated hours")
            yield result


def _show_sum(study: Study, total: _Totals, seconds: float) -> None:
    tenure = f"tenure {study.tenure}" if study.tenure else "both tenures"
    bug = f", with {study.planted} planted" if study.planted else ""
    _say(
        f"{total.seeds} seeds, {study.nodes} nodes, {tenure}{bug}: 0 violations in "
        f"{total.simulated_s / _HOUR_S:.1f} simulated hours ({seconds:.0f} s, "
        f"{total.simulated_s / seconds:.0f} simulated seconds a second)"
    )
    table = Table("what happened", "how often", box=None)
    table.columns[1].justify = "right"
    for name, count in sorted(total.counts.items()):
        table.add_row(name, f"{count:,}")
    Console().print(table)


def _show_failure(study: Study, result: RunResult) -> None:
    """Cut a failing run down; show what is wrong and how to see it again."""
    assert result.violation is not None
    checker, text = result.violation
    seed = result.plan.seed
    _say(f"seed {seed}: {checker}: {text}")
    _say(f"  {_command(study, seed, study.nodes, '')}")
    cutting, smallest = shrink(result)
    _say(f"cut down to {size_of(smallest.plan)}, and what each run ends with:")
    for number, happening in zip(cutting.only, smallest.plan.happenings, strict=True):
        _say(f"  {number:4} at {happening.at:.3f} s: {happening}")
    _say("the last steps (> sent, < received, = state, ! fault):")
    for line in smallest.last_steps:
        _say(line)
    calm = "".join(f" --calm {name}" for name in sorted(cutting.calmed))
    _say("again, with every step in the file trace.txt:")
    only = f" --only {numbers(cutting.only)}{calm} --trace trace.txt"
    _say(f"  {_command(study, seed, cutting.nodes, only)}")


def _command(study: Study, seed: int, nodes: int, more: str) -> str:
    hours = "" if study.faults_s == FAULTS_S else f" --hours {study.faults_s / _HOUR_S:g}"
    return f"benmo simulate --seed {seed} {study.options(nodes)}{hours}{more}"


def _say(text: str) -> None:
    click.echo(text)
