"""Random schedules find no fault in the real code, and find those that are planted in it.

A schedule is one seed: messages lost, doubled (also much later, after restarts) and reordered,
nodes that crash between turns or in the middle of one with all that was not synced lost, links cut
in one direction, payments and refused payments. See tests/support/schedule.py for what is checked.
Where chance would need too long to find a planted mistake, a scenario leads to it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benmo.errors import StateError
from benmo.paxos import Tenure
from tests.support import mutations
from tests.support.mutations import Mutation
from tests.support.scenario import run as run_scenario
from tests.support.schedule import run as run_schedule

SCENARIOS = Path(__file__).parent / "scenarios"
SEEDS = range(10)
SEEDS_FOR_MUTATIONS = range(40)

FOUND_BY_CHANCE: list[tuple[Mutation, str]] = [
    (mutations.a_promise_that_goes_back, "A1"),
    (mutations.an_accepted_block_never_recorded, "decides what was not accepted"),
    (mutations.a_vote_given_before_it_is_durable, "another block"),
    (mutations.a_slot_accepted_that_is_not_the_next, "A3"),
    (mutations.a_decision_of_what_was_accepted_in_another_ballot, "another block"),
    (mutations.the_own_block_in_spite_of_a_reported_one, "another block"),
    (mutations.a_lagging_nodes_report_proposed, "P2"),
    (mutations.a_minority_of_promises, "another block"),
]

FOUND_BY_A_SCENARIO: list[tuple[Mutation, str, str]] = [
    (
        mutations.accept_compared_with_the_accepted_ballot,
        "promise_survives_a_crash",
        "below the promised ballot",
    ),
    (mutations.a_promise_never_recorded, "promise_survives_a_crash", "another chain"),
    (
        mutations.a_promise_answered_before_it_is_durable,
        "promise_survives_a_crash",
        "another chain",
    ),
    (mutations.the_lowest_reported_ballot_wins, "highest_ballot_wins", "another chain"),
    (mutations.the_own_block_in_spite_of_a_reported_one, "highest_ballot_wins", "another chain"),
    (mutations.a_proposal_before_catching_up, "catch_up_first", "another chain"),
    (mutations.any_decision_clears_what_was_accepted, "late_decision", "another chain"),
    (mutations.a_doubled_vote_counted_twice, "two_votes_of_five", "another chain"),
    (mutations.a_late_promise_counted_as_a_vote, "two_votes_of_five", "another chain"),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("tenure", list(Tenure))
@pytest.mark.parametrize("nodes", [3, 5])
def test_no_schedule_breaks_a_promise(nodes: int, tenure: Tenure, seed: int) -> None:
    schedule = run_schedule(seed, nodes, tenure)
    assert schedule.queued, "a schedule without payments proves nothing"


@pytest.mark.parametrize(
    ("mutation", "check"),
    FOUND_BY_CHANCE,
    ids=[mutation.__name__ for mutation, _ in FOUND_BY_CHANCE],
)
def test_random_schedules_find(
    mutation: Mutation, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutation(monkeypatch)
    with pytest.raises((AssertionError, StateError), match=check):
        _run_until_found()


def _run_until_found() -> None:
    for seed in SEEDS_FOR_MUTATIONS:
        for tenure in Tenure:
            run_schedule(seed, 3, tenure)


@pytest.mark.parametrize(
    ("mutation", "scenario", "check"),
    FOUND_BY_A_SCENARIO,
    ids=[f"{mutation.__name__}-{name}" for mutation, name, _ in FOUND_BY_A_SCENARIO],
)
def test_a_scenario_finds(
    mutation: Mutation, scenario: str, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (SCENARIOS / f"{scenario}.txt").read_text()
    assert run_scenario(text) == text
    mutation(monkeypatch)
    with pytest.raises((AssertionError, StateError), match=check):
        run_scenario(text)
