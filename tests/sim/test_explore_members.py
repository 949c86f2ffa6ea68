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
from benmo.sim.explore.system import System

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


def test_an_old_member_goes_on_beside_the_new_one_until_it_learns_of_the_change() -> None:
    system = System(replace(ONE_CHANGE, campaigns=1))
    Search(system).run()
    found = {(local.moment.actor.label, local.is_ended) for local in system.locals}
    assert {("3", False), ("3", True), ("3b", False)} <= found
    assert ("3b", True) not in found


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
    assert found.violation == "node 1 decided slot 1 without a quorum"
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
    assert found.violation == "node 2 takes height 1 for confirmed, and slot 2 is decided"
