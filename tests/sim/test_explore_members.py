"""Explorations in which the members change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benmo.paxos.membership import Membership
from benmo.paxos.messages import Accepted, Promise
from benmo.paxos.quorum_reads import QuorumReads
from benmo.paxos.step import Step
from benmo.paxos.types import Ballot, ChangeKind, Tenure
from benmo.sim.explore.bounds import Bounds
from benmo.sim.explore.node import Moment
from benmo.sim.explore.path import lines_of, steps_of
from benmo.sim.explore.search import Search
from benmo.sim.explore.system import Local, System
from benmo.sim.planted import plant

ONE_CHANGE = Bounds(leaders=1, campaigns=2, crashes=0, changes=1, changed=3, tenure=Tenure.BLOCK)


@pytest.mark.parametrize(
    "bounds",
    [
        ONE_CHANGE,
        replace(ONE_CHANGE, kind=ChangeKind.ADD),
        replace(ONE_CHANGE, kind=ChangeKind.REMOVE),
    ],
    ids=["replace", "add", "remove"],
)
def test_nothing_is_wrong_with_a_change_and_the_new_members_decide_the_next_slot(
    bounds: Bounds,
) -> None:
    system = System(bounds)
    result = Search(system).run()
    assert (result.is_whole, result.counterexample) == (True, None)
    (change,) = bounds.planned
    after = {
        voters[1].is_voter(change.member or change.replaces)
        for chain, voters in zip(system.chains, system.voters, strict=True)
        if len(chain) == 2
    }
    assert after == {True, False}, "slot 2 is decided with and without the change in slot 1"


def test_an_old_member_goes_on_beside_the_new_one_and_promises_what_does_not_count() -> None:
    system = System(ONE_CHANGE)
    Search(system).run(states_max=5_000)
    retired = [each for each in system.locals if each.moment.parts.engine.retired_in == 1]
    assert {each.moment.actor.label for each in retired} == {"3"}
    promised = {
        (promised_in(local), promised_in(system.locals[transition.target]))
        for local in retired
        for transitions in local.transitions.values()
        for transition in transitions
    }
    assert (Ballot(1, 1), Ballot(2, 1)) in promised


def promised_in(local: Local) -> Ballot:
    return local.moment.replica.acceptor.promised


def test_a_change_that_was_decided_is_asked_for_in_vain() -> None:
    bounds = Bounds(slots=3, crashes=0, changes=1, changed=3, forwarding=False)
    (change,) = bounds.planned
    promise, vote = Promise(Ballot(1, 1), 0, None), Accepted(Ballot(1, 1), 1)
    leader = Moment.first(bounds, bounds.actors[0]).campaign().moment
    leader = leader.receive(bounds.actors[1], promise, change).moment
    assert leader.askable == (), "it waits already"
    changed = leader.receive(bounds.actors[1], vote).moment
    assert len(changed.chain) == 1
    assert changed.block(1).change == change
    assert changed.askable == ()
    again = changed.ask_for(change)
    assert again.moment.identity == changed.identity
    assert not again.sent


@pytest.mark.parametrize("tenure", list(Tenure))
def test_votes_of_members_that_dont_vote_in_a_slot_are_found_if_they_count(
    tenure: Tenure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Membership, "is_voter", lambda self, member: True)
    bounds = Bounds(crashes=0, changes=1, changed=3, forwarding=False, tenure=tenure)
    system = System(bounds)
    search = Search(system)
    found = search.run(states_max=20_000).counterexample
    assert found is not None
    assert found.violation.sentence == "node 1 decided slot 1 without a quorum"
    lines = list(lines_of(steps_of(system, search, found), found.violation))
    assert any(line.startswith("> 3b->1 Accepted slot 1") for line in lines)


def test_a_read_that_goes_by_the_answers_of_old_members_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = QuorumReads.settle

    def settle(
        self: QuorumReads, height: int, own_height: int, membership: Membership, step: Step
    ) -> None:
        for question in self._open.values():
            question.membership = membership
        original(self, height, own_height, membership, step)

    monkeypatch.setattr(QuorumReads, "settle", settle)
    found = Search(System(ONE_CHANGE)).run().counterexample
    assert found is not None
    assert found.violation.sentence == "node 2 takes height 1 for confirmed, and slot 2 is decided"


@pytest.mark.parametrize(
    "mistake", ["quorum-checked-before-catching-up", "retired-promise-counted"]
)
def test_a_promise_that_a_retired_member_gives_forks_the_chain_if_it_counts(mistake: str) -> None:
    bounds = Bounds(crashes=0, changes=1, tenure=Tenure.BLOCK)
    with plant(mistake, without_assertions=True):
        result = Search(System(bounds)).run()
    assert result.counterexample is not None
    assert (
        result.counterexample.violation.sentence
        == "quorums have accepted different blocks for slot 2"
    )
    assert result.depth == 16
