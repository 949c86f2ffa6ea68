"""Seeds without a violation; planted mistakes that are found; runs that are the same again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from _venv import LAUNCHER

from benmo.paxos.types import Tenure
from benmo.sim.planted import PLANTED, plant
from benmo.sim.run import RunResult, run
from benmo.sim.seeds import SeedResult, Study, run_seeds
from benmo.sim.trace import Trace
from tests.sim.finding_seeds import STUDY, seeds_for

ROOT = Path(__file__).parents[2]

# 500 seeds, in parts, so that the workers share them.
FIRST_PART = range(60)
PARTS = [range(start, start + 22) for start in range(60, 500, 22)]


@pytest.mark.parametrize("seeds", PARTS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_no_seed_breaks_a_promise(seeds: range) -> None:
    for result in run_seeds(STUDY, seeds, jobs=1):
        require_sound(result)


def require_sound(result: SeedResult) -> None:
    assert result.violation is None, f"benmo simulate --seed {result.seed}"
    assert result.counts["turns"] > 100
    assert result.simulated_s > STUDY.faults_s


@pytest.mark.parametrize("nodes", [3, 7])
def test_no_seed_breaks_a_promise_of_fewer_or_more_nodes(nodes: int) -> None:
    study = Study(nodes, None, 30.0)
    for result in run_seeds(study, range(10), jobs=1):
        assert result.violation is None, f"benmo simulate --seed {result.seed} --nodes {nodes}"


def test_a_run_in_which_users_ask_for_much_is_no_storm() -> None:
    """500 questions and payments within half a minute, and half of all messages come twice."""
    study = Study(5, Tenure.STABLE, 30.0)
    assert run(study.plan(702277)).violation is None


def test_the_first_seeds_bring_every_kind_of_fault_and_break_no_promise() -> None:
    counts: Counter[str] = Counter()
    for result in run_seeds(STUDY, FIRST_PART, jobs=1):
        require_sound(result)
        counts += result.counts
    wanted = {
        "blocks decided",
        "transfers decided",
        "messages lost",
        "messages doubled",
        "messages cut off",
        "kinds of message muted",
        "cuts: one way",
        "cuts: both ways",
        "cuts: a partition",
        "cuts: a partition, one way",
        "cuts: a bridge",
        "cuts: a node alone",
        "cuts: around the sender",
        "cuts: flapping",
        "kills",
        "power cuts",
        "pauses",
        "clock jumps",
        "links severed",
        "failed: append",
        "failed: sync",
        "full disks",
        "damaged disks",
        "damage found",
        "void forwards",
        "transfers known by their keys",
        "questions answered",
        "hurries",
        "changes: replace",
        "changes: add",
        "changes: move",
        "changes: remove",
        "disks lost",
        "old members that came back",
        "retired members that ended",
    }
    assert wanted <= set(counts)


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_found(mistake: str) -> None:
    study = Study(5, None, 30.0, mistake)
    seeds = seeds_for(mistake)
    assert any(result.violation is not None for result in run_seeds(study, seeds, jobs=1))


@pytest.mark.parametrize("mistake", ["one-vote-too-few", "promise-not-durable"])
def test_several_processes_find_what_one_finds(mistake: str) -> None:
    study = Study(5, None, 30.0, mistake)
    alone = list(run_seeds(study, range(8), jobs=1))
    assert list(run_seeds(study, range(8), jobs=2)) == alone
    assert any(result.violation is not None for result in alone)


def test_the_installed_program_runs_several_processes(tmp_path: Path) -> None:
    program = tmp_path / "benmo"
    program.write_text(LAUNCHER)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["sh", program, "simulate", "--seeds", "6", "--jobs", "2"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=500,
        check=True,
    )
    assert done.stdout.startswith("6 seeds, 5 nodes, both tenures: 0 violations in ")
    assert done.stderr == ""


def test_what_was_planted_is_gone_afterwards() -> None:
    before = run(STUDY.plan(0))
    for mistake in PLANTED:
        with plant(mistake):
            pass
    assert _text(run(STUDY.plan(0))) == _text(before)


def _text(outcome: RunResult) -> str:
    return "\n".join([*outcome.last_steps, str(outcome.violation), str(outcome.counts)])


# The same again.


def _hash_of(seed: int) -> str:
    trace = Trace(whole=True)
    run(STUDY.plan(seed), trace)
    return trace.hash


def test_a_seed_has_one_trace_and_another_seed_another() -> None:
    assert _hash_of(5) == _hash_of(5)
    assert _hash_of(5) != _hash_of(6)


HASHES = """
from benmo.sim.run import run
from benmo.sim.seeds import Study
from benmo.sim.trace import Trace
for seed in range(6):
    trace = Trace(whole=True)
    run(Study(5, None, 30.0).plan(seed), trace)
    print(trace.hash)
"""


def _hashes(python: str, hash_seed: str) -> list[str]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [python, "-c", HASHES],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=500,
    )
    return done.stdout.split()


def test_another_process_with_another_hash_seed_has_the_same_traces() -> None:
    here = [_hash_of(seed) for seed in range(6)]
    assert _hashes(sys.executable, "1") == _hashes(sys.executable, "2") == here


def test_another_python_has_the_same_traces(tmp_path: Path) -> None:
    python = _another_python(tmp_path)
    if python is None:
        pytest.skip("only one supported Python is installed here")
    assert _hashes(python, "3") == [_hash_of(seed) for seed in range(6)]


def _another_python(tmp_path: Path) -> str | None:
    """The Python of an environment of another version, with what the simulator needs."""
    for minor in range(11, 20):
        if minor == sys.version_info.minor:
            continue
        for found in _pythons(f"3.{minor}"):
            bare = [found, "-m", "venv", "--without-pip", str(tmp_path / "venv")]
            subprocess.run(bare, check=True, timeout=180)
            python = str(tmp_path / "venv" / "bin" / "python")
            wanted = ["--no-compile", "--requirement", str(ROOT / "requirements" / "runtime.txt")]
            pip = [sys.executable, "-m", "pip", "--python", python]
            subprocess.run([*pip, "install", "--quiet", *wanted], check=True, timeout=300)
            return python
    return None


def _pythons(version: str) -> list[str]:
    """Where a version of Python may be: on the path, or among those that pyenv keeps."""
    on_path = shutil.which(f"python{version}")
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    root = os.environ.get("PYENV_ROOT")
    if root is not None:
        kept += sorted(Path(root).glob(f"versions/{version}.*/bin/python"))
    candidates = [*([on_path] if on_path else []), *map(str, kept)]
    return [each for each in candidates if _runs(each, version)]


def _runs(python: str, version: str) -> bool:
    """Whether it is what its name says: pyenv's placeholders are not."""
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run(
        [python, "-c", question], capture_output=True, text=True, timeout=180, check=False
    )
    return done.returncode == 0 and done.stdout.strip() == version
