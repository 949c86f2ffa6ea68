"""benmo simulate: what it counts, shows and refuses."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from benmo.sim.command import simulate
from benmo.sim.planted import PLANTED


def _benmo(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(simulate, arguments)
    return done.exit_code, done.output


def test_the_command_counts_what_happened() -> None:
    status, output = _benmo("--seeds", "3", "--jobs", "1", "--tenure", "stable")
    assert status == 0
    assert "3 seeds, 5 nodes, tenure stable: 0 violations in " in output
    assert "blocks decided" in output


def test_the_command_shows_a_failure_and_how_to_see_it_again(tmp_path: Path) -> None:
    status, output = _benmo("--plant", "one-vote-too-few", "--seeds", "5", "--jobs", "1")
    assert status == 1
    assert "decisions: node 2 decided slot 1 in (1, 2) with the votes of node 2 alone" in output
    assert ": rule P7\n" in output
    assert "cut down to 3 nodes, 0 faults, 0 transfers, " in output
    last = output.splitlines()[-1]
    assert last.startswith("  benmo simulate --seed 0 --nodes 3 --plant one-vote-too-few --only ")
    file = tmp_path / "trace.txt"
    words = last.replace("trace.txt", str(file)).split()[2:]
    status, again = _benmo(*words)
    assert status == 1
    assert "decisions: " in again
    written = file.read_text().splitlines()
    assert set(again.splitlines()[:-1]) <= set(written)
    assert {line.split()[1] for line in written} == {">", "<", "=", "!"}


def test_the_command_writes_the_trace_whose_hash_it_shows(tmp_path: Path) -> None:
    file = tmp_path / "trace.txt"
    status, output = _benmo("--seed", "4", "--trace", str(file))
    assert status == 0
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert f"trace {digest}" in output


def test_the_command_names_what_can_be_planted() -> None:
    status, output = _benmo("--list-planted")
    assert status == 0
    assert [line.split()[0] for line in output.splitlines()] == list(PLANTED)
    assert all(len(line.split()) > 4 for line in output.splitlines())


@pytest.mark.parametrize(
    "words",
    [
        "--nodes 4",
        "--seeds 3 --trace -",
        "--plant nothing",
        "--seed 1 --only 3-x",
        "--seed 1 --only 9999",
        "--seed 1 --only 3-1",
        "--seed 1 --calm rain",
        "--seeds 3 --single",
        "--seeds 3 --earlier 2",
        "--seeds 3 --faults-end 2",
        "--to-the-fork",
    ],
)
def test_the_command_refuses_what_makes_no_sense(words: str) -> None:
    status, output = _benmo(*words.split())
    assert status == 2
    assert "Error: " in output
