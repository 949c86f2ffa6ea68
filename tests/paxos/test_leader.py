"""The leader: phases 1a and 2a of *Paxos Made Simple*, section 2.2, and the counting of votes."""

from __future__ import annotations

from math import inf

import pytest

from benmo.paxos.leader import Leader, Phase
from benmo.paxos.membership import numbered, numbered_member
from benmo.paxos.messages import Accept, Accepted, Decide, Prepare, Promise
from benmo.paxos.step import Step
from benmo.paxos.types import Ballot, NodeId, Proposal, Tenure
from tests.paxos.leaders import MINE, preparing, promised, propose, proposing, vote
from tests.support.replicas import (
    SIZES,
    TENURES,
    FakeApplication,
    block,
    proposal,
    receivers,
    settings,
)

# Phase 1.


@pytest.mark.parametrize("size", SIZES)
def test_a_campaign_asks_every_other_node(size: int) -> None:
    leader, step = Leader(settings(1), FakeApplication(size=size)), Step()
    leader.campaign(MINE, 0.0, step)
    assert step.messages == [(node, Prepare(MINE)) for node in range(2, size + 1)]


@pytest.mark.parametrize("size", SIZES)
def test_a_majority_of_promises_is_needed_and_is_enough(size: int) -> None:
    leader = preparing(size)
    for node in range(1, numbered(range(1, size + 1)).quorum):
        leader.on_promise(numbered_member(node), Promise(MINE, 0, None), 0.0, Step())
        assert leader.phase is Phase.PREPARE
    leader.on_promise(numbered_member(size), Promise(MINE, 0, None), 0.0, Step())
    assert leader.phase is Phase.CATCH_UP


def test_a_majority_is_of_distinct_nodes() -> None:
    leader = promised((2, 0, None), (2, 0, None), (2, 0, None), (1, 0, None))
    assert leader.phase is Phase.PREPARE


@pytest.mark.parametrize("ballot", [Ballot(4, 1), Ballot(5, 2), Ballot(6, 1)])
def test_a_promise_for_another_ballot_is_ignored(ballot: Ballot) -> None:
    leader = preparing()
    for node in (1, 2, 3):
        leader.on_promise(numbered_member(node), Promise(ballot, 0, None), 0.0, Step())
    assert leader.phase is Phase.PREPARE
    assert leader.promises == {}


def test_a_late_promise_is_not_an_accept_vote() -> None:
    leader = proposing(5)
    before = dict(leader.promises)
    for node in (4, 5):
        leader.on_promise(numbered_member(node), Promise(MINE, 0, None), 0.0, Step())
    assert vote(leader, 1, 2).messages == []
    assert leader.promises == before


# Phase 2a: what is proposed.

X, Y, Z = proposal(1, 2, 3, "x"), proposal(3, 4, 3, "y"), proposal(3, 5, 3, "z")


@pytest.mark.parametrize(
    ("promises", "proposed"),
    [
        ([(1, 2, None), (2, 2, None), (3, 2, None)], "own3"),
        ([(1, 2, None), (2, 2, X), (3, 2, None)], "x3"),
        ([(1, 2, X), (2, 2, None), (3, 2, None)], "x3"),
        ([(1, 2, X), (2, 2, Y), (3, 2, None)], "y3"),
        ([(1, 2, Y), (2, 2, X), (3, 2, X)], "y3"),
        ([(1, 2, Z), (2, 2, Y), (3, 2, X)], "z3"),
        ([(1, 2, X), (2, 2, Y), (3, 2, Z)], "z3"),
    ],
)
def test_the_reported_block_of_the_highest_ballot_is_proposed_else_the_own(
    promises: list[tuple[NodeId, int, Proposal | None]], proposed: str
) -> None:
    """P2c: the value of the highest-numbered proposal among those accepted in the majority."""
    leader = promised(*promises)
    propose(leader, 2)
    assert leader.proposal is not None
    assert (leader.proposal.ballot, leader.proposal.block.hash) == (MINE, proposed)
    assert leader.proposed_own is (proposed == "own3")


def test_a_lagging_acceptors_report_is_ignored() -> None:
    """It speaks of a slot that is decided: its block would come again in a new slot."""
    leader = promised((1, 2, None), (2, 1, proposal(4, 4, 2, "old")), (3, 2, X))
    propose(leader, 2)
    assert leader.proposal == Proposal(MINE, X.block)


def test_no_report_speaks_of_a_slot_above_all_promises() -> None:
    """The leader learned slot 3 from elsewhere: for slot 4, no one accepted before promising."""
    leader = promised((1, 2, None), (2, 2, X), (3, 2, None))
    propose(leader, 3)
    assert leader.proposal == Proposal(MINE, block(4, "own", "a3"))


@pytest.mark.parametrize(("height", "can"), [(0, False), (2, False), (3, True), (4, True)])
def test_nothing_is_proposed_before_the_leader_has_caught_up(height: int, can: bool) -> None:
    leader = promised((1, 0, None), (2, 3, None), (3, 1, None))
    assert leader.can_propose(height) is can


@pytest.mark.parametrize("tenure", TENURES)
def test_nothing_is_proposed_before_a_majority_has_promised(tenure: Tenure) -> None:
    assert not preparing(3, tenure).can_propose(0)


def test_every_acceptor_gets_the_same_proposal_the_leaders_own_included() -> None:
    leader = promised((1, 0, None), (2, 0, None), (3, 0, None))
    step = propose(leader)
    accept = Accept(Proposal(MINE, block(1, "own")))
    assert step.messages == [(node, accept) for node in range(1, 6)]


@pytest.mark.parametrize(
    ("tenure", "phase"), [(Tenure.BLOCK, Phase.IDLE), (Tenure.STABLE, Phase.LEAD)]
)
def test_a_leader_with_nothing_to_propose_rests(tenure: Tenure, phase: Phase) -> None:
    leader = promised((1, 0, None), (2, 0, None), (3, 0, None), tenure=tenure, queue=())
    assert propose(leader).messages == []
    assert (leader.phase, leader.proposal) == (phase, None)


# Counting.


@pytest.mark.parametrize("size", SIZES)
def test_a_block_is_decided_by_a_majority_of_votes_and_no_sooner(size: int) -> None:
    """Section 2.2: a value is chosen when a majority of the acceptors have accepted it."""
    leader = proposing(size)
    proposed = leader.proposal
    assert proposed is not None
    quorum = numbered(range(1, size + 1)).quorum
    assert vote(leader, *range(1, quorum)).messages == []
    decide = Decide(1, MINE, proposed.block.hash)
    assert vote(leader, size).messages == [(node, decide) for node in range(2, size + 1)]


def test_a_doubled_vote_counts_once() -> None:
    assert vote(proposing(5), 2, 2, 2, 3).messages == []


@pytest.mark.parametrize(
    ("ballot", "slot"), [(Ballot(4, 1), 1), (Ballot(5, 2), 1), (MINE, 2), (MINE, 0)]
)
def test_a_vote_for_another_ballot_or_slot_does_not_count(ballot: Ballot, slot: int) -> None:
    assert vote(proposing(), 1, 2, 3, slot=slot, ballot=ballot).messages == []


@pytest.mark.parametrize("tenure", TENURES)
def test_a_vote_after_the_decision_does_nothing(tenure: Tenure) -> None:
    leader = proposing(3, tenure)
    vote(leader, 1, 2)
    assert vote(leader, 3, 1).messages == []


def test_a_peer_that_became_unreachable_is_left_out_of_the_rest_of_the_instance() -> None:
    leader = promised((1, 0, None), (2, 0, None), (3, 0, None))
    leader.on_link(5, False, 0.0)
    leader.on_link(5, True, 0.0)
    assert receivers(propose(leader), Accept) == [1, 2, 3, 4]
    assert receivers(vote(leader, 1, 2, 3), Decide) == [2, 3, 4]


# Tenures: see also test_tenure.py.


def test_in_tenure_block_a_leader_is_an_acceptor_again_after_its_block() -> None:
    leader = proposing()
    vote(leader, 1, 2)
    assert leader.phase is Phase.IDLE
    assert not leader.can_propose(1)


def test_in_tenure_stable_a_leader_goes_on_in_its_ballot_without_phase_1() -> None:
    """Section 3: one prepare serves every later instance."""
    leader = proposing(3, Tenure.STABLE)
    vote(leader, 1, 2)
    assert leader.phase is Phase.LEAD
    step = propose(leader, 1)
    assert {type(message) for _, message in step.messages} == {Accept}
    assert leader.proposal == Proposal(MINE, block(2, "own", "a1"))


def test_votes_of_the_last_slot_do_not_count_for_the_next() -> None:
    leader = proposing(5, Tenure.STABLE)
    vote(leader, 1, 2, 3)
    propose(leader, 1)
    assert vote(leader, 4, 5).messages == []
    assert vote(leader, 4, 5, slot=2).messages == []
    assert receivers(vote(leader, 1, slot=2), Decide) == [2, 3, 4, 5]


@pytest.mark.parametrize("tenure", TENURES)
def test_what_turns_out_to_be_decided_is_not_proposed_on(tenure: Tenure) -> None:
    leader = proposing(3, tenure)
    leader.on_progress(1, 0.0)
    assert leader.proposal is None
    assert leader.is_active is (tenure is Tenure.STABLE)


# Time, retries, invariants.


@pytest.mark.parametrize(
    ("peer", "height", "gets_it"), [(3, 0, True), (2, 0, False), (3, 1, False)]
)
def test_the_accept_in_flight_goes_to_whoever_can_take_it_and_has_not(
    peer: NodeId, height: int, gets_it: bool
) -> None:
    leader = proposing(5)
    vote(leader, 2)
    expected = Accept(leader.proposal) if gets_it and leader.proposal is not None else None
    assert leader.accept_for(peer, height) == expected


def test_each_phase_has_its_own_time_limit_and_leading_has_none() -> None:
    leader = Leader(settings(1, Tenure.STABLE), FakeApplication("own"))
    assert leader.deadline == inf
    leader.campaign(MINE, 10.0, Step())
    assert leader.deadline == 12.0
    for node in (1, 2):
        leader.on_promise(numbered_member(node), Promise(MINE, 1, None), 10.5, Step())
    assert leader.deadline == 12.5
    leader.on_progress(1, 12.0)
    assert leader.deadline == 14.0
    leader.propose(1, "a1", 13.0, Step())
    assert leader.deadline == 15.0
    for node in (1, 2):
        leader.on_accepted(node, numbered_member(node), Accepted(MINE, 2), 14.0, Step())
    assert (leader.phase, leader.deadline) == (Phase.LEAD, inf)


def test_a_leader_that_resigns_forgets_its_promises_and_what_was_forwarded() -> None:
    application = FakeApplication()
    leader = Leader(settings(1, Tenure.STABLE), application)
    leader.campaign(MINE, 0.0, Step())
    application.take_forwarded(2, "theirs")
    leader.resign()
    assert (leader.phase, leader.proposal, leader.promises) == (Phase.IDLE, None, {})
    assert application.forwarded == []


@pytest.mark.parametrize(
    ("invariant", "ballot", "phase", "proposed", "promises"),
    [
        ("P1", Ballot(5, 2), Phase.PREPARE, None, 0),
        ("P1", Ballot(4, 1), Phase.PREPARE, None, 0),
        ("P2", MINE, Phase.ACCEPT, proposal(4, 1, 3), 2),
        ("P2", MINE, Phase.ACCEPT, proposal(5, 1, 2), 2),
        ("P2", MINE, Phase.ACCEPT, proposal(5, 1, 4), 2),
        ("P3", MINE, Phase.ACCEPT, proposal(5, 1, 3), 2),
    ],
)
def test_a_broken_invariant_is_noticed(
    invariant: str, ballot: Ballot, phase: Phase, proposed: Proposal | None, promises: int
) -> None:
    leader = Leader(settings(), FakeApplication())
    leader.ballot, leader.phase, leader.proposal = ballot, phase, proposed
    leader.promises = {
        numbered_member(node): Promise(MINE, 2, None) for node in range(1, promises + 1)
    }
    with pytest.raises(AssertionError, match=invariant):
        leader.check(2, MINE)


def test_a_sound_leader_passes_the_check() -> None:
    proposing().check(0, MINE)
    Leader(settings(), FakeApplication()).check(7, Ballot(9, 2))
