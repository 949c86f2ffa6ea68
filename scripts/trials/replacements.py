"""Disks lost and nodes replaced under load; `scripts/replacements.py` runs it."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from benmo.client import AsyncClient, ClientError
from benmo.paxos.types import NodeId, Tenure
from trials.loaded_cluster import NODES, BrokenPromise, LoadedCluster, run_trial, trial_options


class Replacements(LoadedCluster):
    """One run: its nodes, and their losses."""

    def __init__(self, directory: Path, tenure: Tenure, seed: int, payments_per_s: float) -> None:
        super().__init__(directory, tenure, seed, payments_per_s)
        self.vote_s: list[float] = []
        """From each `benmo replace` until the new member's first vote, in seconds."""
        self.counts = Counter[str]()

    def lose(self, of_leader: bool, while_another_is_down: bool, deadline: float) -> None:
        """Lose a node's disk, replace the node, and wait for its vote."""
        leader = self._leader(deadline)
        others = [node for node in self.processes if node != leader]
        victim = leader if of_leader else self.random.choice(others)
        second = self.random.choice([each for each in self.processes if each != victim])
        self.counts["leader" if of_leader else "other"] += 1
        if while_another_is_down:
            self.counts["while another is down"] += 1
            self.kill(second)
        self.kill(victim)
        shutil.rmtree(self.state.node(victim))
        began = time.monotonic()
        self.change(deadline, "replace", str(victim))
        self.start_node(victim)
        self.until_vote(victim, deadline)
        self.vote_s.append(time.monotonic() - began)
        if while_another_is_down:
            self.start_node(second)
        self.load.require_kept()

    def check(self, deadline: float) -> str:
        took = sorted(self.vote_s)
        return (
            f"{dict(self.counts)}. {super().check(deadline)}; first vote "
            f"{took[len(took) // 2]:.2f} s after benmo replace began (longest {took[-1]:.2f} s)"
        )

    def _leader(self, deadline: float) -> NodeId:
        """The leader that most nodes know."""
        while time.monotonic() < deadline:
            known = Counter[NodeId]()
            for node in self.processes:
                with suppress(ClientError):
                    status = asyncio.run(self._status(node))
                    if status is not None:
                        known[status] += 1
            if known and known.most_common(1)[0][1] > NODES // 2:
                return known.most_common(1)[0][0]
        raise BrokenPromise("no node leads")

    async def _status(self, node: NodeId) -> NodeId | None:
        directory = self.state.client("load").path
        async with AsyncClient(node, directory, connect_timeout_s=1.0) as client:
            return (await client.status(timeout_s=1.0)).leader


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--times", type=click.IntRange(min=1), default=50, show_default=True)
@trial_options
def main(times: int, **options: Any) -> None:
    """Lose disks under load, replace the nodes, and look for lost or doubled money."""

    def lose(trial: Replacements, number: int, deadline: float) -> None:
        trial.lose(number % 5 == 1, number % 5 == 3, deadline)

    run_trial(Replacements, lose, times, "lost disks", **options)
