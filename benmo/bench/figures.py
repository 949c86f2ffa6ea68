"""What was measured: several runs of each, as a median with the least and the greatest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import msgspec


class Spread(msgspec.Struct, frozen=True):
    """The median of several runs, and how far they were apart."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(_short(median(values)), _short(min(values)), _short(max(values)))


class ResourceUse(msgspec.Struct, frozen=True):
    """What one process used in a run: CPU in seconds, resident memory at its end in MiB."""

    cpu_s: float
    memory_mib: float
    fsyncs: int = 0


class LoadFigures(msgspec.Struct, frozen=True):
    """One load, in several runs.

    `batch` transfers in a request, `clients` requests under way; `cpu_us_per_transfer` of all
    processes together; `uses` of the run with the median rate: the client first, then each node.
    `of_bare_round` is the rate as a part of the bare round's with blocks of that batch.
    """

    load: str
    batch: int
    clients: int
    seconds: float
    transfers_per_s: Spread
    latency_p50_ms: Spread
    latency_p99_ms: Spread
    transfers_per_block: float
    cpu_us_per_transfer: float
    uses: tuple[ResourceUse, ...]
    bare_round_transfers_per_s: float
    of_bare_round: float


class BareRound(msgspec.Struct, frozen=True):
    """Rounds without Benmo: a block of so many transfers, to every node and its disk.

    With a `client`, from its request to its answer, and no more nodes are asked than must be.
    """

    batch: int
    block_bytes: int
    tls: bool
    client: bool
    rounds_per_s: Spread
    round_ms: float

    @property
    def transfers_per_s(self) -> float:
        return self.batch * self.rounds_per_s.median


class GapFigures(msgspec.Struct, frozen=True):
    """What the clients of the other nodes see.

    `gap_s` is the longest time between two decisions; `longest_request_s` how long the request took
    that took longest.
    """

    what: str
    clients: int
    gap_s: Spread
    longest_request_s: Spread


class ChainFigures(msgspec.Struct, frozen=True):
    """A chain of so many transfers, paid through the cluster while its last node was down.

    `last_of_first` is the rate of the last tenth as a part of that of the first. `bytes_on_disk`
    are a node's whole directory after a clean stop. `start_s` is from the start of a process until
    it answers. The last node then catches up from nothing; its rate counts from its start.
    Memory is resident, the greatest of all nodes: as the first node answers, and at the end.
    """

    transfers: int
    transfers_per_s: float
    last_of_first: float
    bytes_on_disk_per_transfer: float
    start_s: float
    memory_at_start_mib: float
    memory_at_end_mib: float
    catch_up_transfers_per_s: float


class DistanceFigures(msgspec.Struct, frozen=True):
    """Five nodes on five continents, simulated.

    `latencies_ms` are of one transfer at a time, paid at each region in turn, until that region
    knows that it is decided. `transfers_per_s` is with one full block after the other, paid at the
    leader's (in tenure `block`, at the first region).
    """

    tenure: str
    leader: str
    latencies_ms: tuple[float, ...]
    transfers_per_s: float


class HostMachine(msgspec.Struct, frozen=True):
    """Where it was measured."""

    cpus: int
    python: str
    kernel: str
    benmo: str


class BenchReport(msgspec.Struct):
    """All that was measured, in one run."""

    machine: HostMachine
    nodes: int
    memory_at_start_mib: float = 0.0
    bare_rounds: list[BareRound] = []
    loads: list[LoadFigures] = []
    gaps: list[GapFigures] = []
    chain: ChainFigures | None = None
    continents: list[DistanceFigures] = []


@dataclass(slots=True)
class LoadRun:
    """One run of a load."""

    seconds: float
    transfers: int
    blocks: int
    latencies_s: list[float]
    uses: tuple[ResourceUse, ...]

    @property
    def rate(self) -> float:
        return self.transfers / self.seconds

    def latency_ms(self, part: float) -> float:
        return percentile(self.latencies_s, part) * 1000


def percentile(values: Iterable[float], part: float) -> float:
    """The value that this part of all values is no greater than; there is one at least."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def figures_of(
    load: str, batch: int, clients: int, runs: list[LoadRun], bare: float
) -> LoadFigures:
    """`bare` is the bare round's rate, in transfers a second."""
    middle = sorted(runs, key=lambda run: run.rate)[len(runs) // 2]
    rate = Spread.of([run.rate for run in runs])
    cpu_s = sum(use.cpu_s for use in middle.uses)
    return LoadFigures(
        load,
        batch,
        clients,
        middle.seconds,
        rate,
        Spread.of([run.latency_ms(0.5) for run in runs]),
        Spread.of([run.latency_ms(0.99) for run in runs]),
        _short(middle.transfers / max(1, middle.blocks)),
        _short(cpu_s * 1e6 / max(1, middle.transfers)),
        middle.uses,
        _short(bare),
        _short(rate.median / bare),
    )


def _short(value: float) -> float:
    """Four digits are more than two runs have in common."""
    return float(f"{value:.4g}")
