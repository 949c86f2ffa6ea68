"""`benmo simulate`."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benmo.commands.fitting import fitted, terminal_columns
from benmo.options import Number
from benmo.paxos.types import Tenure
from benmo.sim.draw import FAULTS_S, NODES_MAX
from benmo.sim.plan import CALM
from benmo.sim.planted import PLANTED, sentence
from benmo.sim.planted.forking import CANNOT_FORK
from benmo.sim.recording import recorded
from benmo.sim.run import RunResult, run
from benmo.sim.seeds import SeedResult, Study, planted, run_seeds
from benmo.sim.shrink import WEATHER, Cutting, numbers, numbers_of, shrink, size_of
from benmo.sim.trace import Trace

_HOUR_S = 3600.0
_SEEDS = 100
_FORK_SEEDS = 300
"""How many seeds are run by default, and how many to look for the earliest fork."""


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
@click.option("--seed", type=Number(min=0), help="Run this seed; with --seeds, the first.")
@click.option("--seeds", type=Number(min=1), help="Run this many seeds; 100, to the fork 300.")
@click.option("--nodes", type=Number(3, NODES_MAX), help="5 by default; to the fork, 3 and then 5.")
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
@click.option(
    "--to-the-fork",
    is_flag=True,
    help="With --plant: go on past broken rules, until two nodes decide different blocks.",
)
@click.option("--list-planted", is_flag=True, help="Name the mistakes that can be planted.")
@click.option("--trace", type=click.File("w"), metavar="FILE", help="Write one seed's steps.")
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write one seed's run as `benmo record` writes that of real nodes.",
)
@click.option("--jobs", type=Number(min=1), default=os.cpu_count() or 1, show_default=True)
@click.option(
    "--only", type=_Numbers(), help="Keep only these of the plan's happenings: 3,7-9 or none."
)
@click.option(
    "--calm",
    type=click.Choice(WEATHER),
    multiple=True,
    help="Turn this kind of the network's bad weather off; may be given several times.",
)
@click.option("--single", is_flag=True, help="Of several payments at once, keep only the first.")
@click.option(
    "--earlier", type=click.FloatRange(min=0), default=0.0, help="Let all happen this much earlier."
)
@click.option(
    "--faults-end", type=click.FloatRange(min=0), help="End all faults after this many seconds."
)
def simulate(
    seed: int | None,
    seeds: int | None,
    nodes: int | None,
    tenure: str | None,
    hours: float,
    bug: str | None,
    to_the_fork: bool,
    list_planted: bool,
    trace: TextIO | None,
    record: Path | None,
    jobs: int,
    only: tuple[int, ...] | None,
    calm: tuple[str, ...],
    single: bool,
    earlier: float,
    faults_end: float | None,
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
    if nodes is not None and nodes % 2 == 0:
        raise click.BadParameter("it must be odd", param_hint="--nodes")
    if to_the_fork and bug is None:
        raise click.UsageError("--to-the-fork needs a mistake: give --plant")
    drawn = Tenure(tenure) if tenure else None
    study = Study(nodes or 5, drawn, hours * _HOUR_S, bug, to_the_fork)
    cutting = Cutting(study.nodes, only or (), frozenset(calm), single, earlier, faults_end)
    is_cut = only is not None or cutting != Cutting(study.nodes, ())
    if seeds is None and seed is not None:
        with recorded(record, study.plan(seed), study.options(study.nodes)) as recording:
            chosen_trace = Trace(whole=True, file=trace, recording=recording)
            status = _run_one(study, seed, chosen_trace, cutting, only is None, is_cut)
        sys.exit(status)
    if trace is not None or record is not None or is_cut:
        raise click.UsageError(
            "--trace, --record and what cuts a run down are about one seed: give --seed alone"
        )
    first = seed or 0
    chosen = range(first, first + (seeds or (_FORK_SEEDS if to_the_fork else _SEEDS)))
    if to_the_fork:
        sizes = (3, 5) if nodes is None else (nodes,)
        sys.exit(_run_to_the_fork(study, sizes, chosen, jobs))
    sys.exit(_run_many(study, chosen, jobs))


# One seed.


def _run_one(
    study: Study,
    seed: int,
    trace: Trace,
    cutting: Cutting,
    keeps_all: bool,
    is_cut: bool,
) -> int:
    """Run a seed's plan, or the part of it that a cutting names; return the exit status."""
    with planted(study.planted, study.to_the_fork):
        plan = study.plan(seed)
        if is_cut:
            everything = tuple(range(len(plan.happenings)))
            cutting = replace(cutting, only=everything) if keeps_all else cutting
            if not set(cutting.only) <= set(everything):
                what = f"there are {len(everything)} happenings, from 0 on"
                raise click.BadParameter(what, param_hint="--only")
            plan = study.cut(seed, cutting)
        result = run(plan, trace, study.to_the_fork)
        is_written = trace.file is not None or trace.recording is not None
        if result.violation is not None and not is_written and not is_cut:
            _show_failure(study, result)
            return 1
    if result.violation is not None:
        for line in result.last_steps:
            _say(line)
        _say_found_before(result)
        _say(str(result.violation))
        return 1
    what = "fork" if study.to_the_fork else "violation"
    _say(f"seed {seed}: no {what} in {result.simulated_s:.0f} simulated seconds")
    _say_found_before(result)
    _say(f"trace {trace.hash}")
    return 0


def _say_found_before(result: RunResult) -> None:
    if result.found_before is not None:
        _say(f"the first broken rule: {result.found_before}")


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
    _show_seed(study, found.seed)
    return 1


def _show_seed(study: Study, seed: int) -> None:
    with planted(study.planted, study.to_the_fork):
        _show_failure(study, run(study.plan(seed), to_the_fork=study.to_the_fork))


def _run_to_the_fork(study: Study, sizes: tuple[int, ...], seeds: range, jobs: int) -> int:
    """Show the earliest fork in clusters of the first size that has one; return the status."""
    assert study.planted is not None
    if study.planted in CANNOT_FORK:
        status = _run_many(replace(study, to_the_fork=False), seeds, jobs)
        _say(f"{study.planted} can't fork the chain: {CANNOT_FORK[study.planted]}")
        return status
    for nodes in sizes:
        sized = replace(study, nodes=nodes)
        results = list(_with_progress(run_seeds(sized, seeds, jobs), len(seeds)))
        forks = [result for result in results if result.violation is not None]
        _say(f"{nodes} nodes, {len(seeds)} seeds: {len(forks)} of them fork")
        if forks:
            _show_seed(sized, min(forks, key=lambda result: result.simulated_s).seed)
            return 1
    _say("More seeds may fork (--seeds). Without --to-the-fork, the broken rule is shown.")
    return 0


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
    seed = result.plan.seed
    _say_found_before(result)
    _say(f"seed {seed}: {result.violation}")
    _say(f"  {_command(study, seed, study.nodes, '')}")
    cutting, smallest = shrink(result, study.to_the_fork)
    _say(f"cut down to {size_of(smallest.plan)}, {smallest.simulated_s:.1f} s; in this run:")
    if smallest.plan.weather != CALM:
        _say(f"  always: of the messages, {smallest.plan.weather}")
    for number, happening in zip(cutting.only, smallest.plan.happenings, strict=True):
        _say(f"  {number:4} at {happening.at:.3f} s: {happening}")
    _say("the last steps (> sent, < received, = state, ! fault):")
    for line in smallest.last_steps:
        _say(line)
    _say_found_before(smallest)
    _say("again, with every step in the file trace.txt:")
    more = f"{_cutting_options(cutting)} --trace trace.txt"
    _say(f"  {_command(study, seed, cutting.nodes, more)}")


def _cutting_options(cutting: Cutting) -> str:
    words = [f" --only {numbers(cutting.only)}"]
    words += [f" --calm {name}" for name in sorted(cutting.calmed)]
    if cutting.is_single:
        words.append(" --single")
    if cutting.earlier_s:
        words.append(f" --earlier {cutting.earlier_s}")
    if cutting.faults_s is not None:
        words.append(f" --faults-end {cutting.faults_s}")
    return "".join(words)


def _command(study: Study, seed: int, nodes: int, more: str) -> str:
    hours = "" if study.faults_s == FAULTS_S else f" --hours {study.faults_s / _HOUR_S:g}"
    return f"benmo simulate --seed {seed} {study.options(nodes)}{hours}{more}"


def _say(text: str) -> None:
    """Print a line, broken between words for a narrow terminal; but commands stay whole."""
    is_command = text.startswith("  benmo ")
    click.echo(text if is_command else fitted(text, terminal_columns(), "    "))
