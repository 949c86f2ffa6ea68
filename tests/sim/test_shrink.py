"""A failing run is cut down to what makes it fail."""

from __future__ import annotations

import pytest

from benmo.paxos.types import Tenure
from benmo.sim.draw import draw_plan
from benmo.sim.happenings import ChangeMembers, DamageDisk, Happening, UserPays
from benmo.sim.planted import plant
from benmo.sim.run import run
from benmo.sim.shrink import Cutting, cut, numbers, numbers_of, shrink, size_of
from tests.sim.finding_seeds import STUDY, seeds_for


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
