"""One node of an explored system: what an event leads to."""

from __future__ import annotations

from benmo.paxos.messages import Accept, Accepted, Decide, Promise
from benmo.paxos.types import Ballot
from benmo.sim.explore.bounds import Bounds
from benmo.sim.explore.node import EventResult, Moment

ACTORS = Bounds().actors


def test_a_leader_may_crash_after_its_accept_requests_and_before_its_own_vote() -> None:
    outcome = elected(Bounds())
    assert outcome.moment.replica.acceptor.accepted is not None
    for after, sent in outcome.crashed:
        assert isinstance(after, Moment)
        assert after.replica.acceptor.promised == Ballot(1, 1)
        assert after.replica.acceptor.accepted is None
        assert [type(message) for _, message in sent] == [Accept, Accept]
    assert len(outcome.crashed) == 2


def test_a_decision_alone_outlasts_a_kill_and_not_a_power_cut() -> None:
    acceptor = Moment.first(Bounds(), ACTORS[1])
    for _, message in elected(Bounds()).sent[:1]:
        acceptor = acceptor.receive(ACTORS[0], message).moment
    accepted = acceptor.replica.acceptor.accepted
    assert accepted is not None
    decide = Decide(1, accepted.ballot, accepted.block.hash)
    killed, cut_off = acceptor.receive(ACTORS[0], decide).moment.crash()
    assert isinstance(killed, Moment)
    assert isinstance(cut_off, Moment)
    assert (len(killed.chain), len(cut_off.chain)) == (1, 0)
    assert cut_off.replica.acceptor.accepted == accepted


def test_an_event_leaves_the_moment_before_it_as_it_was() -> None:
    leader = elected(Bounds()).moment
    before = leader.identity
    outcome = leader.receive(ACTORS[1], Accepted(Ballot(1, 1), 1))
    assert len(outcome.moment.chain) == 1
    assert outcome.moment.identity != before
    del leader.__dict__["identity"]
    assert leader.identity == before


def test_a_node_answers_a_question_by_the_slot_it_accepted_as_soon_as_it_is_durable() -> None:
    outcome = elected(Bounds())
    assert outcome.moment.confirmed_height == 1
    crashed = [after for after, _ in outcome.crashed if isinstance(after, Moment)]
    assert [after.confirmed_height for after in crashed] == [0, 0], (
        "in the middle of that very event"
    )
    for after in outcome.moment.crash():
        assert isinstance(after, Moment)
        assert after.confirmed_height == 1


def test_only_leaders_campaign_and_only_as_often_as_they_may() -> None:
    may_campaign = [Moment.first(Bounds(), actor).may_campaign for actor in ACTORS]
    assert may_campaign == [True, True, False]
    assert not Moment.first(Bounds(), ACTORS[0]).campaign().moment.may_campaign
    failed = Moment.first(Bounds(campaigns=2), ACTORS[0]).campaign().moment
    assert failed.may_time_out
    assert failed.time_out().moment.may_campaign


def elected(bounds: Bounds) -> EventResult:
    """Node 1 hears the promise that makes it leader."""
    promise = Promise(Ballot(1, 1), 0, None)
    return Moment.first(bounds, ACTORS[0]).campaign().moment.receive(ACTORS[1], promise)
