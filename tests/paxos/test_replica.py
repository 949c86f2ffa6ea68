"""One node as a whole: what must be durable before what leaves, and whose word counts for what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benmo.paxos.messages import (
    Accept,
    Accepted,
    Behind,
    Blocks,
    Decide,
    Heartbeat,
    Message,
    Nack,
    Prepare,
    Promise,
)
from benmo.paxos.step import (
    AcceptRecord,
    BlocksWanted,
    DecideRecord,
    PromiseRecord,
)
from benmo.paxos.types import Ballot, Durable, NodeId, Proposal, Tenure
from tests.support.replicas import (
    SIZES,
    TENURES,
    Bench,
    accept_of,
    at_height,
    block,
    blocks,
    prepared,
    proposal,
    receivers,
    sent,
)


def durable_after(bench: Bench, *records: object) -> Durable:
    """What a disk with these records on it gives back at the next start."""
    durable = Durable()
    for record in records:
        match record:
            case PromiseRecord(ballot):
                durable = replace(durable, promised=ballot)
            case AcceptRecord(accepted):
                durable = replace(durable, promised=accepted.ballot, accepted=accepted)
    assert durable.promised == bench.replica.durable.promised
    return durable


# Phase 1 and the disk.


@pytest.mark.parametrize("tenure", TENURES)
@pytest.mark.parametrize("size", [3, 5, 7])
def test_the_own_promise_is_recorded_in_the_very_step_in_which_prepare_leaves(
    size: int, tenure: Tenure
) -> None:
    bench = Bench(1, size, tenure, queue=("own",))
    steps = bench.wait(1.0)
    (step,) = [step for step in steps if sent(step, Prepare)]
    assert receivers(step, Prepare) == list(range(2, size + 1))
    assert step.records == [PromiseRecord(prepared(step))]


@pytest.mark.parametrize("crashes", [1, 2, 5])
def test_no_ballot_is_used_again_after_a_crash_even_if_only_prepare_left(crashes: int) -> None:
    """Section 2.2: a proposer never issues two proposals with one number."""
    used: list[Ballot] = []
    durable = Durable()
    for _ in range(crashes + 1):
        bench = Bench(durable=durable, queue=("own",))
        (step,) = [step for step in bench.wait(1.0) if sent(step, Prepare)]
        used.append(prepared(step))
        durable = durable_after(bench, *step.records)
    assert len(set(used)) == len(used)
    assert used == sorted(used)


def test_the_own_promise_counts_only_when_its_message_comes_back() -> None:
    bench = Bench(queue=("own",))
    bench.wait(1.0)
    ballot = bench.replica.leader.ballot
    bench.hear(2, Promise(ballot, 0, None))
    assert not bench.replica.leader.is_leading, "one of three"
    assert bench.own == [Promise(ballot, 0, None)]
    bench.hear_own()
    assert bench.replica.leader.is_leading


@pytest.mark.parametrize("tenure", TENURES)
def test_the_own_vote_counts_only_when_its_message_comes_back(tenure: Tenure) -> None:
    bench = Bench(tenure=tenure, queue=("own",))
    ballot = bench.lead()
    (accept,) = bench.own
    bench.own = []
    step = bench.hear(1, accept)
    assert step.records == [AcceptRecord(Proposal(ballot, block(1, "own")))]
    assert bench.hear(2, Accepted(ballot, 1)).decided == [], "its own is not durable yet"
    assert bench.own == [Accepted(ballot, 1)]
    assert bench.hear(1, Accepted(ballot, 1)).decided == [block(1, "own")]


@pytest.mark.parametrize("size", SIZES)
def test_the_leaders_own_vote_is_not_needed_where_a_majority_of_others_accepted(size: int) -> None:
    """A leader is not an acceptor that must be counted: any majority decides."""
    if size == 1:
        others: tuple[NodeId, ...] = (1,)
    else:
        others = tuple(range(2, size // 2 + 3))
    bench = Bench(1, size, queue=("own",))
    ballot = bench.lead()
    steps = [bench.hear(node, Accepted(ballot, 1)) for node in others]
    assert [bool(step.decided) for step in steps] == [False] * (len(others) - 1) + [True]
    assert steps[-1].records == [DecideRecord(block(1, "own"), Ballot.ZERO)], "it holds no vote"


@pytest.mark.parametrize("tenure", TENURES)
def test_a_cluster_of_one_decides_alone(tenure: Tenure) -> None:
    bench = Bench(1, 1, tenure, queue=("p", "q"))
    for _ in range(20):
        bench.wait(0.5)
        bench.hear_own()
    assert (bench.replica.learner.height, bench.application.queue) == (2, [])


# Ballots.


@pytest.mark.parametrize(
    ("sender", "seen"),
    [
        (2, Prepare(Ballot(7, 2))),
        (2, accept_of(7, 2)),
        (2, Heartbeat(0, Ballot(7, 2))),
        (3, Heartbeat(0, Ballot(7, 2))),
        (2, Nack(Ballot(1, 1), Ballot(7, 3))),
    ],
)
def test_a_campaign_takes_a_ballot_above_every_one_seen(sender: NodeId, seen: Message) -> None:
    bench = Bench(queue=("own",))
    bench.hear(sender, seen)
    assert bench.campaign() == Ballot(8, 1)


def test_each_try_takes_a_higher_ballot() -> None:
    bench, ballots = Bench(queue=("own",)), []
    for _ in range(4):
        ballots.append(bench.campaign())
        bench.wait(2.0)
        for peer in (2, 3):
            bench.hear(peer, Heartbeat(0, Ballot.ZERO))
    assert ballots == [Ballot(round, 1) for round in (1, 2, 3, 4)]


def test_a_campaign_without_a_majority_of_answers_ends_and_is_tried_again() -> None:
    bench = Bench(1, 5, queue=("own",))
    first = bench.campaign()
    bench.hear(2, Promise(first, 0, None))
    bench.wait(2.0)
    assert not bench.replica.leader.is_active
    for sender in (3, 4):
        bench.hear(sender, Promise(first, 0, None))
    assert not bench.replica.leader.is_active, "these promises are late"
    assert bench.campaign() > first


def test_a_node_without_a_majority_does_not_campaign() -> None:
    bench = Bench(1, 5, queue=("own",), links=False)
    bench.take(bench.replica.on_link(2, True, bench.now))
    steps = bench.wait(2.0)
    assert receivers(steps, Prepare) == []
    assert bench.replica.acceptor.promised == Ballot.ZERO


# Catching up first.


def test_a_lagging_leader_fetches_the_chain_before_it_proposes() -> None:
    bench = Bench(queue=("own",))
    ballot = bench.campaign()
    step = bench.hear(2, Promise(ballot, 2, proposal(9, 9, 3, "x")))
    assert step.messages == [(2, Behind(0))]
    assert receivers(bench.due(), Accept) == []
    step = bench.hear(2, Blocks((block(1),), 2))
    assert [*step.messages, *sent(bench.due(), Accept)] == [(2, Behind(1))]
    bench.hear(2, Blocks((block(2),), 2))
    assert sent(bench.due(), Accept)[0] == (1, Accept(Proposal(ballot, block(3, "x"))))


def test_a_lagging_acceptor_accepts_nothing_and_asks_for_what_it_lacks() -> None:
    bench = Bench(3)
    step = bench.hear(1, accept_of(1, 1, 3))
    assert (step.messages, step.records) == ([(1, Behind(0))], [])
    step = bench.hear(1, Blocks(blocks(1, 2), 2))
    assert step.messages == [(1, Behind(2))]
    assert sent(bench.hear(1, accept_of(1, 1, 3)), Accepted) == [(1, Accepted(Ballot(1, 1), 3))]


def test_an_acceptor_that_is_ahead_sends_the_leader_what_that_one_lacks() -> None:
    bench = Bench(3, durable=at_height(4))
    step = bench.hear(1, accept_of(1, 1, 2))
    assert (step.reads, step.messages, step.records) == ([BlocksWanted(1, 2)], [], [])


@pytest.mark.parametrize(
    ("height", "reads", "accepts"),
    [(0, [BlocksWanted(2, 1)], 0), (3, [BlocksWanted(2, 4)], 0), (4, [], 1), (5, [], 0)],
)
def test_whoever_is_behind_gets_the_blocks_and_then_the_accept_in_flight(
    height: int, reads: list[BlocksWanted], accepts: int
) -> None:
    bench = Bench(durable=at_height(4), queue=("own",))
    bench.lead()
    step = bench.hear(2, Behind(height))
    assert (step.reads, len(sent(step, Accept))) == (reads, accepts)


# Deciding.


def test_a_decision_of_what_was_accepted_in_another_ballot_is_fetched() -> None:
    bench = Bench(3)
    bench.hear(1, accept_of(1, 1, 1, "b"))
    step = bench.hear(2, Decide(1, Ballot(2, 2), "a1"))
    assert (step.decided, step.messages) == ([], [(2, Behind(0))])
    assert bench.replica.acceptor.accepted == proposal(1, 1, 1, "b"), "until it knows better"
    step = bench.hear(2, Blocks((block(1),), 1))
    assert step.decided == [block(1)]
    assert bench.replica.acceptor.accepted is None


def test_a_decision_does_not_touch_what_was_accepted_for_the_slot_above() -> None:
    bench = Bench(3, durable=at_height(4, Ballot(5, 2), proposal(5, 2, 5)))
    for late in (Decide(4, Ballot(5, 2), "a4"), Decide(3, Ballot(5, 2), "a3")):
        bench.hear(2, late)
    bench.hear(2, Blocks(blocks(2, 4), 4))
    assert bench.replica.durable == at_height(4, Ballot(5, 2), proposal(5, 2, 5))


def test_a_ballot_is_above_those_of_all_blocks_that_were_fetched_not_only_of_the_last() -> None:
    """The last block may have been proposed in a lower ballot, and taken over from a promise."""
    bench = Bench(3, queue=("own",))
    first, second = blocks(1, 2)
    fetched = (replace(first, ballot=Ballot(9, 2)), replace(second, ballot=Ballot(5, 1)))
    assert bench.hear(2, Blocks(fetched, 2)).decided == list(fetched)
    assert bench.campaign() == Ballot(10, 3)


# Heartbeats.


def test_a_heartbeat_tells_height_and_leader_once_a_second() -> None:
    bench = Bench(1, 5, Tenure.STABLE, at_height(4), ("own",))
    ballot = bench.lead()
    bench.decide()
    steps = bench.wait(10.0)
    beats = [message for to, message in sent(steps, Heartbeat) if to == 5]
    assert 9 <= len(beats) <= 11
    assert set(beats) == {Heartbeat(5, ballot)}


def test_a_heartbeat_of_a_higher_node_is_asked_for_its_blocks() -> None:
    assert Bench().hear(2, Heartbeat(3, Ballot.ZERO)).messages == [(2, Behind(0))]


# The ballot that decided a block: told only where a quorum is known to have accepted in it.


def test_a_leader_knows_the_ballot_that_decided_what_it_took_over() -> None:
    bench = Bench(queue=("own",))
    ballot = bench.campaign()
    for sender in (1, 2):
        bench.hear(sender, Promise(ballot, 0, proposal(1, 3, 1) if sender == 2 else None))
    bench.due()
    for sender in (2, 3):
        step = bench.hear(sender, Accepted(ballot, 1))
    assert (step.decided, step.decided_in) == ([block(1)], ballot)
    assert block(1).ballot != ballot


def test_a_decide_tells_its_ballot_to_a_node_that_accepted_in_it() -> None:
    bench = Bench(3)
    bench.hear(1, accept_of(7, 1, 1))
    step = bench.hear(1, Decide(1, Ballot(7, 1), block(1).hash))
    assert (step.decided, step.decided_in) == ([block(1)], Ballot(7, 1))


def test_blocks_and_a_later_accept_tell_only_that_a_block_is_decided() -> None:
    fetching = Bench(3)
    step = fetching.hear(2, Blocks((block(1),), 1))
    assert (step.decided, step.decided_in) == ([block(1)], Ballot.ZERO)
    following = Bench(3)
    following.hear(1, accept_of(7, 1, 1))
    step = following.hear(2, accept_of(8, 2, 2))
    assert (step.decided, step.decided_in) == ([block(1)], Ballot.ZERO)
