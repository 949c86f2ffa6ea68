"""How long a leader leads, and when it stops: *Paxos Made Simple*, section 3, and 2.4."""

from __future__ import annotations

from math import inf

import pytest

from benmo.paxos.messages import (
    Accept,
    Accepted,
    Decide,
    Forward,
    Heartbeat,
    Message,
    Nack,
    Prepare,
)
from benmo.paxos.types import Ballot, Durable, NodeId, Proposal, Tenure
from tests.support.replicas import (
    TENURES,
    Bench,
    accept_of,
    at_height,
    block,
    proposal,
    receivers,
    sent,
)


def test_a_stable_leader_decides_slot_after_slot_in_one_ballot() -> None:
    bench = Bench(tenure=Tenure.STABLE, queue=("p", "q", "r"))
    ballot = bench.lead()
    decides = [decide for _ in range(3) for _, decide in sent(bench.decide(), Decide)]
    assert [(decide.slot, decide.ballot) for decide in decides[::2]] == [
        (slot, ballot) for slot in (1, 2, 3)
    ]


def test_the_next_block_is_made_only_once_the_last_is_applied() -> None:
    """Or a transfer would be proposed twice."""
    bench = Bench(tenure=Tenure.STABLE, queue=("p", "q"))
    bench.lead()
    bench.hear_own()
    step = bench.hear(2, Accepted(bench.replica.leader.ballot, 1))
    assert step.decided == [block(1, "p")]
    assert receivers(step, Accept) == []
    assert {accept.proposal.block.hash for _, accept in sent(bench.due(), Accept)} == {"q2"}


@pytest.mark.parametrize("tenure", TENURES)
@pytest.mark.parametrize(
    "rival", [Prepare(Ballot(2, 3)), accept_of(2, 3), Heartbeat(0, Ballot(2, 3))]
)
def test_a_leader_gives_up_when_a_higher_ballot_is_at_work(rival: Message, tenure: Tenure) -> None:
    bench = Bench(tenure=tenure, queue=("own",))
    bench.lead()
    bench.hear(3, rival)
    assert not bench.replica.leader.is_active
    assert bench.replica.known_leader == Ballot(2, 3)


@pytest.mark.parametrize(
    ("nack", "gives_up"),
    [
        (Nack(Ballot(4, 1), Ballot(9, 3)), True),
        (Nack(Ballot(3, 1), Ballot(9, 3)), False),
        (Nack(Ballot(4, 2), Ballot(9, 3)), False),
        (Nack(Ballot(5, 1), Ballot(9, 3)), False),
        (Nack(Ballot(4, 1), Ballot(4, 1)), False),
    ],
)
def test_only_a_refusal_of_the_current_ballot_for_a_higher_one_ends_it(
    nack: Nack, gives_up: bool
) -> None:
    bench = Bench(durable=Durable(Ballot(3, 1)), queue=("own",))
    assert bench.lead() == Ballot(4, 1)
    bench.hear(2, nack)
    assert bench.replica.leader.is_leading is not gives_up


def test_a_doubled_prepare_does_not_depose_the_leader() -> None:
    """A refusal is for lower ballots: the leader's own, promised before, is not a higher one."""
    leader = Bench(1, tenure=Tenure.STABLE, queue=("own",))
    acceptor = Bench(2, tenure=Tenure.STABLE)
    ballot = leader.lead()
    leader.decide()
    answers = [acceptor.hear(1, Prepare(ballot)) for _ in range(2)]
    for _, answer in [message for step in answers for message in step.messages]:
        leader.hear(2, answer)
    assert leader.replica.leader.is_leading


def test_a_peer_that_came_back_between_two_slots_gets_the_next_accept() -> None:
    """A peer is left out until the instance ends: between two slots there is none."""
    bench = Bench(tenure=Tenure.STABLE, queue=("own",))
    bench.lead()
    bench.decide()
    for up in (False, True):
        for peer in (2, 3):
            bench.take(bench.replica.on_link(peer, up, bench.now))
    bench.application.queue = ["next"]
    step = bench.take(bench.replica.on_request(bench.now))
    assert receivers(step, Accept) == [1, 2, 3]


@pytest.mark.parametrize("tenure", TENURES)
def test_a_block_that_stays_undecided_is_reason_enough_to_campaign(tenure: Tenure) -> None:
    """Its leader is gone: nobody else may know of it, and nobody may pay for a long time."""
    bench = Bench(3, tenure=tenure, durable=at_height(2, Ballot(1, 1), proposal(1, 1, 3)))
    ballot = bench.lead()
    assert bench.replica.leader.proposal == Proposal(ballot, block(3))
    bench.decide()
    assert bench.replica.learner.height == 3
    bench.due()
    assert bench.replica.election.deadline == inf, "and then there is no reason any more"


@pytest.mark.parametrize(("tenure", "forwards"), [(Tenure.BLOCK, []), (Tenure.STABLE, [2])])
def test_only_in_tenure_stable_is_a_queue_forwarded_to_the_leader(
    tenure: Tenure, forwards: list[NodeId]
) -> None:
    bench = Bench(tenure=tenure, queue=("own",))
    bench.due()
    assert receivers(bench.hear(2, accept_of(1, 2)), Forward) == forwards


def test_a_leader_forwards_nothing_and_only_a_leader_takes_what_is_forwarded() -> None:
    bench = Bench(tenure=Tenure.STABLE, queue=("own",))
    bench.hear(2, Forward("too early"))
    assert bench.application.forwarded == []
    bench.lead()
    assert receivers(bench.wait(1.5), Forward) == []
    bench.hear(2, Forward("theirs"))
    assert bench.application.forwarded == ["theirs"]


@pytest.mark.parametrize(
    ("ballot", "leader"),
    [
        (Ballot.ZERO, Ballot.ZERO),
        (Ballot(9, 3), Ballot.ZERO),
        (Ballot(4, 2), Ballot(5, 2)),
        (Ballot(6, 2), Ballot(6, 2)),
    ],
)
def test_a_leader_that_says_it_leads_no_more_is_believed(ballot: Ballot, leader: Ballot) -> None:
    bench = Bench(tenure=Tenure.STABLE)
    bench.hear(2, accept_of(5, 2))
    bench.hear(2, Heartbeat(0, ballot))
    assert bench.replica.known_leader == leader
