"""The acceptor against *Paxos Made Simple*, section 2.2, line by line."""

from __future__ import annotations

import pytest

from benmo.paxos.acceptor import Acceptor, Ahead
from benmo.paxos.messages import Accepted, Behind, Nack, Promise
from benmo.paxos.step import AcceptRecord, PromiseRecord, Step
from benmo.paxos.types import Ballot, Proposal, ProtocolError
from tests.support.replicas import proposal

B11, B12, B13, B21, B22, B31 = (
    Ballot(1, 1),
    Ballot(1, 2),
    Ballot(1, 3),
    Ballot(2, 1),
    Ballot(2, 2),
    Ballot(3, 1),
)

PREPARES = [
    # promised,   prepare, is promised
    (Ballot.ZERO, B11, True),
    (B11, B12, True),
    (B13, B21, True),
    (B11, B31, True),
    (B12, B11, False),
    (B21, B13, False),
    (B31, B22, False),
]

ACCEPTS = [
    # promised,   accept, is accepted
    (Ballot.ZERO, B11, True),
    (B11, B11, True),
    (B11, B12, True),
    (B13, B21, True),
    (B12, B11, False),
    (B21, B13, False),
    (B31, B22, False),
]


@pytest.mark.parametrize("has_accepted", [False, True])
@pytest.mark.parametrize(("promised", "ballot", "is_promised"), PREPARES)
def test_a_prepare_is_answered_by_its_ballot_alone(
    promised: Ballot, ballot: Ballot, is_promised: bool, has_accepted: bool
) -> None:
    """Phase 1b: promise a number greater than any to which it responded already."""
    accepted = proposal(*promised) if has_accepted else None
    acceptor, step = Acceptor(promised, accepted), Step()
    answer = acceptor.on_prepare(ballot, 0, step)
    if is_promised:
        assert answer == Promise(ballot, 0, accepted)
        assert acceptor.promised == ballot
        assert step.records == [PromiseRecord(ballot)]
    else:
        assert answer == Nack(ballot, promised)
        assert acceptor.promised == promised
        assert step.records == []
    assert acceptor.accepted == accepted


def test_the_same_prepare_is_not_promised_twice() -> None:
    """Phase 1b says "greater than": whoever promised may have accepted in that ballot since."""
    acceptor, step = Acceptor(B11, proposal(1, 1)), Step()
    assert not isinstance(acceptor.on_prepare(B11, 0, step), Promise)
    assert step.records == []


@pytest.mark.parametrize("accepted_in", [None, Ballot(0, 1)])
@pytest.mark.parametrize(("promised", "ballot", "is_accepted"), ACCEPTS)
def test_an_accept_is_answered_by_its_ballot_against_the_promised_one(
    promised: Ballot, ballot: Ballot, is_accepted: bool, accepted_in: Ballot | None
) -> None:
    """P1a: accept iff no prepare request of a greater number was answered.

    What was accepted before, in a ballot below all these, changes nothing.
    """
    earlier = None if accepted_in is None else Proposal(accepted_in, proposal(1, 1, 1, "z").block)
    acceptor, step = Acceptor(max(promised, accepted_in or promised), earlier), Step()
    proposed = proposal(*ballot)
    answer = acceptor.on_accept(proposed, 0, step)
    if is_accepted:
        assert answer == Accepted(ballot, 1)
        assert (acceptor.promised, acceptor.accepted) == (ballot, proposed)
        assert step.records == [AcceptRecord(proposed)]
    else:
        assert answer == Nack(ballot, promised)
        assert (acceptor.promised, acceptor.accepted) == (promised, earlier)
        assert step.records == []


def test_an_accept_above_the_accepted_but_below_the_promised_ballot_is_refused() -> None:
    """The classic mistake: to compare with what was accepted last."""
    acceptor = Acceptor(B31, proposal(1, 1))
    assert acceptor.on_accept(proposal(2, 2, 1, "b"), 0, Step()) == Nack(B22, B31)
    assert acceptor.accepted == proposal(1, 1)


@pytest.mark.parametrize(
    ("slot", "height", "answer"),
    [
        (1, 0, Accepted(B11, 1)),
        (4, 3, Accepted(B11, 4)),
        (2, 0, Behind(0)),
        (9, 3, Behind(3)),
        (1, 1, Ahead(1)),
        (2, 7, Ahead(2)),
    ],
)
def test_only_the_slot_right_above_the_chain_is_accepted(
    slot: int, height: int, answer: object
) -> None:
    acceptor, step = Acceptor(Ballot.ZERO, None), Step()
    assert acceptor.on_accept(proposal(1, 1, slot), height, step) == answer
    assert (acceptor.accepted is not None) is isinstance(answer, Accepted)
    assert bool(step.records) is isinstance(answer, Accepted)


@pytest.mark.parametrize(("slot", "height"), [(1, 0), (5, 0), (1, 5)])
def test_a_ballot_too_low_is_refused_whatever_its_slot(slot: int, height: int) -> None:
    acceptor = Acceptor(B21, None)
    assert acceptor.on_accept(proposal(1, 1, slot), height, Step()) == Nack(B11, B21)


def test_a_promise_reports_what_was_accepted_last() -> None:
    """Phase 1b: "with the highest-numbered proposal (if any) that it has accepted"."""
    acceptor = Acceptor(Ballot.ZERO, None)
    acceptor.on_accept(proposal(1, 1, 1, "a"), 0, Step())
    acceptor.on_accept(proposal(2, 2, 1, "b"), 0, Step())
    answer = acceptor.on_prepare(B31, 0, Step())
    assert answer == Promise(B31, 0, proposal(2, 2, 1, "b"))


def test_a_promise_reports_the_height_of_its_node() -> None:
    assert Acceptor(Ballot.ZERO, None).on_prepare(B11, 4, Step()) == Promise(B11, 4, None)


def test_a_promise_holds_for_every_later_slot() -> None:
    acceptor = Acceptor(Ballot.ZERO, None)
    acceptor.on_prepare(B21, 0, Step())
    acceptor.on_decided(3)
    assert acceptor.on_accept(proposal(1, 2, 4), 3, Step()) == Nack(B12, B21)
    assert acceptor.on_accept(proposal(2, 1, 4), 3, Step()) == Accepted(B21, 4)


def test_accepting_a_higher_ballot_promises_it() -> None:
    """Otherwise a lower one could still be accepted after it, and be reported as the last."""
    acceptor = Acceptor(B11, None)
    acceptor.on_accept(proposal(2, 2), 0, Step())
    assert acceptor.on_accept(proposal(2, 1, 1, "b"), 0, Step()) == Nack(B21, B22)
    assert acceptor.on_prepare(B21, 0, Step()) == Nack(B21, B22)


def test_a_higher_ballot_replaces_what_was_accepted() -> None:
    acceptor, step = Acceptor(B11, proposal(1, 1, 1, "a")), Step()
    acceptor.on_accept(proposal(2, 2, 1, "b"), 0, step)
    assert acceptor.accepted == proposal(2, 2, 1, "b")
    assert step.records == [AcceptRecord(proposal(2, 2, 1, "b"))]


def test_the_same_block_in_a_higher_ballot_is_recorded_again() -> None:
    """The ballot counts: the next leader must hear of the higher one."""
    acceptor, step = Acceptor(B11, proposal(1, 1)), Step()
    acceptor.on_accept(proposal(2, 2), 0, step)
    assert step.records == [AcceptRecord(proposal(2, 2))]


def test_a_doubled_accept_is_answered_again_and_recorded_once() -> None:
    acceptor, step = Acceptor(Ballot.ZERO, None), Step()
    answers = [acceptor.on_accept(proposal(1, 1), 0, step) for _ in range(3)]
    assert answers == [Accepted(B11, 1)] * 3
    assert step.records == [AcceptRecord(proposal(1, 1))]


def test_two_blocks_in_one_ballot_are_a_protocol_error_and_change_nothing() -> None:
    acceptor, step = Acceptor(B11, proposal(1, 1, 1, "a")), Step()
    with pytest.raises(ProtocolError, match="two blocks"):
        acceptor.on_accept(proposal(1, 1, 1, "b"), 0, step)
    assert (acceptor.promised, acceptor.accepted) == (B11, proposal(1, 1, 1, "a"))
    assert step.records == []


@pytest.mark.parametrize(("height", "is_kept"), [(3, True), (4, False), (9, False)])
def test_a_decision_ends_only_what_was_accepted_for_a_decided_slot(
    height: int, is_kept: bool
) -> None:
    acceptor = Acceptor(B11, proposal(1, 1, 4))
    acceptor.on_decided(height)
    assert (acceptor.accepted is not None) is is_kept
    assert acceptor.promised == B11, "what was promised outlives every decision"


@pytest.mark.parametrize(
    ("invariant", "acceptor", "height", "promised_before"),
    [
        ("A1", Acceptor(B11, None), 0, B12),
        ("A2", Acceptor(B11, proposal(1, 2)), 0, B11),
        ("A3", Acceptor(B11, proposal(1, 1, 1)), 1, B11),
        ("A3", Acceptor(B11, proposal(1, 1, 3)), 1, B11),
    ],
)
def test_a_broken_invariant_is_noticed(
    invariant: str, acceptor: Acceptor, height: int, promised_before: Ballot
) -> None:
    with pytest.raises(AssertionError, match=invariant):
        acceptor.check(height, promised_before)


def test_a_sound_acceptor_passes_the_check() -> None:
    Acceptor(B12, proposal(1, 1, 4)).check(3, B12)
    Acceptor(Ballot.ZERO, None).check(0, Ballot.ZERO)
