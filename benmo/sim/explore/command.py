"""`benmo explore`: every order of deliveries, losses and crashes of a small system."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import click
from click.core import ParameterSource

from benmo.options import Number, die
from benmo.paxos.types import ChangeKind, Tenure
from benmo.sim.explore.bounds import Bounds
from benmo.sim.explore.path import PathStep, lines_of, steps_of
from benmo.sim.explore.recording import record as record_path
from benmo.sim.explore.search import Search, SearchResult, SearchWatcher
from benmo.sim.explore.system import System
from benmo.sim.planted import PLANTED
from benmo.sim.seeds import planted
from benmo.sim.violation import Finding

_VIOLATION = 1
_NOT_THE_WHOLE = 3
_REFRESH_PER_SECOND = 4


@click.command()
@click.option("--nodes", default=3, show_default=True, type=Number(3, 7))
@click.option(
    "--leaders",
    default=2,
    show_default=True,
    type=Number(1, 7),
    help="How many of the nodes campaign.",
)
@click.option("--slots", default=2, show_default=True, type=Number(1, 8))
@click.option(
    "--crashes",
    default=1,
    show_default=True,
    type=Number(0, 9),
    help="How often nodes crash and restart, all together.",
)
@click.option(
    "--campaigns",
    default=1,
    show_default=True,
    type=Number(1, 9),
    help="How often each of the leaders campaigns.",
)
@click.option(
    "--tenure",
    default=Tenure.STABLE.value,
    show_default=True,
    type=click.Choice([tenure.value for tenure in Tenure]),
)
@click.option(
    "--forwarding/--no-forwarding",
    default=False,
    show_default=True,
    help="Whether nodes forward their queues to a stable leader.",
)
@click.option(
    "--changes",
    default=0,
    show_default=True,
    type=Number(0, 2),
    help="How many changes of the members may be asked for.",
)
@click.option(
    "--change",
    default=ChangeKind.REPLACE.value,
    show_default=True,
    type=click.Choice(["replace", "add", "remove"]),
    help="What the changes do to a node.",
)
@click.option(
    "--changed",
    type=Number(1, 7),
    show_default="the last leader",
    help="The node that is replaced.",
)
@click.option("--states-max", type=Number(1), help="Stop after this many states.")
@click.option(
    "--plant",
    type=click.Choice(list(PLANTED)),
    metavar="BUG",
    help="Plant a known mistake, and see whether it is found.",
)
@click.option(
    "--to-the-fork",
    is_flag=True,
    help="With --plant: without the assertions of the protocol.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    metavar="FILE",
    help="Write the way to a violation as `benmo record` writes what real nodes do.",
)
def explore(
    nodes: int,
    leaders: int,
    slots: int,
    crashes: int,
    campaigns: int,
    tenure: str,
    forwarding: bool,
    changes: int,
    change: str,
    changed: int | None,
    states_max: int | None,
    plant: str | None,
    to_the_fork: bool,
    record: Path | None,
) -> None:
    """Try every order of deliveries, losses and crashes of a small system.

    The production code runs on disks in memory; messages are lost, doubled, delayed and reordered
    at will. Changes of the members are asked for at any time, at any node that may lead; a new
    member has an empty disk, and the old one goes on.

    If anything is wrong, a shortest way to it is shown, and the exit status is 1. It is 3 if the
    search stopped before its end.
    """
    if nodes % 2 == 0:
        raise click.BadParameter("an odd number, please", param_hint="--nodes")
    if changed is not None and changed > nodes:
        raise click.BadParameter("one of the nodes, please", param_hint="--changed")
    if leaders > nodes - (changes if change == ChangeKind.REMOVE else 0):
        raise click.BadParameter(
            "no more than there are nodes that stay, please", param_hint="--leaders"
        )
    bounds = Bounds(
        nodes,
        leaders,
        slots,
        crashes,
        campaigns,
        Tenure(tenure),
        forwarding,
        changes,
        ChangeKind(change),
        changed or leaders,
    )
    with planted(plant, to_the_fork):
        sys.exit(_run(bounds, states_max, plant is not None, record))


def _run(bounds: Bounds, states_max: int | None, is_planted: bool, path: Path | None) -> int:
    """Search, show the result, and return the exit status."""
    started_at = perf_counter()
    system = System(bounds)
    search = Search(system)
    with _progress(states_max) as watcher:
        result = search.run(states_max, watcher)
    found = result.counterexample
    if found is not None:
        steps = steps_of(system, search, found)
        click.echo("\n".join(lines_of(steps, found.violation)))
        if path is not None:
            _record(path, bounds, steps, found.violation)
    click.echo(_summary(bounds, result, perf_counter() - started_at))
    if is_planted and found is None:
        click.echo(_PARTLY_SEEN)
    if path is not None and found is None:
        click.echo(f"{path} isn't written: there is no violation to show")
    if found is not None:
        return _VIOLATION
    return 0 if result.is_whole else _NOT_THE_WHOLE


def _record(path: Path, bounds: Bounds, steps: list[PathStep], violation: Finding) -> None:
    try:
        record_path(path, bounds, steps, violation, _command())
    except OSError as error:
        die(f"{path} can't be written: {error.strerror}")


def _command() -> str:
    """Write the command that this is, without the file for the record."""
    context = click.get_current_context()
    words = ["benmo explore"]
    for each in context.command.params:
        name = each.name or ""
        is_given = context.get_parameter_source(name) is not ParameterSource.DEFAULT
        if name != "record" and is_given:
            value = context.params[name]
            option = each.secondary_opts[0] if value is False else each.opts[0]
            words.append(option if isinstance(value, bool) else f"{option} {value}")
    return " ".join(words)


def _summary(bounds: Bounds, result: SearchResult, seconds: float) -> str:
    counted = [
        (bounds.nodes, "node", "nodes"),
        (bounds.leaders, "leader", "leaders"),
        (bounds.crashes, "crash", "crashes"),
        (bounds.slots, "slot", "slots"),
        *([(bounds.changes, "change", "changes")] if bounds.changes else []),
        (result.states, "state", "states"),
        (result.transitions, "transition", "transitions"),
    ]
    parts = [f"{count:,} {one if count == 1 else many}" for count, one, many in counted]
    return f"{', '.join(parts)}, {seconds:.1f} seconds: {_verdict(result)}"


def _verdict(result: SearchResult) -> str:
    if result.counterexample is not None:
        return f"a violation after {result.depth} events"
    if result.is_whole:
        return "no violation"
    return "no violation so far, but this is not the whole"


_PARTLY_SEEN = (
    "Money, answers, failing and damaged disks, and whether anything gets done are not explored: "
    "a mistake in those is for benmo simulate."
)


@contextmanager
def _progress(states_max: int | None) -> Iterator[SearchWatcher | None]:
    """Show on a terminal how far the search is."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - takes a while to load
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, refresh_per_second=_REFRESH_PER_SECOND
    ) as progress:
        task = progress.add_task("", total=states_max)

        def watch(states: int, waiting: int, depth: int) -> None:
            text = f"{states:,} states, {waiting:,} waiting, depth {depth}"
            total = states if states_max is None else states_max
            completed = states - waiting if states_max is None else states
            progress.update(task, description=text, completed=completed, total=total)

        yield watch
