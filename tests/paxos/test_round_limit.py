"""The time limit of a round follows what answers take, and has bounds. No safety rests on it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from benmo.paxos.membership import numbered, numbered_member
from benmo.paxos.notices import BallotGivenUp, Defeat, RoundLimitRaised
from benmo.paxos.round_limit import RoundLimit
from benmo.paxos.step import Step
from benmo.paxos.types import Ballot, NodeId, Tenure
from tests.support.replicas import TENURES, settings
from tests.support.slow_cluster import SlowCluster

FIVE = numbered(range(1, 6))
LEAST_S, MOST_S = 2.0, 40.0


def campaign(
    limit: RoundLimit, round_: int, took_s: float, promised_by: Iterable[NodeId] = (1, 2, 3)
) -> list[object]:
    """Let a campaign at second 100 be answered after `took_s`; what people are told."""
    ballot, step = Ballot(round_, 1), Step()
    limit.on_campaign(ballot, 100.0)
    for node in promised_by:
        now = 100.0 + (0 if node == 1 else took_s)
        limit.on_promise(numbered_member(node), ballot, FIVE, now, step)
    return list(step.notices)


@pytest.mark.parametrize(
    ("took_s", "limit_s"),
    [(0.002, 2.0), (0.6, 2.0), (0.7, 2.1), (2.0, 6.0), (10.0, 30.0), (50.0, 40.0), (1e6, 40.0)],
)
def test_a_round_may_take_three_times_as_long_as_a_quorum_took(
    took_s: float, limit_s: float
) -> None:
    limit = RoundLimit(settings(1))
    assert limit.limit_s == LEAST_S
    campaign(limit, 1, took_s)
    assert limit.limit_s == pytest.approx(limit_s)
    assert LEAST_S <= limit.limit_s <= MOST_S


def test_less_than_a_quorum_teaches_nothing_nor_does_one_node_twice() -> None:
    limit = RoundLimit(settings(1))
    assert campaign(limit, 1, 5.0, promised_by=(1, 2, 2, 2)) == []
    assert (limit.limit_s, limit.answer_s) == (LEAST_S, 0.0)


def test_promises_that_come_after_other_campaigns_teach_too() -> None:
    limit = RoundLimit(settings(1))
    for round_ in range(1, 6):
        limit.on_campaign(Ballot(round_, 1), 10.0 * round_)
    for node in (1, 2, 3):
        limit.on_promise(numbered_member(node), Ballot(1, 1), FIVE, 19.0, Step())
    assert limit.limit_s == 27.0


def test_a_shorter_time_halves_the_limit_at_most() -> None:
    limit = RoundLimit(settings(1))
    campaign(limit, 1, 8.0)
    seen = [limit.limit_s]
    for round_ in range(2, 7):
        campaign(limit, round_, 0.002)
        seen.append(limit.limit_s)
    assert seen == [24.0, 12.0, 6.0, 3.0, LEAST_S, LEAST_S]


def test_a_limit_that_grew_is_told_once() -> None:
    limit = RoundLimit(settings(1))
    assert campaign(limit, 1, 0.6) == []
    assert campaign(limit, 2, 2.0) == [RoundLimitRaised(2.0, 6.0)]
    assert campaign(limit, 3, 2.1) == []
    assert campaign(limit, 4, 4.0) == [RoundLimitRaised(4.0, 12.0)]


def test_campaigns_that_nobody_answers_take_no_memory() -> None:
    limit = RoundLimit(settings(1))
    for round_ in range(1, 1000):
        limit.on_campaign(Ballot(round_, 1), float(round_))
    assert len(limit._campaigns) <= 32


@pytest.mark.parametrize("tenure", TENURES)
@pytest.mark.parametrize("delay_s", [0.0, 0.6, 1.0, 3.0, 5.0])
@pytest.mark.parametrize("election_delay_s", [(20.0, 60.0), (2.0, 6.0), (0.0, 0.1)])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_queued_is_decided_however_slow_the_links_are(
    tenure: Tenure, delay_s: float, election_delay_s: tuple[float, float], seed: int
) -> None:
    """Three of the five nodes have something to propose, so that they get in each other's way."""
    cluster = SlowCluster(5, tenure, election_delay_s, delay_s, seed)
    for node in (1, 2, 3):
        cluster.queue(node)
    took_s = cluster.run_until_decided(within_s=4000.0)
    assert took_s < 20 * (election_delay_s[1] + 8 * delay_s + LEAST_S)


def test_a_leader_gives_its_ballots_up_until_it_knows_how_slow_the_links_are() -> None:
    cluster = SlowCluster(5, Tenure.BLOCK, (2.0, 6.0), 1.0, 1)
    cluster.queue(1)
    cluster.run_until_decided(within_s=100.0)
    defeats = [each for each in cluster.notices if isinstance(each, BallotGivenUp)]
    assert {(each.defeat, each.limit_s) for each in defeats} == {(Defeat.NO_ANSWER, LEAST_S)}
    assert any(isinstance(each, RoundLimitRaised) for each in cluster.notices)
