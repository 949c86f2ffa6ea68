"""Whom a stable leader asks for votes: all of them, or while it is busy those that will do."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from benmo.paxos.messages import Accept, Accepted, Decide
from benmo.paxos.step import Step
from benmo.paxos.thrifty_votes import ThriftyVotes
from benmo.paxos.types import Ballot, NodeId, Tenure
from tests.support.replicas import Bench, receivers, settings

ALL = [1, 2, 3, 4, 5]
THRIFT_S = 0.5


def thrift(tenure: Tenure = Tenure.STABLE, thrift_s: float = THRIFT_S) -> ThriftyVotes:
    """After a proposal at 10 s that went to all, and that the votes of 1, 3 and 5 decided."""
    it = ThriftyVotes(replace(settings(1, tenure), thrift_s=thrift_s))
    assert it.ask(ALL, (), 3, 10.0) == ALL and it.deadline == inf
    it.on_decided({1, 3, 5})
    return it


def test_a_busy_leader_asks_those_who_voted_first_and_those_whose_users_wait() -> None:
    it = thrift()
    assert it.ask(ALL, (), 3, 10.1) == [1, 3, 5]
    it.on_decided((1, 3, 5))
    assert it.ask(ALL, (1, 2), 3, 10.2) == [1, 2, 3, 5]


def test_everybody_is_asked_once_in_a_while() -> None:
    it = thrift()
    asked = []
    for tenth in range(1, 12):
        asked.append(len(it.ask(ALL, (), 3, 10 + tenth / 10)))
        it.on_decided((1, 3, 5))
    assert asked == [3, 3, 3, 3, 5, 3, 3, 3, 3, 5, 3]


def test_a_leader_that_is_not_busy_asks_everybody() -> None:
    it = thrift()
    for now in (11.0, 12.0, 13.0):
        assert it.ask(ALL, (), 3, now) == ALL
        it.on_decided((1, 3, 5))


@pytest.mark.parametrize(("tenure", "thrift_s"), [(Tenure.BLOCK, THRIFT_S), (Tenure.STABLE, 0.0)])
def test_without_thrift_everybody_is_always_asked(tenure: Tenure, thrift_s: float) -> None:
    it = thrift(tenure, thrift_s)
    assert it.ask(ALL, (), 3, 10.0) == ALL
    assert it.deadline == inf and it.rest(100.0) == ()


@pytest.mark.parametrize("left", [[1, 2, 4, 5], [1, 3], [1, 2]])
def test_where_a_voter_is_left_out_everybody_else_is_asked(left: list[NodeId]) -> None:
    assert thrift().ask(left, (), 3, 10.1) == left


def test_a_new_leader_asks_everybody() -> None:
    it = thrift()
    it.end()
    assert it.ask(ALL, (), 3, 10.1) == ALL


def test_votes_of_all_but_the_leader_decide_too() -> None:
    it = thrift()
    it.on_decided((3, 4, 5))
    assert it.ask(ALL, (), 3, 10.1) == [1, 3, 4, 5]


def test_the_rest_is_asked_once_if_the_votes_are_late() -> None:
    it = thrift()
    it.ask(ALL, (), 3, 10.1)
    assert it.deadline == 10.1 + THRIFT_S
    assert it.rest(10.5) == ()
    assert it.rest(10.1 + THRIFT_S) == [2, 4]
    assert it.deadline == inf and it.rest(11.0) == ()


def test_the_rest_is_asked_at_once_if_one_that_was_asked_is_gone() -> None:
    it = thrift()
    it.ask(ALL, (), 3, 10.1)
    it.on_gone(4, 10.2)
    assert it.deadline == 10.1 + THRIFT_S, "nobody waits for that one"
    it.on_gone(3, 10.2)
    assert it.deadline == 10.2
    assert it.rest(10.2) == [2, 4]


def test_when_a_voter_is_gone_between_two_proposals_the_next_one_goes_to_all() -> None:
    it = thrift()
    it.on_gone(3, 10.05)
    assert it.deadline == inf and it.ask(ALL, (), 3, 10.1) == ALL


def test_once_it_is_decided_the_rest_is_not_asked() -> None:
    it = thrift()
    it.ask(ALL, (), 3, 10.1)
    it.on_decided((1, 3, 5))
    assert it.deadline == inf and it.rest(20.0) == ()


# A replica.


def busy() -> tuple[Bench, Ballot]:
    """The stable leader of five nodes, at height 1 by the votes of nodes 1, 2 and 3."""
    bench = Bench(
        size=5,
        tenure=Tenure.STABLE,
        queue=("a", "b", "c"),
        thrift_s=THRIFT_S,
        decide_delay_s=0.1,
    )
    ballot = bench.lead()
    assert bench.replica.leader.proposal is not None
    return bench, ballot


def test_a_busy_leader_decides_with_the_quorum_that_it_asks() -> None:
    bench, _ = busy()
    steps = bench.decide()
    assert receivers(steps, Accept) == [1, 2, 3] and receivers(steps, Decide) == []
    bench.decide()
    assert bench.replica.learner.height == 2


def test_whose_users_wait_for_the_slot_before_is_asked_for_the_next() -> None:
    bench, ballot = busy()
    bench.application.payers_of = {1: (4,)}
    assert receivers(bench.decide(), Accept) == [1, 2, 3, 4]
    assert receivers(bench.decide(), Accept) == [1, 2, 3]
    assert bench.replica.leader.ballot == ballot


def test_with_a_large_block_everybody_is_asked() -> None:
    bench, _ = busy()
    bench.application.block_bytes = bench.settings.thrift_bytes_max + 1
    assert receivers(bench.decide(), Accept) == [1, 2, 3, 4, 5]


def test_the_rest_of_the_nodes_can_decide_it_when_those_who_were_asked_do_not_answer() -> None:
    bench, ballot = busy()
    bench.decide()
    steps = bench.hear_own() + bench.wait(THRIFT_S + 0.01)
    assert receivers(steps, Accept) == [4, 5]
    for peer in (4, 5):
        bench.hear(peer, Accepted(ballot, 2))
    assert bench.replica.learner.height == 2
    steps = bench.due()
    assert receivers(steps, Accept) == [1, 4, 5], "those who answer are asked from now on"


def test_the_rest_is_asked_as_soon_as_a_link_to_a_voter_breaks() -> None:
    bench, _ = busy()
    bench.decide()
    bench.take(bench.replica.on_link(2, False, bench.now))
    assert receivers(bench.due(), Accept) == [4, 5]


def test_nothing_is_asked_by_who_does_not_lead_any_more() -> None:
    bench, ballot = busy()
    bench.decide()
    bench.replica.leader.resign()
    step = Step()
    bench.replica.leader.on_timer(bench.now + 1.0, step)
    assert receivers(step, Accept) == [] and ballot != Ballot.ZERO


def test_where_no_more_comes_all_are_told_of_what_is_decided() -> None:
    bench, _ = busy()
    for _ in range(2):
        bench.decide()
    steps = bench.decide() + bench.wait(0.1)
    assert receivers(steps, Decide) == [2, 3, 4, 5]
