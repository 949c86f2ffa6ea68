"""Who waits for transfers is told when the last is decided, in which slots, and what is void."""

from __future__ import annotations

import pytest

from benmo.control.requests import DecidedRange
from benmo.engine.events import Admission
from benmo.ledger.blocks import Outcome
from benmo.ledger.payment_keys import KnownPayment
from benmo.ledger.transfers import Payments, Run, Transfer
from benmo.node.decision_waits import (
    DecisionWaits,
    PaymentRequest,
    PaymentState,
    do_nothing,
    state_of,
)
from tests.support.keyed_chains import ListChain, asked, keyed


def known(number: int, slot: int | None = None, outcome: Outcome | None = None) -> KnownPayment:
    return KnownPayment(Transfer(1, number, 3, 1, "", f"k{number}"), slot, outcome)


def a_request(payments: Payments, is_awaited: bool = True) -> PaymentRequest:
    return PaymentRequest(payments, is_awaited, do_nothing)


# Waiting for a range.


def test_a_wait_ends_with_the_decision_of_its_last_transfer() -> None:
    awaited, chain = DecisionWaits(1), ListChain()
    wait = awaited.wait(1, 4, do_nothing)
    awaited.applied(chain.decide(Run(1, 1, (3,), (1,))))
    awaited.applied(chain.decide(Run(1, 2, (3,), (1,))))
    assert len(awaited) == 1
    awaited.applied(chain.decide(Run(1, 3, (3, 3), (1, 1))))
    assert len(awaited) == 0 and wait.is_decided
    assert wait.decided == [DecidedRange(1, 2, 1), DecidedRange(2, 3, 2), DecidedRange(3, 5, 3)]


@pytest.mark.parametrize(
    "runs",
    [
        (Run(2, 1, (3, 3), (1, 1)),),
        (Run(1, 2, (3,), (1,)),),
        (Run(2, 1, (1,), (1,)), Run(3, 1, (2,), (1,))),
    ],
    ids=["another node's", "out of order", "others'"],
)
def test_what_is_not_this_nodes_or_is_skipped_decides_nothing(runs: tuple[Run, ...]) -> None:
    awaited = DecisionWaits(1)
    wait = awaited.wait(1, 3, do_nothing)
    awaited.applied(ListChain().decide(*runs))
    assert not wait.is_decided and wait.decided == []


def test_a_double_of_a_decided_transfer_is_not_told_again() -> None:
    awaited, chain = DecisionWaits(1), ListChain()
    run = Run(1, 1, (3,), (1,))
    awaited.applied(chain.decide(run))
    wait = awaited.wait(2, 3, do_nothing)
    awaited.applied(chain.decide(run, Run(2, 1, (3,), (1,))))
    assert wait.decided == []
    awaited.applied(chain.decide(run, Run(1, 2, (3,), (1,))))
    assert wait.decided == [DecidedRange(2, 3, 3)] and wait.is_decided


def test_void_transfers_are_named() -> None:
    awaited = DecisionWaits(1)
    wait = awaited.wait(1, 4, do_nothing)
    awaited.applied(ListChain().decide(Run(1, 1, (3, 3, 3), (60, 60, 40))))
    assert wait.decided == [DecidedRange(1, 4, 1, (2,))]


def test_everyone_who_waits_is_told_of_what_concerns_him() -> None:
    awaited, chain = DecisionWaits(1), ListChain()
    early, both, late = (
        awaited.wait(1, 2, do_nothing),
        awaited.wait(1, 3, do_nothing),
        awaited.wait(3, 4, do_nothing),
    )
    awaited.applied(chain.decide(Run(1, 1, (3, 3), (1, 1))))
    awaited.applied(chain.decide(Run(1, 3, (3,), (1,))))
    assert early.decided == both.decided == [DecidedRange(1, 3, 1)]
    assert late.decided == [DecidedRange(3, 4, 2)]
    assert all(wait.is_decided for wait in (early, both, late))


def test_a_refusal_of_somebody_else_in_the_block_is_no_refusal_of_this_node() -> None:
    awaited = DecisionWaits(1)
    wait = awaited.wait(1, 3, do_nothing)
    awaited.applied(ListChain().decide(Run(1, 1, (3, 3), (1, 1)), Run(2, 1, (3,), (101,))))
    assert wait.decided == [DecidedRange(1, 3, 1)] and wait.is_decided


def test_whoever_waits_no_more_is_forgotten() -> None:
    awaited, chain = DecisionWaits(1), ListChain()
    gone, stays = awaited.wait(1, 2, do_nothing), awaited.wait(1, 2, do_nothing)
    awaited.forget(gone)
    assert len(awaited) == 1
    awaited.applied(chain.decide(Run(1, 1, (3,), (1,))))
    assert gone.decided == [] and stays.is_decided
    assert len(awaited) == 0
    awaited.forget(stays)


# From an admission to an answer.


def answer(
    payments: Payments, admission: Admission, *blocks: tuple[Run, ...], decided: int = 0
) -> PaymentState:
    """What is answered once the blocks after the first `decided` ones were applied."""
    chain, awaited = ListChain(*blocks[:decided]), DecisionWaits(1)
    request = a_request(payments)
    request.admit(admission, awaited)
    for runs in blocks[decided:]:
        awaited.applied(chain.decide(*runs))
    assert request.admission == admission
    return state_of(request)


def test_new_payments_get_the_numbers_of_their_run() -> None:
    run = Run(1, 1, (3, 3), (1, 1))
    waiting = answer(Payments.of((3, 1), (3, 1)), Admission(1, run))
    assert waiting == PaymentState(((1, 3),), (), is_decided=False)
    decided = answer(Payments.of((3, 1), (3, 1)), Admission(1, run), (run,))
    assert decided == PaymentState(((1, 3),), (DecidedRange(1, 3, 1),), is_decided=True)


def test_known_and_new_payments_are_answered_in_the_order_of_the_request() -> None:
    payments = asked("new", "k2", "newer", "k1")
    admission = Admission(
        1, keyed(1, 3, "new", "newer"), "", {3: known(1, 1, Outcome.APPLIED), 1: known(2)}
    )
    blocks = (keyed(1, 1, "k1"),), (keyed(1, 2, "k2", "new", "newer"),)
    waiting = answer(payments, admission, blocks[0], decided=1)
    ranges = ((3, 4), (2, 3), (4, 5), (1, 2))
    assert waiting == PaymentState(ranges, (DecidedRange(1, 2, 1),), is_decided=False)
    decided = answer(payments, admission, *blocks, decided=1)
    assert decided.ranges == ranges and decided.is_decided
    assert decided.decided == (DecidedRange(1, 2, 1), DecidedRange(2, 5, 2))


def test_what_is_known_to_be_decided_needs_no_wait() -> None:
    nothing = Run(1, 5, (), ())
    places = {0: known(1, 7, Outcome.APPLIED), 1: known(2, 7, Outcome.REFUSED)}
    told = answer(asked("k1", "k2"), Admission(1, nothing, "", places))
    segments = (DecidedRange(1, 2, 7), DecidedRange(2, 3, 7, (2,)))
    assert told == PaymentState(((1, 2), (2, 3)), segments, is_decided=True)


def test_what_is_known_to_wait_is_not_decided_before_it_is() -> None:
    admission = Admission(1, Run(1, 3, (), ()), "", {0: known(2)})
    blocks = (keyed(1, 1, "k1"),), (keyed(1, 2, "k2"),)
    assert not (answer(asked("k2"), admission)).is_decided
    assert not (answer(asked("k2"), admission, blocks[0])).is_decided
    told = answer(asked("k2"), admission, *blocks)
    assert told == PaymentState(((2, 3),), (DecidedRange(2, 3, 2),), is_decided=True)


def test_no_payments_at_all_are_decided() -> None:
    told = answer(Payments.of(), Admission(1, Run(1, 1, (), ())))
    assert told == PaymentState((), (), is_decided=True)


def test_whoever_does_not_wait_is_not_told_of_decisions() -> None:
    request = a_request(Payments.of((3, 1)), is_awaited=False)
    admission = Admission(1, Run(1, 1, (3,), (1,)))
    request.admit(admission, DecisionWaits(1))
    assert request.wait is None
    assert state_of(request) == PaymentState(((1, 2),), (), is_decided=False)


def test_a_refused_request_waits_for_nothing() -> None:
    request = a_request(Payments.of((3, 1)))
    request.admit(Admission(1, None, "no money"), DecisionWaits(1))
    assert request.wait is None and request.admission is not None


def test_whoever_left_before_the_admission_leaves_nothing_behind() -> None:
    awaited = DecisionWaits(1)
    request = a_request(Payments.of((3, 1)))
    request.forget()
    request.admit(Admission(1, Run(1, 1, (3,), (1,))), awaited)
    assert request.wait is None
