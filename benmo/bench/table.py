"""The results, as tables for people."""

from __future__ import annotations

from collections.abc import Iterator

import click

from benmo.bench.continents import REGIONS
from benmo.bench.figures import BenchReport, LoadFigures, Spread
from benmo.commands.answers import Table

_LOADS = (
    *("load", "transfers/s", "min", "max", "part of bare round", "p50 ms", "p99 ms"),
    *("CPU µs/transfer", "transfers/block"),
)
_USES = ("load", "process", "CPU s/s", "memory MiB", "fsyncs/s")


def show(report: BenchReport) -> None:
    """Print the tables that have rows."""
    for table in _tables(report):
        if table.rows:
            click.echo(table.as_text())
            click.echo()


def _tables(report: BenchReport) -> Iterator[Table]:
    bare = [
        (
            f"{each.batch:,}",
            ("with a client and TLS" if each.client else "with TLS") if each.tls else "",
            f"{each.rounds_per_s.median:,.0f}",
            f"{each.round_ms:.2f}",
            f"{each.transfers_per_s:,.0f}",
        )
        for each in report.bare_rounds
    ]
    yield Table(("bare round, blocks of", "", "rounds/s", "ms", "transfers/s"), bare)
    yield Table(_LOADS, [_load(each) for each in report.loads])
    yield Table(_USES, [row for each in report.loads for row in _uses(each)])
    gaps = [(each.what, *_both(each.gap_s), *_both(each.longest_request_s)) for each in report.gaps]
    yield Table(("the leader gets", "gap s", "max", "longest request s", "max"), gaps)
    distances = [
        (
            f"{each.tenure}, {each.leader}",
            *(f"{latency:.0f}" for latency in each.latencies_ms),
            f"{each.transfers_per_s:,.0f}",
        )
        for each in report.continents
    ]
    yield Table(("leader", *REGIONS, "transfers/s"), distances)
    if report.memory_at_start_mib:
        yield Table(
            ("", ""), [("memory at start, MiB", f"{report.memory_at_start_mib:g}")], True, False
        )
    if report.chain is not None:
        chain = report.chain
        rows = [
            (name.replace("_", " "), f"{getattr(chain, name):,}")
            for name in chain.__struct_fields__
        ]
        yield Table(("", ""), rows, True, False)


def _load(each: LoadFigures) -> tuple[str, ...]:
    rate = each.transfers_per_s
    return (
        _name(each),
        *(f"{value:,.0f}" for value in (rate.median, rate.min, rate.max)),
        f"{each.of_bare_round:.3g}",
        f"{each.latency_p50_ms.median:.2f}",
        f"{each.latency_p99_ms.median:.2f}",
        f"{each.cpu_us_per_transfer:,.{0 if each.cpu_us_per_transfer >= 100 else 2}f}",
        f"{each.transfers_per_block:,.0f}",
    )


def _uses(each: LoadFigures) -> Iterator[tuple[str, ...]]:
    for index, use in enumerate(each.uses):
        process = f"node {index}" if index else "clients"
        cpu, fsyncs = use.cpu_s / each.seconds, use.fsyncs / each.seconds
        fsynced = f"{fsyncs:,.0f}" if index else ""
        yield (_name(each), process, f"{cpu:.2f}", f"{use.memory_mib:.1f}", fsynced)


def _name(each: LoadFigures) -> str:
    if each.load == "batches":
        return f"batches of {each.batch:,}, {each.clients} clients"
    return "one at a time" if each.load == "alone" else f"single ones, {each.clients} clients"


def _both(spread: Spread) -> tuple[str, str]:
    return f"{spread.median:.3f}", f"{spread.max:.3f}"
