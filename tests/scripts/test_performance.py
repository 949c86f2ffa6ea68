"""docs/performance.md has a place for each table, and the tables are of what was measured."""

from __future__ import annotations

import pytest
from trials import performance

from benmo.bench.figures import (
    BareRound,
    BenchReport,
    ChainFigures,
    DistanceFigures,
    GapFigures,
    HostMachine,
    LoadRun,
    ResourceUse,
    Spread,
    figures_of,
)


def a_report(nodes: int) -> BenchReport:
    use = ResourceUse(1.0, 50.0, 10)
    run = LoadRun(2.0, 4000, 40, [0.002, 0.004], (use,) * (nodes + 1))
    spread = Spread(0.1, 0.05, 0.2)
    return BenchReport(
        HostMachine(2, "3.11", "6", "0"),
        nodes,
        42.0,
        [
            BareRound(1, 100, False, False, Spread(2000.0, 1900.0, 2100.0), 0.5),
            BareRound(1, 100, True, False, Spread(1600.0, 1500.0, 1700.0), 0.625),
            BareRound(1, 100, True, True, Spread(1000.0, 900.0, 1100.0), 1.0),
        ],
        [
            figures_of("batches", 8000, 8, [run], 10_000.0),
            figures_of("singles", 1, 256, [run], 4_000.0),
            figures_of("alone", 1, 1, [run], 2_000.0),
        ],
        [GapFigures("SIGKILL", 32, spread, spread), GapFigures("SIGSTOP", 32, spread, spread)],
        ChainFigures(10, 1000.0, 1.0, 5.0, 0.2, 40.0, 70.0, 2000.0),
        [DistanceFigures("stable", "Tokyo", (1.0, 2.0, 3.0, 4.0, 5.0), 100.0)],
    )


def test_the_main_table_has_a_column_for_each_cluster_and_says_of_what_a_rate_is_a_part() -> None:
    table = performance.main_table([a_report(5), a_report(7)]).splitlines()
    assert table[0] == "|  | 5 nodes | 7 nodes |"
    assert "| batches of 8,000 | 2,000/s (0.20) | 2,000/s (0.20) |" in table
    assert "| single transfers, 256 under way | 2,000/s (0.50) | 2,000/s (0.50) |" in table
    assert "4.00 ms (8.0, 6.4, 4.0)" in table[5]
    assert "0.100 s (at most 0.200)" in table[6]


def test_cpu_is_shared_out_over_the_processes() -> None:
    table = performance.cpu_table(a_report(5)).splitlines()
    assert table[2] == "| batches of 8,000 | 250.00 | 250.00 | 250.00 | 1,500.00 |"


def test_the_other_tables_have_their_rows() -> None:
    report = a_report(5)
    assert "| 1 | no | 2,000 | 0.50 | 2,000 |" in performance.bare_table(report)
    assert "| an empty node catches up | 2,000 transfers/s |" in performance.chain_table(report)
    assert "| `stable`, Tokyo | 1 | 2 | 3 | 4 | 5 | 100 |" in performance.distance_table(report)


@pytest.mark.parametrize("name", ["table", "bare", "cpu", "chain", "continents"])
def test_the_document_has_a_place_for_each_table(name: str) -> None:
    text = performance.DOCUMENT.read_text()
    once = performance.written(text, name, "| new |")
    assert "\n| new |\n" in once
    assert performance.written(once, name, "| new |") == once
