"""Measures everything in docs/performance.md; `scripts/performance.py` runs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from benmo.bench.continents import REGIONS
from benmo.bench.figures import BenchReport, LoadFigures
from benmo.typed_json import from_json

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT = DOCS / "performance.md"
MARKS = "<!-- {name}: begin -->", "<!-- {name}: end -->"

_ALL = ("batches", "singles", "alone", "gaps")
_BATCHES = (1, 3, 10, 30, 100, 300, 1000, 3000, 8000, 20_000)
_BATCH_CLIENTS = 8
_SINGLE_CLIENTS = (1, 4, 16, 64, 256, 1024)
_TLS_INK, _INK, _BARE_INK = "#c1440e", "#1f6f8b", "#8a8a8a"


def bench(*options: str) -> BenchReport:
    """Run `benmo bench` once."""
    command = [sys.executable, "-c", "from benmo.cli import main; main()", "bench", "--json"]
    done = subprocess.run([*command, *options], stdout=subprocess.PIPE, check=True)
    return from_json(done.stdout, BenchReport)


def measures(*names: str) -> tuple[str, ...]:
    return tuple(word for name in names for word in ("--measure", name))


def main_table(reports: Sequence[BenchReport]) -> str:
    """Make a column for each number of nodes; in brackets, a rate's share of the bare round's."""
    loads = [(load.load, load.batch) for load in reports[0].loads]
    rows = [[_name(load, batch)] for load, batch in loads]
    for report in reports:
        for row, load in zip(rows, report.loads, strict=True):
            row.append(_rate(load))
    alone = ["one at a time: p50, as a multiple of the bare round, with TLS, with a client and TLS"]
    for report in reports:
        p50_ms = report.loads[-1].latency_p50_ms.median
        bare = [f"{p50_ms / each.round_ms:.1f}" for each in report.bare_rounds if each.batch == 1]
        alone.append(f"{p50_ms:.2f} ms ({', '.join(bare)})")
    rows.append(alone)
    for index, what in enumerate(("SIGKILL of the leader", "SIGSTOP of the leader")):
        gaps = [report.gaps[index] for report in reports]
        rows.append(
            [
                f"longest gap after {what}",
                *(f"{gap.gap_s.median:.3f} s (at most {gap.gap_s.max:.3f})" for gap in gaps),
            ]
        )
    memory = (f"{report.memory_at_start_mib:.0f} MiB" for report in reports)
    rows.append(["memory of a node at start", *memory])
    return _markdown(["", *(f"{report.nodes} nodes" for report in reports)], rows)


def _name(load: str, batch: int) -> str:
    names = {"singles": "single transfers, 256 under way", "alone": "one at a time"}
    return names.get(load, f"batches of {batch:,}")


def _rate(load: LoadFigures) -> str:
    rate = load.transfers_per_s
    return f"{rate.median:,.0f}/s ({load.of_bare_round:.2f})"


def bare_table(report: BenchReport) -> str:
    rows = [
        [
            f"{bare.batch:,}",
            "yes, and a client" if bare.client else "yes" if bare.tls else "no",
            f"{bare.rounds_per_s.median:,.0f}",
            f"{bare.round_ms:.2f}",
            f"{bare.transfers_per_s:,.0f}",
        ]
        for bare in report.bare_rounds
    ]
    return _markdown(["transfers in a block", "TLS", "rounds/s", "ms", "transfers/s"], rows)


def cpu_table(report: BenchReport) -> str:
    """Share the CPU time of a transfer out over the processes, in microseconds."""
    rows = []
    for load in report.loads:
        transfers = load.transfers_per_s.median * load.seconds
        client, leader, *others = (use.cpu_s / transfers * 1e6 for use in load.uses)
        each = sum(others) / len(others)
        figures = (client, leader, each, load.cpu_us_per_transfer)
        rows.append([_name(load.load, load.batch), *(f"{figure:,.2f}" for figure in figures)])
    return _markdown(["µs of CPU per transfer", "client", "leader", "each other", "all"], rows)


def chain_table(report: BenchReport) -> str:
    chain = report.chain
    assert chain is not None
    rows = [
        ["paid", f"{chain.transfers_per_s:,.0f} transfers/s"],
        ["the last tenth, as a part of the first's rate", f"{chain.last_of_first:.2f}"],
        [
            "bytes on disk for each transfer, at each node",
            f"{chain.bytes_on_disk_per_transfer:.1f}",
        ],
        ["start-up, until a node answers", f"{chain.start_s:.2f} s"],
        ["memory of a node after that", f"{chain.memory_at_start_mib:.0f} MiB"],
        ["memory of a node at most", f"{chain.memory_at_end_mib:.0f} MiB"],
        ["an empty node catches up", f"{chain.catch_up_transfers_per_s:,.0f} transfers/s"],
    ]
    return _markdown([f"a chain of {chain.transfers:,} transfers", ""], rows)


def distance_table(report: BenchReport) -> str:
    rows = [
        [
            f"`{each.tenure}`, {each.leader}",
            *(f"{latency:.0f}" for latency in each.latencies_ms),
            f"{each.transfers_per_s:,.0f}",
        ]
        for each in report.continents
    ]
    return _markdown(["tenure, leader", *REGIONS, "transfers/s"], rows)


def _markdown(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headers, ["---", *["---:"] * (len(headers) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plot_batches(report: BenchReport, path: Path) -> None:
    """Plot throughput over the size of batches, beside the bare round."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for tls, ink, label in ((False, _BARE_INK, "bare round"), (True, _TLS_INK, "… with TLS")):
        bare = [
            each
            for each in report.bare_rounds
            if each.tls is tls and not each.client and each.batch in _BATCHES
        ]
        rates = [each.transfers_per_s for each in bare]
        axes.loglog([each.batch for each in bare], rates, "--", color=ink, label=label)
    loads = sorted(report.loads, key=lambda load: load.batch)
    rates = [load.transfers_per_s.median for load in loads]
    label = f"Benmo, {_BATCH_CLIENTS} batches under way"
    axes.loglog([load.batch for load in loads], rates, "o-", color=_INK, label=label)
    axes.set_xlabel("transfers in a batch")
    axes.set_ylabel("transfers a second")
    _label_plainly(axes.xaxis, (1,))
    _label_plainly(axes.yaxis, (1,))
    axes.grid(True, which="major", alpha=0.3)
    axes.legend()
    _save(figure, path)


def plot_latency(reports: Sequence[BenchReport], path: Path) -> None:
    """Plot latency over throughput, as more single transfers are under way."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(7, 4))
    loads = [report.loads[0] for report in reports]
    rates = [load.transfers_per_s.median for load in loads]
    p50 = [load.latency_p50_ms.median for load in loads]
    p99 = [load.latency_p99_ms.median for load in loads]
    axes.loglog(rates, p99, "o--", color=_TLS_INK, label="p99")
    axes.loglog(rates, p50, "o-", color=_INK, label="p50")
    for load, rate, latency in zip(loads, rates, p50, strict=True):
        axes.annotate(f"{load.clients}", (rate, latency), (4, -11), textcoords="offset points")
    axes.set_xlabel("single transfers a second, all nodes (the numbers: how many are under way)")
    axes.set_ylabel("milliseconds until decided")
    axes.margins(0.1)
    _label_plainly(axes.xaxis, (1, 2, 5))
    _label_plainly(axes.yaxis, (1, 2, 5))
    axes.grid(True, which="major", alpha=0.3)
    axes.legend()
    _save(figure, path)


def _label_plainly(axis: Any, digits: Sequence[int]) -> None:
    """Label the numbers that begin with one of these digits, as people write them."""
    ticker = import_module("matplotlib.ticker")
    axis.set_major_locator(ticker.LogLocator(subs=digits))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.12g}"))
    axis.set_minor_locator(ticker.NullLocator())


def _pyplot() -> Any:
    matplotlib = import_module("matplotlib")
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "benmo"
    return import_module("matplotlib.pyplot")


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def written(text: str, name: str, table: str) -> str:
    """Return the document's text with the table of this name in its place."""
    begin, end = (mark.format(name=name) for mark in MARKS)
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{table}\n{end}{after}"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--write", is_flag=True, help="Write docs/performance.md and its plots.")
@click.option("--seconds", default=3.0, show_default=True, help="How long each run takes.")
@click.option("--runs", default=5, show_default=True, help="How many runs of each load.")
def main(write: bool, seconds: float, runs: int) -> None:
    """Measure everything in docs/performance.md."""
    if write and find_spec("matplotlib") is None:
        raise click.UsageError(
            "the plots need matplotlib: .venv/bin/python -m pip install matplotlib"
        )
    length = ("--seconds", str(seconds), "--runs", str(runs))
    five = bench(*measures(*_ALL, "chain", "continents"), *length)
    more = [bench("--nodes", nodes, *measures(*_ALL), *length) for nodes in ("7", "9")]
    tables = {
        "table": main_table([five, *more]),
        "bare": bare_table(five),
        "cpu": cpu_table(five),
        "chain": chain_table(five),
        "continents": distance_table(five),
    }
    for table in tables.values():
        click.echo(table + "\n")
    if not write:
        return
    text = DOCUMENT.read_text()
    for name, table in tables.items():
        text = written(text, name, table)
    DOCUMENT.write_text(text)
    sizes = [word for size in _BATCHES for word in ("--batch", str(size))]
    clients = ("--clients", str(_BATCH_CLIENTS))
    plot_batches(bench(*measures("batches"), *sizes, *clients, *length), DOCS / "throughput.svg")
    loads = [
        bench(*measures("singles"), "--clients", str(count), *length) for count in _SINGLE_CLIENTS
    ]
    plot_latency(loads, DOCS / "latency.svg")
