"""Keys through the engine, across crashes: under one key a node pays once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benmo.engine.events import Submitted
from benmo.ledger.blocks import Outcome
from benmo.ledger.transfers import Run
from tests.support.keyed_chains import Payer, asked, keyed
from tests.support.strategies import examples


def test_a_key_asked_for_twice_in_one_turn_is_queued_once() -> None:
    payer = Payer()
    first, second = payer.ask(asked("rent"), asked("rent"))
    assert first.run == keyed(1, 1, "rent") and not first.known
    assert second.run == EMPTY_AFTER_ONE and second.known[0].transfer.number == 1
    assert len(payer.engine.queue.own) == 1


EMPTY_AFTER_ONE = Run(1, 2, (), ())


@pytest.mark.parametrize("crashes", [0, 1, 2])
@pytest.mark.parametrize("is_decided", [False, True])
def test_a_key_is_known_after_any_crash(crashes: int, is_decided: bool) -> None:
    payer = Payer()
    (admission,) = payer.ask(asked("rent", "food"))
    assert admission.run == keyed(1, 1, "rent", "food")
    if is_decided:
        payer.decide(admission.run)
    for _ in range(crashes):
        payer.crash()
    (again,) = payer.ask(asked("food", "new", "rent"))
    assert again.run == keyed(1, 3, "new")
    assert {place: known.transfer.number for place, known in again.known.items()} == {0: 2, 2: 1}
    # A decision alone is not synced: a power cut may forget it, but never the transfer.
    assert len(payer.engine.queue.own) + payer.engine.ledger.last[1] == 3


def test_of_a_request_that_is_refused_nothing_is_queued_and_no_key_is_used() -> None:
    payer = Payer()
    for payments in (asked("a", "b", amount=60), asked("a", credit=1), asked("a", "b\t")):
        (refused,) = payer.ask(payments)
        assert refused.run is None and refused.reason
    (admission,) = payer.ask(asked("a", "b"))
    assert admission.run == keyed(1, 1, "a", "b") and not admission.known


def test_a_retry_is_known_even_when_there_is_neither_money_nor_room() -> None:
    payer = Payer(log_limit=2)
    payer.ask(asked("rent", "food", amount=50))
    (full,) = payer.ask(asked("rent", "new", amount=50))
    assert full.reason == "queue is full, wait for consensus"
    (again,) = payer.ask(asked("rent", "food", amount=50))
    assert again.run is not None and len(again.run) == 0 and len(again.known) == 2


def test_what_is_known_is_as_of_when_it_was_looked_up() -> None:
    payer = Payer()
    payer.ask(asked("rent"))
    decision = payer.decision(keyed(1, 1, "rent"))
    report = payer.turn(Submitted(9, asked("rent")), decision)
    (admission,) = report.admissions
    assert (admission.known[0].slot, admission.height) == (None, 0)
    assert payer.engine.ledger.height == 1


def test_more_than_there_is_room_for_is_refused_without_a_long_search() -> None:
    payer = Payer(log_limit=3)
    (admission,) = payer.ask(asked("k1", "k2"))
    assert admission.run is not None
    searched: list[str] = []
    find = payer.index.find

    def counting(keys: Sequence[str]) -> object:
        searched.extend(keys)
        return find(keys)

    payer.index.find = counting  # type: ignore[method-assign, assignment]
    names = ["k1", "k2", *(f"new {number}" for number in range(1000))]
    (refused,) = payer.ask(asked(*names))
    assert refused.run is None and "at most 3 transfers wait at a time" in refused.reason
    assert len(searched) <= 4


def test_a_retry_is_known_after_the_log_limit_was_lowered() -> None:
    payer = Payer()
    payer.ask(asked("a", "b", "c"))
    payer.start(log_limit=2)
    (again,) = payer.ask(asked("c"))
    assert again.reason == "" and again.known[0].transfer.number == 3


def test_a_payment_decided_in_the_turn_of_its_retry_is_known_as_decided() -> None:
    payer = Payer()
    (admission,) = payer.ask(asked("rent"))
    assert admission.run is not None
    report = payer.turn(payer.decision(admission.run), Submitted(9, asked("rent")))
    (again,) = report.admissions
    assert (again.known[0].slot, again.known[0].outcome) == (1, Outcome.APPLIED)


def test_a_retry_before_the_decision_in_one_turn_is_still_waiting() -> None:
    payer = Payer()
    (admission,) = payer.ask(asked("rent"))
    assert admission.run is not None
    report = payer.turn(Submitted(9, asked("rent")), payer.decision(admission.run))
    (again,) = report.admissions
    assert again.known[0].slot is None and len(report.applied) == 1


@examples
@given(st.data())
def test_however_often_it_is_asked_and_crashes_a_key_pays_once(data: st.DataObject) -> None:
    payer = Payer(log_limit=100)
    for _ in range(data.draw(st.integers(1, 12))):
        match data.draw(
            st.sampled_from(["ask", "ask", "decide", "decide some", "crash", "restart"])
        ):
            case "ask":
                names = st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True)
                payer.ask(asked(*data.draw(names)))
            case "crash":
                payer.crash()
            case "restart":
                payer.start(100)
            case what:
                queue = payer.engine.queue.own
                length = len(queue) if what == "decide" else data.draw(st.integers(0, len(queue)))
                if length:
                    payer.decide(queue.upto(length), keyed(2, 1, "a"))
    rest = payer.engine.queue.own
    payer.decide(*([rest] if len(rest) else []), keyed(2, 99, "b"))
    keys = [transfer.key for transfer in payer.applied() if transfer.debit_node == 1]
    assert len(keys) == len(set(keys))
    (again,) = payer.ask(asked(*"abcdefgh"))
    assert {each.transfer.key for each in again.known.values()} == set(keys)
