"""Receipts as columns say of each payment what a list of receipts would."""

from __future__ import annotations

import pytest

from benmo.client import Payment, Receipt
from benmo.client.errors import Inconsistent
from benmo.client.receipts import Receipts
from benmo.control.requests import Decided, Paid
from benmo.ledger.transfers import Payments

PAYMENTS = Payments(
    (2, 3, 2, 4, 5), (10, 20, 30, 40, 50), ("", "m", "", "", ""), ("k",) + ("",) * 4
)
RANGES = ((8, 10), (3, 4), (10, 12))
"""The third was known before, as transfer 3."""


def receipts(*decided: Decided) -> Receipts:
    return Receipts(1, PAYMENTS, Paid(1, RANGES, decided))


def test_each_payment_has_its_number_its_slot_and_its_outcome() -> None:
    made = receipts(Decided(10, 20, 9, (11,)), Decided(3, 4, 2), Decided(7, 9, 8))
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
    some = receipts(Decided(10, 20, 9, (11,)), Decided(3, 4, 2), Decided(7, 9, 8))
    assert repr(some) == "<5 receipts of node 1, not all decided, 1 refused>"
    assert repr(receipts(Decided(3, 12, 5))) == "<5 receipts of node 1, decided, 0 refused>"


def test_all_are_decided_only_if_no_number_is_missing() -> None:
    known = Decided(3, 4, 2)
    assert receipts(known, Decided(8, 12, 5)).is_decided
    assert receipts(Decided(10, 12, 6), known, Decided(4, 10, 5)).is_decided
    assert not receipts(Decided(8, 12, 5)).is_decided
    assert not receipts(known, Decided(8, 11, 5)).is_decided
    assert not receipts(known, Decided(9, 12, 5)).is_decided
    assert not receipts(known, Decided(8, 9, 5), Decided(10, 12, 6)).is_decided
    assert not receipts().is_decided and receipts().slots == ()


def test_a_refusal_of_somebody_elses_is_not_counted() -> None:
    assert receipts(Decided(1, 12, 5, (1, 2, 5))).refused == 0


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
    made = receipts(Decided(8, 12, 5, (8, 11)), Decided(3, 4, 5))
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
        (Decided(1, 10, 1), Decided(2, 3, 2)),
        (Decided(8, 12, 1), Decided(8, 12, 1)),
        (Decided(8, 10, 1), Decided(9, 12, 2)),
        (Decided(8, 12, 5, (7,)),),
        (Decided(8, 12, 5, (12,)),),
        (Decided(8, 12, 5, (9, 12)),),
        (Decided(8, 8, 5),),
        (Decided(9, 8, 5),),
        (Decided(8, 12, 0),),
        (Decided(8, 12, -1),),
    ],
)
def test_what_no_chain_can_have_decided_is_not_believed(decided: tuple[Decided, ...]) -> None:
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
