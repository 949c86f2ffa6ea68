"""Nodes added and removed under load; `scripts/resizing.py` runs it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from benmo.client import Payment
from benmo.node.process import RETIRED
from benmo.paxos.types import NodeId, Tenure
from trials.loaded_cluster import (
    ADDED_MAX,
    NODES,
    BrokenPromise,
    LoadedCluster,
    run_trial,
    trial_options,
)

_LENT = 50


class Resizing(LoadedCluster):
    """One run: nodes are added, get money, pay it back, and are removed."""

    def __init__(self, directory: Path, tenure: Tenure, seed: int, payments_per_s: float) -> None:
        super().__init__(directory, tenure, seed, payments_per_s)
        self.vote_s: list[float] = []
        """From each `benmo add` until the new member's first vote, in seconds."""
        self.end_s: list[float] = []
        """From each `benmo remove` until the retired member's process has ended, in seconds."""

    def resize(self, number: int, deadline: float) -> None:
        """Add two nodes, one after the other, and remove them in an order that is drawn."""
        added = list(range(NODES + 1, NODES + ADDED_MAX + 1))
        for node in added:
            self._add(node, deadline)
            self._use(node, number, deadline)
        self.random.shuffle(added)
        for node in added:
            self._remove(node, deadline)
        self.load.require_kept()

    def check(self, deadline: float) -> str:
        voted, ended = sorted(self.vote_s), sorted(self.end_s)
        return (
            f"{super().check(deadline)}; first vote {voted[len(voted) // 2]:.2f} s after benmo add "
            f"began (longest {voted[-1]:.2f} s); the removed node's process ended "
            f"{ended[len(ended) // 2]:.2f} s after benmo remove began (longest {ended[-1]:.2f} s)"
        )

    def _add(self, node: NodeId, deadline: float) -> None:
        began = time.monotonic()
        self.change(deadline, "add")
        self.start_node(node)
        self.until_vote(node, deadline)
        self.vote_s.append(time.monotonic() - began)

    def _use(self, node: NodeId, number: int, deadline: float) -> None:
        """Lend the node money, and let it pay all of it back, as its removal asks for."""
        lent = [Payment(1, node, f"lent.{node}.{number}.{each}") for each in range(_LENT)]
        self.load.pay(1, lent, deadline - time.monotonic())
        back = [Payment(1, 1, f"back.{node}.{number}.{each}") for each in range(_LENT)]
        self.load.pay(node, back, deadline - time.monotonic())

    def _remove(self, node: NodeId, deadline: float) -> None:
        began = time.monotonic()
        self.change(deadline, "remove", str(node))
        process = self.processes.pop(node)
        if not process.until_ended(max(0.0, deadline - time.monotonic())):
            process.kill()
            raise BrokenPromise(f"node {node} is removed, and its process goes on")
        if process.status != RETIRED:
            raise BrokenPromise(f"node {node} ended {process.how_it_ended}")
        self.end_s.append(time.monotonic() - began)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--times", type=click.IntRange(min=1), default=10, show_default=True)
@trial_options
def main(times: int, **options: Any) -> None:
    """Go from five nodes to seven and back under load, and look for lost or doubled money."""
    run_trial(Resizing, Resizing.resize, times, "times to seven nodes and back", **options)
