"""The table of planted mistakes in docs/simulator.md: how soon each is found, and by what.

`scripts/planted_table.py` runs it; `--write` puts the table between the document's two marks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import click

from benmo.sim.draw import FAULTS_S
from benmo.sim.explore.parts import Bounds
from benmo.sim.explore.search import Search
from benmo.sim.explore.system import System
from benmo.sim.planted import PLANTED, plant, sentence
from benmo.sim.run import run
from benmo.sim.seeds import Study
from benmo.sim.shrink import shrink, size_of
from trials.performance import DOCS, MARKS, written

DOCUMENT = DOCS / "simulator.md"
BEGIN, END = (mark.format(name="planted") for mark in MARKS)

_STATES_MAX = 50_000
_BOUNDS = (
    ("", Bounds(forwarding=False)),
    (" (3 leaders, 1 slot, no crash)", Bounds(leaders=3, slots=1, crashes=0, forwarding=False)),
    (" (5 nodes, 1 leader, 1 slot, no crash)", Bounds(nodes=5, leaders=1, slots=1, crashes=0)),
    (" (1 slot, 2 crashes)", Bounds(slots=1, crashes=2, forwarding=False)),
)


@dataclass(frozen=True, slots=True)
class PlantedRow:
    """One mistake and how it was found. `seeds` is 0 if it wasn't."""

    name: str
    seeds: int
    checker: str = ""
    size: str = ""
    explored: str = ""

    def __str__(self) -> str:
        seeds = str(self.seeds) if self.seeds else "not found"
        what = f"`{self.name}`: {sentence(self.name).rstrip('.')}"
        return f"| {what} | {seeds} | {self.checker} | {self.size} | {self.explored} |"


def row_of(name: str, seeds_max: int) -> PlantedRow:
    """Look for one mistake, first by exploring, then by chance."""
    with plant(name):
        study = Study(5, None, FAULTS_S)
        explored = _explored()
        for seed in range(seeds_max):
            simulated = run(study.plan(seed))
            if simulated.violation is not None:
                _, smallest = shrink(simulated)
                size = size_of(smallest.plan)
                return PlantedRow(name, seed + 1, simulated.violation[0], str(size), explored)
    return PlantedRow(name, 0, explored=explored)


def _explored() -> str:
    """Say after how many states the exploration finds it, and in which system; or a dash."""
    for where, bounds in _BOUNDS:
        result = Search(System(bounds)).run(states_max=_STATES_MAX)
        if result.counterexample is not None:
            return f"{result.states:,}{where}"
    return "–"


def table(rows: Iterable[PlantedRow]) -> str:
    """Write the rows as Markdown."""
    head = "| mistake | seeds until found | by | cut down to | states explored until found |"
    return "\n".join([head, "| --- | ---: | --- | --- | ---: |", *map(str, rows)])


@click.command()
@click.option("--seeds", default=1000, show_default=True, help="How many seeds to try at most.")
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True)
@click.option("--write", is_flag=True, help="Write the table into docs/simulator.md.")
def main(seeds: int, jobs: int, write: bool) -> None:
    """Plant each mistake, and say how long the simulator needs to find it."""
    rows: list[PlantedRow] = []
    with ProcessPoolExecutor(jobs, get_context("spawn")) as executor:
        for row in executor.map(partial(row_of, seeds_max=seeds), PLANTED):
            click.echo(str(row))
            rows.append(row)
    if write:
        DOCUMENT.write_text(written(DOCUMENT.read_text(), "planted", table(rows)))
    sys.exit(any(row.seeds == 0 for row in rows))
