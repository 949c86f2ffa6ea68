"""Liveness: *Paxos Made Simple*, section 2.4. All of it is about time, none of it about safety."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from random import Random

import pytest

from benmo.paxos.election import Election
from benmo.paxos.membership import numbered_member
from benmo.paxos.round_limit import RoundLimit
from benmo.paxos.types import Ballot, Settings, Tenure
from tests.support.replicas import TENURES, settings

THEIRS = Ballot(3, 2)


def election(
    delay: tuple[float, float] = (20.0, 60.0), tenure: Tenure = Tenure.BLOCK, seed: int = 1
) -> Election:
    its = settings(1, tenure, delay)
    return Election(its, Random(seed), RoundLimit(its))


def wanting(
    delay: tuple[float, float] = (20.0, 60.0), tenure: Tenure = Tenure.BLOCK, seed: int = 1
) -> Election:
    """An election of a node that has wanted to lead since second 100."""
    it = election(delay, tenure, seed)
    it.settle(wants=True, is_active=False, now=100.0)
    return it


@pytest.mark.parametrize("delay", [(20.0, 60.0), (0.0, 0.0), (5.0, 5.0), (0.0, 0.5)])
@pytest.mark.parametrize("seed", range(20))
def test_the_election_delay_is_drawn_from_its_range(delay: tuple[float, float], seed: int) -> None:
    low, high = delay
    backoff_s = Settings(1, numbered_member(1)).backoff_s
    waits = wanting(delay, seed=seed).deadline - 100.0
    assert low < waits <= high + backoff_s + 1e-9


def test_the_whole_range_is_used() -> None:
    waits = [wanting(seed=seed).deadline - 100.0 for seed in range(200)]
    assert min(waits) < 22.0
    assert max(waits) > 58.0


def test_the_delay_comes_from_the_given_random_and_nowhere_else() -> None:
    assert wanting(seed=7).deadline == wanting(seed=7).deadline
    assert wanting(seed=7).deadline != wanting(seed=8).deadline


def test_even_without_a_delay_nodes_do_not_campaign_together() -> None:
    deadlines = {wanting((0.0, 0.0), seed=seed).deadline for seed in range(50)}
    assert len(deadlines) == 50
    assert min(deadlines) > 100.0


def test_a_node_that_wants_nothing_never_campaigns() -> None:
    it = election()
    it.settle(wants=False, is_active=False, now=100.0)
    assert it.deadline == inf


@pytest.mark.parametrize(("wants", "is_active"), [(False, False), (True, True), (False, True)])
def test_the_delay_is_dropped_when_there_is_no_reason_left(wants: bool, is_active: bool) -> None:
    it = wanting()
    it.settle(wants, is_active, now=101.0)
    assert it.deadline == inf


def test_the_delay_starts_once_and_not_with_every_call() -> None:
    it = wanting()
    before = it.deadline
    for now in (101.0, 110.0, 119.0):
        it.settle(wants=True, is_active=False, now=now)
    assert it.deadline == before


@pytest.mark.parametrize("tenure", TENURES)
def test_a_node_holds_while_another_is_at_work(tenure: Tenure) -> None:
    """Section 2.4: progress needs one proposer that the others leave alone."""
    it = wanting((0.0, 0.0), tenure)
    it.on_leader(THEIRS, 100.0)
    assert it.deadline == 102.0, "a round's time limit"
    it.on_leader(THEIRS, 101.5)
    assert it.deadline == (103.5 if tenure is Tenure.BLOCK else 102.0), "busy is not enough"


def test_holding_does_not_shorten_the_delay() -> None:
    it = wanting()
    before = it.deadline
    it.on_leader(THEIRS, 100.0)
    assert it.deadline == before > 102.0


@pytest.mark.parametrize("tenure", TENURES)
def test_a_node_that_begins_to_want_while_another_leads_gives_it_a_rounds_time(
    tenure: Tenure,
) -> None:
    it = election((0.0, 0.0), tenure)
    it.on_leader(THEIRS, 50.0)
    it.settle(wants=True, is_active=False, now=100.0)
    assert it.deadline == 102.0


@pytest.mark.parametrize(("peer", "was_leader"), [(2, True), (3, False), (0, False)])
def test_a_node_stops_holding_when_the_leader_is_gone(peer: int, was_leader: bool) -> None:
    it = wanting((0.0, 0.0))
    it.on_leader(THEIRS, 100.0)
    assert it.on_gone(peer, 100.5) is was_leader
    assert (100.5 < it.deadline < 101.0) is was_leader, "with a jitter, as others see it too"
    assert it.leader == (Ballot.ZERO if was_leader else THEIRS)


def test_nobody_is_gone_where_nobody_led() -> None:
    assert not election().on_gone(0, 100.0)


def test_in_tenure_block_a_decision_ends_the_hold_and_the_leader() -> None:
    it = wanting((0.0, 0.0))
    it.on_leader(THEIRS, 100.0)
    it.on_decided(100.5)
    assert it.leader == Ballot.ZERO
    assert 100.5 < it.deadline < 101.0, "with a jitter, as others begin at this moment too"


def test_in_tenure_stable_the_leader_is_left_alone_while_what_waits_here_moves_on() -> None:
    it = wanting((0.0, 0.0), Tenure.STABLE)
    it.on_leader(THEIRS, 100.0)
    it.on_front(7, 101.5)
    assert it.leader == THEIRS
    assert it.deadline == 103.5
    it.on_front(8, 103.0)
    assert it.deadline == 105.0


def served(it: Election, seconds: float, times: int) -> float:
    """Let a stable leader decide this node's transfers, each in so long; the time then."""
    now = 100.0
    it.on_leader(THEIRS, now)
    for front in range(1, times + 2):
        it.on_front(front, now)
        now += seconds
    return now - seconds


@pytest.mark.parametrize(
    ("seconds", "patience_s"),
    [(0.001, 0.4), (0.05, 0.4), (0.1, 0.8), (0.2, 1.6), (0.3, 2.0), (1.9, 2.0)],
)
def test_a_stable_leader_is_given_some_times_as_long_as_it_usually_takes(
    seconds: float, patience_s: float
) -> None:
    it = wanting((0.0, 0.0), Tenure.STABLE)
    now = served(it, seconds, 3)
    assert it.deadline == pytest.approx(now + patience_s), "a round's time limit at most"


def test_one_slow_decision_counts_at_once_and_is_forgotten_little_by_little() -> None:
    it = wanting((0.0, 0.0), Tenure.STABLE)
    now = served(it, 0.01, 20)
    it.on_front(99, now + 0.2)
    assert it.deadline == pytest.approx(now + 0.2 + 1.6)
    now, before = now + 0.2, 1.6
    for front in range(100, 140):
        now += 0.01
        it.on_front(front, now)
        assert it.deadline - now <= before + 1e-9
        before = it.deadline - now
    assert before == pytest.approx(0.4)


def test_a_node_without_a_queue_learns_from_what_it_waited_for() -> None:
    """An accepted block of another's, say, of which it doesn't hear that it is decided."""
    it = wanting((0.0, 0.0), Tenure.STABLE)
    it.on_leader(THEIRS, 100.0)
    for height in range(1, 4):
        it.on_front(-height, 100.0 + 0.2 * height)
    assert it.deadline == pytest.approx(100.6 + 1.6)


def test_time_in_which_a_node_wanted_nothing_is_not_learned_from() -> None:
    it = wanting((0.0, 0.0), Tenure.STABLE)
    now = served(it, 0.01, 5)
    it.settle(wants=False, is_active=False, now=now)
    it.on_front(-7, now + 100.0)
    it.settle(wants=True, is_active=False, now=now + 200.0)
    it.on_front(-8, now + 200.01)
    assert it.deadline == pytest.approx(now + 200.41)


def test_whoever_was_impatient_gives_the_next_leader_twice_as_long() -> None:
    it = wanting((0.0, 0.0), Tenure.STABLE)
    now = served(it, 0.01, 5)
    for patience_s in (0.8, 1.6, 2.0, 2.0):
        it.on_impatient()
        it.on_leader(THEIRS, now)
        it.settle(wants=False, is_active=False, now=now)
        it.settle(wants=True, is_active=False, now=now + 10)
        assert it.deadline == pytest.approx(now + 10 + patience_s)
        now += 100


def test_where_no_leader_is_known_a_campaign_is_no_impatience() -> None:
    it = wanting((0.0, 0.0), Tenure.STABLE)
    now = served(it, 0.01, 5)
    it.on_gone(THEIRS.node, now)
    it.on_impatient()
    it.on_leader(THEIRS, now)
    it.on_front(99, now)
    assert it.deadline == pytest.approx(now + 0.4)


def test_before_the_first_decision_a_stable_leader_has_a_rounds_time() -> None:
    it = wanting((0.0, 0.0), Tenure.STABLE)
    it.on_leader(THEIRS, 100.0)
    it.on_front(1, 100.0)
    assert it.deadline == 102.0


def test_in_tenure_stable_decisions_of_others_transfers_are_no_reason_to_wait_on() -> None:
    it = wanting((0.0, 0.0), Tenure.STABLE)
    it.on_leader(THEIRS, 100.0)
    it.on_front(7, 100.0)
    for now in (100.5, 101.0, 101.5):
        it.on_decided(now)
        it.on_front(7, now)
    assert it.deadline == 102.0


def test_a_decision_leaves_a_longer_delay_as_it_is() -> None:
    it = wanting()
    before = it.deadline
    it.on_decided(101.0)
    assert it.deadline == before


def test_a_failed_campaign_draws_a_new_delay() -> None:
    it = wanting()
    it.on_failed(200.0)
    assert 220.0 < it.deadline < 261.0
    again = it.deadline
    it.on_failed(200.0)
    assert it.deadline != again


def test_each_failure_makes_the_jitter_longer_up_to_a_bound() -> None:
    """So that those who outbid each other come apart, whatever a round takes."""
    mean = []
    for failures in range(12):
        waits = []
        for seed in range(100):
            it = wanting((0.0, 0.0), seed=seed)
            for _ in range(failures):
                it.on_failed(0.0)
            it.on_failed(0.0)
            waits.append(it.deadline)
        mean.append(sum(waits) / len(waits))
    assert all(earlier * 1.5 < later for earlier, later in pairwise(mean[:6]))
    assert max(mean) < 4.0


@pytest.mark.parametrize("decision", ["of another", "of its own"])
def test_a_decision_makes_the_jitter_short_again(decision: str) -> None:
    it = wanting((0.0, 0.0))
    for _ in range(10):
        it.on_failed(100.0)
    if decision == "of another":
        it.on_decided(100.0)
    else:
        it.on_own_decided(True, 100.0)
    it.on_failed(100.0)
    assert it.deadline <= 100.0 + Settings(1, numbered_member(1)).backoff_s


@pytest.mark.parametrize(("was_own_block", "is_soon"), [(False, True), (True, False)])
def test_a_leader_that_had_to_propose_anothers_block_tries_again_at_once(
    was_own_block: bool, is_soon: bool
) -> None:
    it = election()
    it.settle(wants=True, is_active=True, now=100.0)
    it.on_own_decided(was_own_block, 100.0)
    it.on_decided(100.0)
    it.settle(wants=True, is_active=False, now=100.0)
    assert (it.deadline < 101.0) is is_soon
