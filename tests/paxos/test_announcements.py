"""When a stable leader tells of a decision: by its next `Accept`, if there is one soon."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from benmo.paxos.announcements import Announcements
from benmo.paxos.messages import Accept, Accepted, Decide
from benmo.paxos.step import DecideRecord, Step
from benmo.paxos.types import Ballot, Proposal, Tenure
from tests.support.replicas import Bench, at_height, block, proposal, settings

DECIDE = Decide(7, Ballot(3, 1), "a7")
PEERS = (2, 3, 4, 5)
DELAY_S = 0.5


def telling(tenure: Tenure = Tenure.STABLE, delay_s: float = DELAY_S) -> Announcements:
    return Announcements(replace(settings(1, tenure), decide_delay_s=delay_s))


def decided(it: Announcements, *payers: int, now: float = 10.0) -> Step:
    step = Step()
    it.on_decided(DECIDE, payers, PEERS, now, step)
    return step


def due(it: Announcements, now: float) -> list[int]:
    step = Step()
    it.on_timer(now, step)
    assert all(message == DECIDE for _, message in step.messages)
    return [node for node, _ in step.messages]


@pytest.mark.parametrize(("tenure", "delay_s"), [(Tenure.BLOCK, DELAY_S), (Tenure.STABLE, 0.0)])
def test_a_leader_that_does_not_go_on_tells_at_once(tenure: Tenure, delay_s: float) -> None:
    it = telling(tenure, delay_s)
    assert decided(it, 2).messages == [(node, DECIDE) for node in PEERS]
    assert it.deadline == inf and due(it, 11.0) == []


def test_whose_users_wait_is_told_at_once_and_the_others_a_little_later() -> None:
    it = telling()
    assert decided(it, 1, 3, 5).messages == []
    assert it.deadline == 10.0
    assert due(it, 10.0) == [3, 5]
    assert it.deadline == 10.0 + DELAY_S
    assert due(it, 10.0 + DELAY_S / 2) == []
    assert due(it, 10.0 + DELAY_S) == [2, 4]
    assert it.deadline == inf and due(it, 20.0) == []


def test_where_everybody_waits_nobody_is_told_later() -> None:
    it = telling()
    decided(it, *PEERS)
    assert due(it, 10.0) == list(PEERS)
    assert it.deadline == inf


@pytest.mark.parametrize("payers", [(), (2, 3)])
def test_the_next_accept_tells(payers: tuple[int, ...]) -> None:
    it = telling()
    decided(it, *payers)
    it.on_proposed(8)
    assert it.deadline == inf and due(it, 20.0) == []


def test_the_next_accept_tells_those_who_were_to_be_told_later() -> None:
    it = telling()
    decided(it, 2)
    assert due(it, 10.0) == [2]
    it.on_proposed(8)
    assert it.deadline == inf and due(it, 20.0) == []


def test_an_accept_for_the_same_slot_tells_nothing() -> None:
    it = telling()
    decided(it, 2)
    it.on_proposed(7)
    assert due(it, 10.0) == [2]


# What an `Accept` tells.


def accepted_slot_1(name: str = "a") -> Bench:
    return Bench(node=2, durable=at_height(0, Ballot(3, 1), proposal(3, 1, 1, name)))


def test_an_accept_for_the_next_slot_decides_the_block_that_it_continues() -> None:
    bench = accepted_slot_1()
    step = bench.hear(1, Accept(proposal(3, 1, 2)))
    assert step.decided == [block(1)]
    assert step.records[0] == DecideRecord(block(1), Ballot(3, 1))
    assert (1, Accepted(Ballot(3, 1), 2)) in step.messages
    assert bench.replica.learner.height == 1
    assert bench.replica.acceptor.accepted == proposal(3, 1, 2)


def test_the_block_that_it_continues_may_have_been_accepted_in_another_ballot() -> None:
    bench = accepted_slot_1()
    step = bench.hear(3, Accept(proposal(9, 3, 2)))
    assert step.decided == [block(1)]
    assert step.records[0] == DecideRecord(block(1), Ballot(3, 1))
    assert (3, Accepted(Ballot(9, 3), 2)) in step.messages


def test_an_accept_that_continues_another_block_decides_nothing() -> None:
    bench = accepted_slot_1("b")
    step = bench.hear(1, Accept(proposal(3, 1, 2)))
    assert step.decided == [] and bench.replica.learner.height == 0
    assert not any(isinstance(message, Accepted) for _, message in step.messages)


@pytest.mark.parametrize("slot", [1, 3])
def test_an_accept_for_any_other_slot_decides_nothing(slot: int) -> None:
    bench = accepted_slot_1()
    theirs = Proposal(Ballot(9, 3), block(slot))
    assert bench.hear(3, Accept(theirs)).decided == []
    assert bench.replica.learner.height == 0
