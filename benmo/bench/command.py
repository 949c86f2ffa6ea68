"""`benmo bench`."""

from __future__ import annotations

import asyncio
import gc
import os
import platform
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import uvloop

from benmo import __version__
from benmo.bench.bare_round import bare_round
from benmo.bench.cluster import BenchCluster, make_state
from benmo.bench.continents import continents
from benmo.bench.figures import BenchReport, HostMachine, figures_of
from benmo.bench.gaps import gap
from benmo.bench.load import PayOnce, batch, run_load, single
from benmo.bench.long_chain import long_chain
from benmo.bench.table import show
from benmo.client import ClientError
from benmo.errors import Failure
from benmo.ledger.transfers import BLOCK_TRANSFERS_MAX
from benmo.options import Number
from benmo.paxos.types import NodeId
from benmo.typed_json import to_json

BATCHES = (8000, 1000, 100)
SINGLE_CLIENTS = 256
BARE_BATCH_OF_SINGLES = 100
"""The size of the bare round's blocks beside single transfers: many clients share a block."""

_WARM_UP = 0.25
"""The exit status after Ctrl-C, the same as that of other programs."""

_BARE_S = 1.0
_CHAIN_BATCH = 8000

LOADS = ("batches", "singles", "alone", "gaps", "chain", "continents")


@dataclass(frozen=True, slots=True)
class BenchWishes:
    """The values of the command's options."""

    measures: tuple[str, ...]
    batches: tuple[int, ...]
    clients: int | None
    nodes: int
    seconds: float
    runs: int
    transfers: int


class _Bench:
    """One call of the command: measures what the options ask for, and fills `report`."""

    def __init__(self, wishes: BenchWishes, directory: Path, say: Callable[[str], None]) -> None:
        self._wishes = wishes
        self._directory = directory
        self._say = say
        self._bare: dict[int, float] = {}
        """By batch: the bare round's transfers a second, without TLS."""
        machine = HostMachine(
            os.cpu_count() or 0, platform.python_version(), platform.release(), __version__
        )
        self.report = BenchReport(machine, wishes.nodes)

    def measure(self) -> None:
        """Fill the report.

        Simulations and bare rounds come before the event loop, under which Ctrl-C would have to
        wait for them.
        """
        gc.collect()  # else full collections come the sooner, the less was loaded
        gc.freeze()  # the client's collector need not look at the loaded modules again and again
        wished = self._wishes.measures
        if "continents" in wished:
            self.report.continents = continents()
        if set(wished) - {"continents"}:
            self._bare_rounds()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._measure_clusters())

    async def _measure_clusters(self) -> None:
        wished = self._wishes.measures
        if {"batches", "singles", "alone", "gaps"} & set(wished):
            cluster = self._cluster("loads")
            await self._in(cluster, self._measure_cluster)
        if "chain" in wished:
            self._say(f"a chain of {self._wishes.transfers:,} transfers")
            await self._in(self._cluster("chain"), self._measure_chain)

    def _cluster(self, name: str) -> BenchCluster:
        return BenchCluster(make_state(self._directory / name, self._wishes.nodes))

    async def _in(
        self, cluster: BenchCluster, measure: Callable[[BenchCluster], Awaitable[None]]
    ) -> None:
        try:
            await measure(cluster)
        finally:
            await cluster.stop()

    def _bare_rounds(self) -> None:
        """Measure the limit, with blocks as large as those of the loads."""
        wished = set(self._wishes.measures)
        sizes = set(self._wishes.batches) if "batches" in wished else set()
        sizes |= {BARE_BATCH_OF_SINGLES} if "singles" in wished else set()
        sizes |= {1} if "alone" in wished else set()
        state = make_state(self._directory / "bare", self._wishes.nodes)
        for size in sorted(sizes):
            self._say(f"the bare round, blocks of {size:,}")
            kinds = [(False, False), (True, False), *([(True, True)] if size == 1 else [])]
            for tls, client in kinds:
                bare = bare_round(
                    state, self._directory, size, _BARE_S, self._wishes.runs, tls, client
                )
                self.report.bare_rounds.append(bare)
                if not tls:
                    self._bare[size] = bare.transfers_per_s

    async def _measure_cluster(self, cluster: BenchCluster) -> None:
        await cluster.start()
        uses = [await cluster.usage(node) for node in cluster.nodes]
        self.report.memory_at_start_mib = round(max(use.memory_mib for use in uses), 1)
        await cluster.lead(1)
        wishes = self._wishes
        if "batches" in wishes.measures:
            for size in wishes.batches:
                clients = wishes.clients or (8 if size >= 1000 else 32)
                await self._load(cluster, "batches", size, clients, [1])
        if "singles" in wishes.measures:
            clients = wishes.clients or SINGLE_CLIENTS
            await self._load(cluster, "singles", 1, clients, cluster.nodes)
        if "alone" in wishes.measures:
            await self._load(cluster, "alone", 1, 1, [1])
        if "gaps" in wishes.measures:
            for what in ("SIGKILL", "SIGSTOP"):
                self._say(f"{what} of the leader")
                self.report.gaps.append(await gap(cluster, what, wishes.runs))

    async def _load(
        self,
        cluster: BenchCluster,
        load: str,
        size: int,
        clients: int,
        nodes: Sequence[NodeId],
    ) -> None:
        self._say(f"{load} of {size:,}, {clients} clients" if size > 1 else load)
        pay: PayOnce = batch(cluster.nodes, 1, size) if load == "batches" else single(cluster.nodes)
        seconds = self._wishes.seconds
        runs = [
            await run_load(cluster, nodes, clients, pay, _WARM_UP * seconds, seconds)
            for _ in range(self._wishes.runs)
        ]
        bare = self._bare[BARE_BATCH_OF_SINGLES if load == "singles" else size]
        self.report.loads.append(figures_of(load, size, clients, runs, bare))

    async def _measure_chain(self, cluster: BenchCluster) -> None:
        self.report.chain = await long_chain(cluster, self._wishes.transfers, _CHAIN_BATCH)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--measure",
    "measures",
    type=click.Choice(LOADS),
    multiple=True,
    default=("batches", "singles", "alone"),
    show_default=True,
    help="What to measure; may be given several times.",
)
@click.option(
    "--batch",
    "batches",
    type=Number(1, BLOCK_TRANSFERS_MAX),
    multiple=True,
    default=BATCHES,
    show_default=True,
    help="Transfers in a request; may be given several times.",
)
@click.option(
    "--clients",
    type=Number(1, 10_000),
    help="Requests under way at a time. [default: 8, with small batches 32, single ones 256]",
)
@click.option("--nodes", type=Number(3, 99), default=5, show_default=True)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1),
    default=3.0,
    show_default=True,
    help="How long each run takes, after a warm-up.",
)
@click.option(
    "--runs",
    type=Number(1),
    default=3,
    show_default=True,
    help="How many runs of each load; the median counts.",
)
@click.option(
    "--transfers",
    type=Number(100_000),
    default=10_000_000,
    show_default=True,
    help="How long the chain is that `--measure chain` makes.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object rather than tables.")
def bench(
    measures: tuple[str, ...],
    batches: tuple[int, ...],
    clients: int | None,
    nodes: int,
    seconds: float,
    runs: int,
    transfers: int,
    as_json: bool,
) -> None:
    """Measure a temporary cluster on this machine.

    Its nodes are real processes, in tenure stable, without election delay, with TLS and everything
    durable; each request waits until it is decided. Beside each rate stands its share of the bare
    round's: a block to every node and its disk, and nothing else.
    """
    if nodes % 2 == 0:
        raise click.UsageError(f"a cluster has an odd number of nodes, not {nodes}")
    wishes = BenchWishes(measures, batches, clients, nodes, seconds, runs, transfers)
    try:
        with tempfile.TemporaryDirectory(prefix="benmo-bench-") as directory:
            running = _Bench(wishes, Path(directory), _say)
            running.measure()
    except ClientError as error:
        raise Failure(str(error)) from error
    if as_json:
        click.echo(to_json(running.report))
    else:
        show(running.report)


def _say(what: str) -> None:
    """Show on a terminal what is measured now."""
    if sys.stderr.isatty():
        click.echo(f"measuring: {what}", err=True)
