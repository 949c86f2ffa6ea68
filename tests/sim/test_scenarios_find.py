"""Scenarios lead straight to planted mistakes for which chance needs long.

A scenario's trace is what the product does; with the mistake in it, the same commands break it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benmo.errors import StateError
from benmo.play.script import run
from benmo.sim.planted import plant

SCENARIOS = Path(__file__).parents[1] / "scenarios"

FOUND: list[tuple[str, str, str]] = [
    ("accept-ignores-promise", "promise_survives_a_crash", "below the promised ballot"),
    ("promise-not-saved", "promise_survives_a_crash", "another chain"),
    ("promise-not-durable", "promise_survives_a_crash", "another chain"),
    ("lowest-ballot-wins", "highest_ballot_wins", "another chain"),
    ("reported-value-ignored", "highest_ballot_wins", "another chain"),
    ("proposes-before-catching-up", "catch_up_first", "another chain"),
    ("any-decision-clears-accepted", "late_decision", "another chain"),
    ("doubled-vote-counted", "two_votes_of_five", "another chain"),
    ("late-promise-is-vote", "two_votes_of_five", "another chain"),
]


@pytest.mark.parametrize(
    ("mistake", "scenario", "check"), FOUND, ids=[f"{mistake}-{name}" for mistake, name, _ in FOUND]
)
def test_a_scenario_finds(mistake: str, scenario: str, check: str) -> None:
    text = (SCENARIOS / f"{scenario}.txt").read_text()
    assert run(text) == text
    with plant(mistake), pytest.raises((AssertionError, StateError), match=check):
        run(text)
