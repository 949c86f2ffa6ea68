"""The simulator's agenda: what happens when, and when it is too much."""

from __future__ import annotations

import pytest

from benmo.sim.agenda import Agenda
from benmo.sim.violation import Violation


def test_things_happen_in_the_order_of_their_times() -> None:
    agenda, seen = Agenda(), list[tuple[float, str]]()
    for when, what in [(3.0, "c"), (1.0, "a"), (2.0, "b")]:
        agenda.at(when, lambda what=what: seen.append((agenda.now, what)))
    agenda.run_until(2.5)
    assert (agenda.now, seen) == (2.5, [(1.0, "a"), (2.0, "b")])
    agenda.run_until(3.0)
    assert seen[-1] == (3.0, "c")


def test_among_equal_times_what_was_put_there_first_happens_first() -> None:
    agenda, seen = Agenda(), list[str]()
    for what in "dacb":
        agenda.at(1.0, seen.append, what)
    agenda.run_until(1.0)
    assert seen == list("dacb")


def test_what_is_past_happens_now_and_after_what_waits_for_now() -> None:
    agenda, seen = Agenda(), list[tuple[float, str]]()

    def note(what: str) -> None:
        seen.append((agenda.now, what))

    agenda.at(2.0, agenda.at, 1.0, note, "late")
    agenda.at(2.0, note, "due")
    agenda.run_until(5.0)
    assert seen == [(2.0, "due"), (2.0, "late")]


def test_after_counts_from_now() -> None:
    agenda, seen = Agenda(), list[float]()
    agenda.at(2.0, agenda.after, 1.5, lambda: seen.append(agenda.now))
    agenda.run_until(5.0)
    assert seen == [3.5]


def test_a_run_ends_early_once_it_is_done() -> None:
    agenda, seen = Agenda(), list[float]()
    for when in range(1, 10):
        agenda.at(float(when), lambda: seen.append(agenda.now))
    agenda.run_until(9.0, lambda: len(seen) >= 3)
    assert seen == [1.0, 2.0, 3.0]
    assert agenda.now == 3.0


def _again_and_again(agenda: Agenda, every_s: float) -> None:
    def happen() -> None:
        agenda.after(every_s, happen)

    happen()


@pytest.mark.parametrize("every_s", [0.0, 0.0002])
def test_a_storm_of_events_is_a_violation(every_s: float) -> None:
    agenda = Agenda()
    agenda.progress = lambda: "0 blocks"
    _again_and_again(agenda, every_s)
    with pytest.raises(
        Violation,
        match=r"chatter: messages don't end: [\d,]+ events in \d seconds, 0 blocks: promise 7",
    ):
        agenda.run_until(60.0)
    assert agenda.now < 10.0


def test_events_at_a_rate_that_is_usual_are_none() -> None:
    agenda = Agenda()
    _again_and_again(agenda, 0.002)
    agenda.run_until(60.0)
    assert agenda.now == 60.0


def test_what_was_asked_for_is_no_storm_and_more_than_that_is_one() -> None:
    agenda = Agenda()
    agenda.expect(50_000)
    for _ in range(55_000):
        agenda.at(1.0, lambda: None)
    agenda.run_until(2.0)
    for _ in range(10_000):
        agenda.at(3.0, lambda: None)
    with pytest.raises(Violation, match="chatter"):
        agenda.run_until(4.0)
