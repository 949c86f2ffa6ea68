"""The long trials, in short: they must run, and find nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _run(script: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), *options],
        capture_output=True,
        text=True,
        timeout=660,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(720)
@pytest.mark.parametrize("tenure", ["block", "stable"])
def test_no_money_is_lost_or_doubled_by_kills_under_load(tenure: str) -> None:
    out = _run("torture.py", "--kills", "12", "--tenure", tenure, "--seconds", "600")
    assert "5 chains equal" in out
    assert "each once in the chain" in out


@pytest.mark.timeout(720)
def test_no_money_is_lost_or_doubled_by_lost_disks_under_load() -> None:
    out = _run(
        "replacements.py", "--times", "2", "--rate", "200", "--seconds", "600", "--seed", "1"
    )
    assert "each once in 5 equal chains" in out
    assert "confirmed reads, none of them old" in out


@pytest.mark.timeout(720)
def test_no_money_is_lost_or_doubled_by_added_and_removed_nodes_under_load() -> None:
    out = _run("resizing.py", "--times", "1", "--rate", "200", "--seconds", "600", "--seed", "1")
    assert "each once in 5 equal chains" in out
    assert "confirmed reads, none of them old" in out
