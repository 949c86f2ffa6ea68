"""Seeds without a violation; planted mistakes that are found; runs that are the same again."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from _venv import LAUNCHER
from click.testing import CliRunner

from benmo.paxos.types import Tenure
from benmo.sim.command import simulate
from benmo.sim.draw import draw_plan
from benmo.sim.happenings import ChangeMembers, DamageDisk, Happening, UserPays
from benmo.sim.planted import PLANTED, plant
from benmo.sim.run import RunResult, run
from benmo.sim.seeds import SeedResult, Study, run_seeds
from benmo.sim.shrink import Cutting, cut, numbers, numbers_of, shrink, size_of
from benmo.sim.trace import Trace

ROOT = Path(__file__).parents[2]
STUDY = Study(nodes=5, tenure=None, faults_s=30.0)

# 500 seeds, in parts, so that the workers share them.
FIRST_PART = range(60)
PARTS = [*(range(start, start + 22) for start in range(60, 500, 22)), FIRST_PART]


@cache
def results_of(seeds: range) -> list[SeedResult]:
    return list(run_seeds(STUDY, seeds, jobs=1))


@pytest.mark.parametrize("seeds", PARTS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_no_seed_breaks_a_promise(seeds: range) -> None:
    for result in results_of(seeds):
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


def test_seeds_bring_every_kind_of_fault() -> None:
    counts: Counter[str] = Counter()
    for result in results_of(FIRST_PART):
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


FINDERS = {
    "live-proposal": 7,
    "nothing-checked-on-apply": 29,
    "missed-decision-stays-missed": 5,
    "damage-taken-for-torn-tail": 25,
    "fsync-retried": 3,
    "empty-disk-votes": 64,
    "keys-of-queue-not-recovered": 27,
    "keys-forgotten-at-restart": 13,
    "index-ahead-of-its-keys": 101,
    "foreign-index-believed": 26,
    "confirmed-by-itself": 4,
    "accepted-not-confirmed": 4,
    "one-confirmation-too-few": 4,
    "doubled-confirmation-counted": 34,
    "answer-to-any-question": 4,
    "lowest-confirmed-height": 4,
    "retired-promise-counted": 19,
    "leads-on-after-change": 9,
    "change-in-force-when-proposed": 9,
    "quorum-checked-before-catching-up": 278,
    "retired-queue-applied": 100,
    "confirmed-by-old-members": 55,
}
"""The seeds that found these mistakes, and so are tried first; any other may find them as well."""


def seeds_for(mistake: str) -> list[int]:
    """The same hundred seeds for each mistake, but for those that need more than a hundred."""
    first = FINDERS.get(mistake, 0) // 100 * 100
    hundred = range(first, first + 100)
    return sorted(hundred, key=lambda seed: seed != FINDERS.get(mistake))


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
            subprocess.run([found, "-m", "venv", tmp_path / "venv"], check=True, timeout=180)
            python = str(tmp_path / "venv" / "bin" / "python")
            wanted = ["--requirement", str(ROOT / "requirements" / "runtime.txt")]
            install = [python, "-m", "pip", "install", "--quiet", *wanted]
            subprocess.run(install, check=True, timeout=300)
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


# Cutting a failing run down.


def test_a_failing_run_is_cut_down_and_still_fails_likewise() -> None:
    with plant("one-vote-too-few"):
        outcome = run(STUDY.plan(0))
        assert outcome.violation is not None
        cutting, smallest = shrink(outcome)
        plan = STUDY.cut(0, cutting)
        again = run(plan)
    assert again.violation == smallest.violation
    assert again.last_steps == smallest.last_steps
    assert smallest.violation is not None
    assert smallest.violation.is_like(outcome.violation)
    size = size_of(plan)
    assert size.nodes == 3
    assert (size.faults, size.transfers) == (0, 0), "a payment after all faults is enough"
    assert smallest.simulated_s < 2.0, "and the faults end at once"


def test_a_run_that_needs_a_fault_keeps_it() -> None:
    with plant("empty-disk-votes"):
        outcome = next(
            outcome
            for seed in seeds_for("empty-disk-votes")
            if (outcome := run(STUDY.plan(seed))).violation
        )
        _, smallest = shrink(outcome)
    losses = (DamageDisk, ChangeMembers)  # with the latter, a disk may be lost, too
    assert len([each for each in smallest.plan.happenings if isinstance(each, losses)]) == 1
    assert len(smallest.plan.happenings) <= 5


@pytest.mark.parametrize(
    ("only", "text"),
    [((), "none"), ((3,), "3"), ((3, 4, 5), "3-5"), ((1, 3, 4, 9, 10, 12), "1,3-4,9-10,12")],
)
def test_numbers_are_written_and_read(only: tuple[int, ...], text: str) -> None:
    assert numbers(only) == text
    assert numbers_of(text) == only


def test_a_cutting_keeps_what_it_names() -> None:
    plan = draw_plan(3, 5, Tenure.BLOCK)
    kept: tuple[Happening, ...] = (plan.happenings[2], plan.happenings[5])
    assert cut(plan, Cutting(5, (2, 5))).happenings == kept
    assert cut(plan, Cutting(5, (), frozenset({"loss"}))).weather.loss == 0


def test_plans_for_fewer_nodes_are_alike() -> None:
    five, three = draw_plan(7, 5, Tenure.BLOCK), draw_plan(7, 3, Tenure.BLOCK)
    assert [type(each) for each in five.happenings] == [type(each) for each in three.happenings]
    assert [each.at for each in five.happenings] == [each.at for each in three.happenings]
    assert any(isinstance(each, UserPays) for each in three.happenings)
    assert five.weather == three.weather


# The command.


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
