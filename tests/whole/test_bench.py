"""`benmo bench` measures what it says, on real processes, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benmo.bench.figures import LoadRun, ResourceUse, Spread, figures_of, percentile
from tests.support.processes import BENMO, ROOT
from tests.support.terminals import Terminal

LOADS = ("batches", "singles", "alone", "gaps", "chain", "continents")


def bench(temporary: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from benmo.cli import main; main()", "bench", *options],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        check=False,
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All loads, as short as can be, with three nodes."""
    temporary = tmp_path_factory.mktemp("bench")
    measures = [word for load in LOADS for word in ("--measure", load)]
    done = bench(
        temporary,
        *measures,
        *("--nodes", "3", "--batch", "50", "--clients", "4", "--seconds", "0.3", "--runs", "1"),
        *("--transfers", "100000", "--json"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(temporary.iterdir()) == [], "it leaves files behind"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_each_load_has_its_figures(report: dict[str, Any]) -> None:
    assert [(load["load"], load["batch"], load["clients"]) for load in report["loads"]] == [
        ("batches", 50, 4),
        ("singles", 1, 4),
        ("alone", 1, 1),
    ]
    for load in report["loads"]:
        rate = load["transfers_per_s"]
        assert 0 < rate["min"] <= rate["median"] <= rate["max"]
        assert 0 < load["latency_p50_ms"]["median"] <= load["latency_p99_ms"]["median"]
        assert load["of_bare_round"] > 0
        assert len(load["uses"]) == 4, "the clients, and three nodes"
        assert all(use["fsyncs"] > 0 and use["memory_mib"] > 10 for use in load["uses"][1:])


def test_one_at_a_time_is_one_transfer_a_block(report: dict[str, Any]) -> None:
    alone = report["loads"][2]
    assert 0.9 <= alone["transfers_per_block"] <= 1.1


def test_each_load_has_a_bare_round_as_large(report: dict[str, Any]) -> None:
    rounds = [bare for bare in report["bare_rounds"] if not bare["client"]]
    sizes = [(bare["batch"], bare["tls"]) for bare in rounds]
    assert sizes == [(size, tls) for size in (1, 50, 100) for tls in (False, True)]
    (payment,) = [bare for bare in report["bare_rounds"] if bare["client"]]
    assert payment["tls"] and payment["batch"] == 1
    assert all(bare["rounds_per_s"]["median"] > 0 for bare in report["bare_rounds"])


def test_gaps_and_the_chain_are_measured(report: dict[str, Any]) -> None:
    assert [gap["what"] for gap in report["gaps"]] == ["SIGKILL", "SIGSTOP"]
    for gap in report["gaps"]:
        assert 0 < gap["gap_s"]["median"] <= gap["longest_request_s"]["median"] + 1
    chain = report["chain"]
    assert chain["transfers"] == 100_000
    assert 2 < chain["bytes_on_disk_per_transfer"] < 40
    assert all(chain[name] > 0 for name in chain)


def test_tables_are_for_people(tmp_path: Path) -> None:
    done = bench(tmp_path, "--measure", "alone", "--nodes", "3", "--seconds", "0.1", "--runs", "1")
    assert done.returncode == 0, done.stderr
    assert "one at a time" in done.stdout and "with TLS" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_ctrl_c_ends_the_bare_rounds_too(tmp_path: Path) -> None:
    """Those of one size take minutes, with so many runs."""
    options = ("--measure", "batches", "--nodes", "3", "--runs", "100")
    with closing(Terminal(*BENMO, "bench", *options, TMPDIR=str(tmp_path))) as terminal:
        terminal.wait_for("measuring: the bare round, blocks of 100")
        terminal.type("\x03")
        assert terminal.wait_exit() == 130
        terminal.wait_for("stopped")
        assert "blocks of 1,000" not in terminal.all_text()
    assert list(tmp_path.iterdir()) == [], "it leaves files behind"


def test_an_even_number_of_nodes_is_refused(tmp_path: Path) -> None:
    done = bench(tmp_path, "--nodes", "4")
    assert done.returncode == 2
    assert "an odd number of nodes, not 4" in done.stderr


def test_distances_are_simulated_and_the_same_each_time(
    report: dict[str, Any], tmp_path: Path
) -> None:
    again = json.loads(bench(tmp_path, "--measure", "continents", "--json").stdout)
    assert again["continents"] == report["continents"]
    figures = {each["leader"]: each for each in again["continents"]}
    stable = figures["N. Virginia"]["latencies_ms"]
    nearest_majority_ms = 119.5
    assert stable[0] == pytest.approx(nearest_majority_ms + 2, abs=0.5), "two syncs of 1 ms"
    for payer, to_leader_ms in zip(stable[1:], (88.6, 145.3, 229.9, 119.5), strict=True):
        assert payer == pytest.approx(stable[0] + to_leader_ms, abs=5), "there and back"
    assert figures["whoever pays"]["latencies_ms"][0] > 2 * nearest_majority_ms, "two phases"


# Figures.


def test_a_spread_has_the_median_and_both_ends() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert Spread.of([123456.0]) == Spread(123500.0, 123500.0, 123500.0), "four digits"


@pytest.mark.parametrize(
    ("values", "part", "expected"),
    [([5.0], 0.5, 5.0), ([1.0, 2.0, 3.0], 0.5, 2.0), (list(range(100)), 0.99, 99), ([2, 1], 0, 1)],
)
def test_a_percentile_is_one_of_the_values(
    values: list[float], part: float, expected: float
) -> None:
    assert percentile(values, part) == expected


def test_figures_are_of_the_run_in_the_middle() -> None:
    client = ResourceUse(1.0, 20.0)
    runs = [
        LoadRun(2.0, count, 10, [0.001 * count], (client, ResourceUse(0.5, 30.0, count)))
        for count in (100, 300, 200)
    ]
    figures = figures_of("batches", 10, 4, runs, 1000.0)
    assert figures.transfers_per_s == Spread(100.0, 50.0, 150.0)
    assert figures.of_bare_round == 0.1
    assert figures.transfers_per_block == 20.0
    assert figures.cpu_us_per_transfer == 7500.0
    assert figures.uses[1].fsyncs == 200
    assert figures.latency_p50_ms == Spread(200.0, 100.0, 300.0)
