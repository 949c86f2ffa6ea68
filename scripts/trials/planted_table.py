"""The table of planted mistakes in docs/simulator.md: how soon each is found, and by what.

`scripts/planted_table.py` runs it; `--write` puts the table between the document's two marks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context

import click

from benmo.sim.draw import FAULTS_S
from benmo.sim.explore.bounds import Bounds
from benmo.sim.explore.search import Search
from benmo.sim.explore.system import System
from benmo.sim.planted import PLANTED, plant, sentence
from benmo.sim.run import run
from benmo.sim.seeds import Study
from benmo.sim.shrink import shrink, size_of
from benmo.sim.violation import Finding
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
    broken: str = ""
    size: str = ""
    explored: str = ""

    def __str__(self) -> str:
        seeds = str(self.seeds) if self.seeds else "not found"
        what = f"`{self.name}`: {sentence(self.name).rstrip('.')}"
        return f"| {what} | {seeds} | {self.broken} | {self.size} | {self.explored} |"


def row_of(name: str, seeds_max: int, explored: str | None) -> PlantedRow:
    """Look for one mistake by chance, and by exploring unless it is known what that finds."""
    with plant(name):
        study = Study(5, None, FAULTS_S)
        explored = _explored() if explored is None else explored
        for seed in range(seeds_max):
            simulated = run(study.plan(seed))
            if simulated.violation is not None:
                _, smallest = shrink(simulated)
                size = f"{size_of(smallest.plan)}, {smallest.simulated_s:.1f} s"
                return PlantedRow(name, seed + 1, _broken(simulated.violation), size, explored)
    return PlantedRow(name, 0, explored=explored)


def _broken(finding: Finding) -> str:
    return f"{finding.rule} ({finding.checker})" if finding.rule else finding.checker


def _known() -> dict[str, str]:
    """By mistake, what the document says about exploring."""
    lines = DOCUMENT.read_text().split(BEGIN)[1].split(END)[0].splitlines()
    cells = [line.split("|") for line in lines if line.startswith("| `")]
    return {cell[1].split("`")[1]: cell[-2].strip() for cell in cells}


def _explored() -> str:
    """Say after how many states the exploration finds it, and in which system; or a dash."""
    for where, bounds in _BOUNDS:
        result = Search(System(bounds)).run(states_max=_STATES_MAX)
        if result.counterexample is not None:
            return f"{result.states:,}{where}"
    return "–"


def table(rows: Iterable[PlantedRow]) -> str:
    """Write the rows as Markdown."""
    head = "| mistake | seeds until found | broken | cut down to | states explored until found |"
    return "\n".join([head, "| --- | ---: | --- | --- | ---: |", *map(str, rows)])


@click.command()
@click.option("--seeds", default=1000, show_default=True, help="How many seeds to try at most.")
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True)
@click.option("--no-explore", is_flag=True, help="Keep what the document says about exploring.")
@click.option("--write", is_flag=True, help="Write the table into docs/simulator.md.")
def main(seeds: int, jobs: int, no_explore: bool, write: bool) -> None:
    """Plant each mistake, and say how long the simulator needs to find it."""
    rows: list[PlantedRow] = []
    with ProcessPoolExecutor(jobs, get_context("spawn")) as executor:
        known = _known() if no_explore else {}
        explored = [known.get(name) for name in PLANTED]
        for row in executor.map(row_of, PLANTED, repeat(seeds), explored):
            click.echo(str(row))
            rows.append(row)
    if write:
        DOCUMENT.write_text(written(DOCUMENT.read_text(), "planted", table(rows)))
    sys.exit(any(row.seeds == 0 for row in rows))
