"""What is found names the crime and the rule; a run is cut down; or it goes on to the fork."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benmo.engine.engine import Engine
from benmo.ledger.payment_queue import PaymentQueue
from benmo.sim.command import simulate
from benmo.sim.planted import PLANTED, plant
from benmo.sim.planted.forking import CANNOT_FORK
from benmo.sim.planted.patch import Patch
from benmo.sim.run import RunResult, run
from benmo.sim.seeds import Study
from benmo.sim.shrink import shrink, size_of

STUDY = Study(5, None, 30.0)
B, H = r"\(\d+, \d\)", "[0-9a-f]{8}"

CRIMES = {
    "accept-ignores-promise": f"node . promised {B} and then accepted slot . in {B}: rule A1",
    "promise-to-any-ballot": f"node . promised {B} and then promised {B}: rule A1",
    "own-ballot-raised-blindly": f"node . promised {B} and then promised {B}: rule A1",
    "accepts-when-behind": f"node . accepted slot .+ in {B} while its chain ended at .*: rule A3",
    "accepted-not-saved": f"node . sent Accepted for slot . in {B} before the block .*: rule A4",
    "vote-not-durable": f"node . sent Accepted for slot . in {B} before the block .*: rule A4",
    "promise-not-saved": f"node . sent Prepare {B} before its promise was on its disk: rule A4",
    "promise-not-durable": f"node . sent Prepare {B} before its promise was on its disk: rule A4",
    "any-decision-clears-accepted": f"node . accepted slot . in {B}, and forgot it .*: rule A5",
    "silent-refusal": f"node . doesn't tell node . that ballot {B} is too low: rule A6",
    "rivals-ballot-used": f"node . leads in {B}, a ballot of node .: rule P1",
    "old-slot-adopted": f"node . proposed block {H} for slot . in {B} while its chain ended .*P2",
    "one-promise-too-few": f"node . proposed block {H} .* with the promises of node . alone.*P3",
    "goes-on-after-nack": f"node . proposed block {H} .* with the promises of node . alone.*P3",
    "proposes-before-catching-up": "though it had heard that node . is at height .*: rule P4",
    "reported-value-ignored": f"though it itself had accepted block {H} in {B}: rule P5",
    "lowest-ballot-wins": f"though node . had accepted block {H} in {B} and .*: rule P5",
    "live-proposal": f"node . proposed two blocks for slot . in {B}, {H} and {H}: rule P6",
    "one-vote-too-few": f"node . decided slot . in {B} with the votes of node . alone.*: rule P7",
    "promises-counted-by-node": "node . proposed .* besides node .b? without a vote: rule P3",
    "stranger-proposes": "node .b? proposed block .*, in which those of nodes .* vote: rule P3",
    "majority-of-old-number": "node . proposed block .* with the promises of nodes .* of .: .*P3",
    "late-promise-is-vote": f"node . decided slot . in {B} with the votes of nodes . and . .*P7",
    "doubled-vote-counted": f"node . decided slot . in {B} with the votes of nodes . and . .*P7",
    "stale-vote-counted": f"node . decided slot .* in {B} with the votes of node . alone.*P7",
    "own-vote-not-durable": "and its own block wasn't on its disk yet: rule P7",
    "doubled-decision-appended": f"node . appended block {H} of slot . to a chain that .*: rule L1",
    "catch-up-applied-twice": f"node . appended block {H} of slot . to a chain that .*: rule L1",
    "decision-of-another-ballot": f"had accepted in {B}, when told that {B} decided: rule L2",
}
"""What a student reads about each of these mistakes, once the run is cut down."""


def _failures(mistake: str, seeds: range, to_the_fork: bool = False) -> Iterator[RunResult]:
    study = Study(3, None, 30.0) if to_the_fork else STUDY
    for seed in seeds:
        result = run(study.plan(seed), to_the_fork=to_the_fork)
        if result.violation is not None:
            yield result


@pytest.mark.parametrize("mistake", CRIMES)
def test_a_sentence_names_the_crime_and_the_rule_in_a_short_run(mistake: str) -> None:
    with plant(mistake):
        result = next(_failures(mistake, range(30)))
        _, smallest = shrink(result)
    finding = smallest.violation
    assert finding is not None
    assert re.search(CRIMES[mistake], str(finding)), str(finding)
    assert finding.node is not None
    size = size_of(smallest.plan)
    assert size.faults <= 8
    assert size.transfers <= 6
    assert smallest.simulated_s < 12.0


def test_the_lowest_ballot_wins_in_a_run_that_can_be_read_at_once() -> None:
    with plant("lowest-ballot-wins"):
        _, smallest = shrink(next(_failures("lowest-ballot-wins", range(10))))
    assert smallest.violation is not None
    assert smallest.violation.ballot is not None
    assert smallest.violation.slot == 1
    assert smallest.violation.ballot.round <= 10
    assert smallest.simulated_s < 11.5
    assert size_of(smallest.plan).transfers <= 4


def test_a_run_that_goes_on_ends_with_two_blocks_for_one_slot() -> None:
    with plant("reported-value-ignored", without_assertions=True):
        result = next(_failures("reported-value-ignored", range(60), to_the_fork=True))
        _, smallest = shrink(result, to_the_fork=True)
    for each in (result, smallest):
        assert each.violation is not None
        assert each.found_before is not None
        assert re.search(
            rf"node (.) decided block ({H}) \(first proposed in {B}.*\) for slot .*, and "
            rf"node (?!\1). decided block (?!\2){H} \(first proposed in {B}.*\): promise 3",
            str(each.violation),
        )
        assert each.found_before.rule == "rule P5"
        assert any(str(each.violation) in line for line in each.last_steps)


def test_a_run_that_goes_on_may_have_one_survivor_with_nobody_to_pay() -> None:
    """A fault damages one disk; the planted mistake's journal is taken for a second such disk."""
    mistake = "accept-ignores-promise"
    plan = replace(Study(3, None, 30.0).plan(37), pays_at_end=True)
    with plant(mistake, without_assertions=True):
        result = run(plan, to_the_fork=True)
    assert result.counts["damaged disks"] == result.counts["damage found"] == 1
    assert (result.violation, result.simulated_s > 30.0) == (None, True)


def test_a_sound_program_has_nothing_to_go_on_from() -> None:
    result = run(STUDY.plan(3), to_the_fork=True)
    assert (result.violation, result.found_before) == (None, None)


def _benmo(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(simulate, arguments)
    return done.exit_code, done.output


def test_the_command_shows_the_fork_and_the_rule_that_was_broken_before(tmp_path: Path) -> None:
    words = ["--plant", "one-vote-too-few", "--to-the-fork", "--seeds", "20", "--jobs", "1"]
    status, output = _benmo(*words)
    assert status == 1
    assert re.search("3 nodes, 20 seeds: [1-9].* of them fork", output)
    assert "the first broken rule: decisions: node" in output
    again = output.splitlines()[-1].replace("trace.txt", str(tmp_path / "trace.txt"))
    assert " --to-the-fork " in again
    status, output = _benmo(*again.split()[2:])
    assert status == 1
    assert re.search(f"agreement: node . decided block {H}", output.splitlines()[-1])


def test_the_command_says_that_a_mistake_cannot_fork_the_chain() -> None:
    words = ["--plant", "silent-refusal", "--to-the-fork", "--seeds", "20", "--jobs", "1"]
    status, output = _benmo(*words)
    assert status == 1
    assert "is too low: rule A6" in output
    assert output.splitlines()[-1].startswith("silent-refusal can't fork the chain: a leader that")


def test_the_command_says_that_it_found_no_fork() -> None:
    words = ["--plant", "accepts-when-behind", "--to-the-fork", "--seeds", "1", "--jobs", "1"]
    status, output = _benmo(*words)
    assert status == 0
    assert "3 nodes, 1 seeds: 0 of them fork" in output
    assert "5 nodes, 1 seeds: 0 of them fork" in output


def test_only_planted_mistakes_are_said_not_to_fork() -> None:
    assert set(CANNOT_FORK) < set(PLANTED)


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_mistake_can_be_planted_in_the_product_as_it_is(mistake: str) -> None:
    with plant(mistake):
        pass


def test_a_patch_that_is_called_otherwise_is_none() -> None:
    """Else the `TypeError` would be found, in every run, whatever the mistake is."""

    def turn(self: Engine, events: object) -> None: ...

    with pytest.raises(AssertionError, match="turn isn't called like that any more"):
        Patch().set(Engine, "turn", turn)


def test_an_error_of_a_planted_mistake_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "def front(self): return self.nothing_of_that_name"
    code: dict[str, Any] = {"__name__": "benmo.sim.planted.broken"}
    exec(compile(source, "broken.py", "exec"), code)
    monkeypatch.setattr(PaymentQueue, "front", code["front"])
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        run(STUDY.plan(0))
