"""The results: of several runs of each load the median, the least and the greatest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import msgspec


class Spread(msgspec.Struct, frozen=True):
    """The median of several runs, with the least and the greatest."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(_short(median(values)), _short(min(values)), _short(max(values)))


class ResourceUse(msgspec.Struct, frozen=True):
    """The resources that a process used in a run: CPU, resident memory at the end, fsyncs."""

    cpu_s: float
    memory_mib: float
    fsyncs: int = 0


class LoadFigures(msgspec.Struct, frozen=True):
    """The figures of one load, from several runs.

    A request holds `batch` transfers, and `clients` requests are under way. `cpu_us_per_transfer`
    is that of all processes together. `uses` are those of the run with the median rate: the
    client's first, then each node's. `of_bare_round` is the rate divided by that of the bare round
    with blocks of `batch` transfers.
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
    """Rounds without Benmo: a block of `batch` transfers, to every node and its disk.

    With a `client`, a round lasts from its request to its answer, and no more nodes are asked than
    a quorum needs.
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
    """The gap that the clients of the other nodes see when the leader is killed or stopped.

    `gap_s` is the longest time between two decisions, `longest_request_s` the time of the slowest
    request.
    """

    what: str
    clients: int
    gap_s: Spread
    longest_request_s: Spread


class ChainFigures(msgspec.Struct, frozen=True):
    """A chain of `transfers` transfers, paid through the cluster while its last node was down.

    `last_of_first` is the rate of the last tenth divided by that of the first. Bytes on disk are
    those of a node's whole directory after a clean stop. `start_s` is the time from the start of a
    process to its first answer. The last node then catches up from nothing; its rate counts from
    its start. Memory is resident: `memory_at_start_mib` the first node's at its first answer,
    `memory_at_end_mib` the greatest of any node.
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

    `latencies_ms` are those of one transfer at a time, by the region where it is paid, until that
    region knows that it is decided. `transfers_per_s` is the rate of one full block after the
    other, paid at the leader's (in tenure `block`, at the first region).
    """

    tenure: str
    leader: str
    latencies_ms: tuple[float, ...]
    transfers_per_s: float


class HostMachine(msgspec.Struct, frozen=True):
    """The machine on which the figures were measured."""

    cpus: int
    python: str
    kernel: str
    benmo: str


class BenchReport(msgspec.Struct):
    """The results of one call of `benmo bench`; its JSON has these keys."""

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
    """One run of a load: its times, counts and resources."""

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
    """Return the value that this share of `values` doesn't exceed; `values` isn't empty."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def figures_of(
    load: str, batch: int, clients: int, runs: list[LoadRun], bare: float
) -> LoadFigures:
    """Sum up several runs; `bare` is the bare round's rate, in transfers a second."""
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
    """Round to four digits: two runs have fewer in common."""
    return float(f"{value:.4g}")
