"""Many runs, in several processes, their results in the order of their seeds."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

from benmo.paxos.types import Tenure
from benmo.sim.dice import Dice
from benmo.sim.draw import draw_plan
from benmo.sim.plan import Plan
from benmo.sim.planted import plant, plant_for_good
from benmo.sim.planted.patch import Patch
from benmo.sim.run import run
from benmo.sim.shrink import Cutting, cut
from benmo.sim.violation import Finding

_CHUNK = 4


@dataclass(frozen=True, slots=True)
class Study:
    """The options that all seeds of a study share. Without a tenure, each seed draws its own."""

    nodes: int
    tenure: Tenure | None
    faults_s: float
    planted: str | None = None
    to_the_fork: bool = False

    def plan(self, seed: int) -> Plan:
        tenure = self.tenure or Dice(seed, "tenure").pick(list(Tenure))
        return draw_plan(seed, self.nodes, tenure, self.faults_s)

    def cut(self, seed: int, cutting: Cutting) -> Plan:
        """Keep a part of a seed's plan, perhaps drawn for fewer nodes."""
        return cut(Study(cutting.nodes, self.tenure, self.faults_s).plan(seed), cutting)

    def options(self, nodes: int) -> str:
        """Write this study as options of `benmo simulate`."""
        words = [f"--nodes {nodes}"]
        if self.tenure is not None:
            words.append(f"--tenure {self.tenure}")
        if self.planted is not None:
            words.append(f"--plant {self.planted}")
        if self.to_the_fork:
            words.append("--to-the-fork")
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class SeedResult:
    """The part of a run's result that is kept and summed up."""

    seed: int
    violation: Finding | None
    simulated_s: float
    counts: Counter[str]


def planted(name: str | None, without_assertions: bool = False) -> AbstractContextManager[None]:
    """Plant this mistake in the product for a time; none if there is no name."""
    return nullcontext() if name is None else plant(name, without_assertions)


def run_seed(study: Study, seed: int) -> SeedResult:
    """Run one seed. The mistake, if any, must be planted already."""
    result = run(study.plan(seed), to_the_fork=study.to_the_fork)
    return SeedResult(seed, result.violation, result.simulated_s, result.counts)


def run_seeds(study: Study, seeds: Sequence[int], jobs: int) -> Iterator[SeedResult]:
    """Run all seeds, in their order; closing the iterator stops the rest."""
    if jobs == 1:
        with planted(study.planted, study.to_the_fork):
            for seed in seeds:
                yield run_seed(study, seed)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, _begin_work, (study,)) as pool:  # its end ends the workers
        yield from pool.imap(partial(run_seed, study), seeds, chunksize=_CHUNK)


def _begin_work(study: Study) -> None:
    """Prepare a worker: it has the mistake until it ends, with its parent at the latest."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if study.planted is not None:
        plant_for_good(study.planted, study.to_the_fork, Patch())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
