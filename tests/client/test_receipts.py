"""Receipts as columns say of each payment what a list of receipts would."""

from __future__ import annotations

import pytest

from benmo.client import Payment, Receipt
from benmo.client.errors import Inconsistent
from benmo.client.receipts import Receipts
from benmo.control.requests import DecidedRange, Paid
from benmo.ledger.transfers import Payments

PAYMENTS = Payments(
    (2, 3, 2, 4, 5), (10, 20, 30, 40, 50), ("", "m", "", "", ""), ("k",) + ("",) * 4
)
RANGES = ((8, 10), (3, 4), (10, 12))
"""The third was known before, as transfer 3."""


def receipts(*decided: DecidedRange) -> Receipts:
    return Receipts(1, PAYMENTS, Paid(1, RANGES, decided))


def test_each_payment_has_its_number_its_slot_and_its_outcome() -> None:
    made = receipts(DecidedRange(10, 20, 9, (11,)), DecidedRange(3, 4, 2), DecidedRange(7, 9, 8))
    expected = [
        Receipt("1-8", Payment(10, 2, "k", None), "decided", 8),
        Receipt("1-9", Payment(20, 3, None, "m"), "queued", None),
        Receipt("1-3", Payment(30, 2, None, None), "decided", 2),
        Receipt("1-10", Payment(40, 4, None, None), "decided", 9),
        Receipt("1-11", Payment(50, 5, None, None), "refused", 9),
    ]
    assert list(made) == expected
    assert [made[place] for place in range(5)] == expected
    assert [made[place] for place in range(-5, 0)] == expected
    assert made[1:4] == expected[1:4] and made[::-2] == expected[::-2]
    assert made.ids == ("1-8", "1-9", "1-3", "1-10", "1-11")
    assert len(made) == 5 and made.slots == (2, 8, 9) and made.refused == 1
    assert not made.is_decided and made.queued() == [expected[1]]


def test_receipts_are_shown_by_what_became_of_them() -> None:
    some = receipts(DecidedRange(10, 20, 9, (11,)), DecidedRange(3, 4, 2), DecidedRange(7, 9, 8))
    assert repr(some) == "<5 receipts of node 1, not all decided, 1 refused>"
    assert repr(receipts(DecidedRange(3, 12, 5))) == "<5 receipts of node 1, decided, 0 refused>"


def test_all_are_decided_only_if_no_number_is_missing() -> None:
    known = DecidedRange(3, 4, 2)
    assert receipts(known, DecidedRange(8, 12, 5)).is_decided
    assert receipts(DecidedRange(10, 12, 6), known, DecidedRange(4, 10, 5)).is_decided
    assert not receipts(DecidedRange(8, 12, 5)).is_decided
    assert not receipts(known, DecidedRange(8, 11, 5)).is_decided
    assert not receipts(known, DecidedRange(9, 12, 5)).is_decided
    assert not receipts(known, DecidedRange(8, 9, 5), DecidedRange(10, 12, 6)).is_decided
    assert not receipts().is_decided and receipts().slots == ()


def test_a_refusal_of_somebody_elses_is_not_counted() -> None:
    assert receipts(DecidedRange(1, 12, 5, (1, 2, 5))).refused == 0


@pytest.mark.parametrize("place", [5, -6])
def test_there_is_no_receipt_without_a_payment(place: int) -> None:
    with pytest.raises(IndexError):
        receipts()[place]


@pytest.mark.parametrize(
    "ranges", [(), ((1, 5),), ((1, 7),), ((1, 6), (7, 7)), ((1, 8), (9, 7)), ((3, 1), (1, 8))]
)
def test_what_does_not_answer_each_payment_once_is_not_believed(
    ranges: tuple[tuple[int, int], ...],
) -> None:
    with pytest.raises(Inconsistent):
        Receipts(1, PAYMENTS, Paid(1, ranges, ()))


def test_each_void_transfer_of_a_block_is_refused() -> None:
    made = receipts(DecidedRange(8, 12, 5, (8, 11)), DecidedRange(3, 4, 5))
    assert [each.outcome for each in made] == [
        "refused",
        "decided",
        "decided",
        "decided",
        "refused",
    ]
    assert (made.refused, made.slots) == (2, (5,))


@pytest.mark.parametrize(
    "decided",
    [
        (DecidedRange(1, 10, 1), DecidedRange(2, 3, 2)),
        (DecidedRange(8, 12, 1), DecidedRange(8, 12, 1)),
        (DecidedRange(8, 10, 1), DecidedRange(9, 12, 2)),
        (DecidedRange(8, 12, 5, (7,)),),
        (DecidedRange(8, 12, 5, (12,)),),
        (DecidedRange(8, 12, 5, (9, 12)),),
        (DecidedRange(8, 8, 5),),
        (DecidedRange(9, 8, 5),),
        (DecidedRange(8, 12, 0),),
        (DecidedRange(8, 12, -1),),
    ],
)
def test_what_no_chain_can_have_decided_is_not_believed(decided: tuple[DecidedRange, ...]) -> None:
    with pytest.raises(Inconsistent):
        receipts(*decided)


@pytest.mark.parametrize(
    "ranges", [((8, 10), (9, 12)), ((8, 11), (3, 4), (10, 11)), ((1, 5), (2, 3))]
)
def test_no_two_payments_have_one_number(ranges: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(Inconsistent, match="two answers to one payment"):
        Receipts(1, PAYMENTS, Paid(1, ranges, ()))


def test_no_payments_are_decided() -> None:
    nothing = Receipts(1, Payments((), ()), Paid(1, (), ()))
    assert list(nothing) == [] and nothing.is_decided and not nothing.refused
