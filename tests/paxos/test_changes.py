"""A replica over a change of the members: who counts, and when. Source: `members.md`'s rules."""

from __future__ import annotations

import pytest

from benmo.paxos.leader import Phase
from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import (
    Accept,
    Accepted,
    Blocks,
    Confirm,
    Confirmed,
    Heartbeat,
    Nack,
    Prepare,
    Promise,
)
from benmo.paxos.notices import LeadershipWon
from benmo.paxos.step import Confirmation, Step
from benmo.paxos.types import GENESIS_HASH, Ballot, Change, ChangeKind, MemberId, NodeId, Tenure
from tests.support.replicas import Bench, NamedBlock, at_height, blocks, proposal, sent

NEW, OTHER = "a" * 32, "b" * 32
REPLACED = Change(ChangeKind.REPLACE, 3, numbered_member(3), NEW, "h", 1)
REMOVED = Change(ChangeKind.REMOVE, 5, numbered_member(5))
ADDED = Change(ChangeKind.ADD, 4, "", NEW, "h", 1)


def with_change(change: Change, slot: int = 1) -> NamedBlock:
    """The block a1, a2, … of a slot, with a change."""
    previous = GENESIS_HASH if slot == 1 else f"a{slot - 1}"
    return NamedBlock(slot, previous, f"a{slot}", change=change)


def hear(bench: Bench, sender: NodeId, member: MemberId, message: object) -> Step:
    return bench.take(bench.replica.on_message(sender, message, bench.now, member))  # type: ignore[arg-type]


def leads(bench: Bench) -> bool:
    return bench.replica.leader.is_leading


def changed(
    change: Change, node: NodeId = 1, size: int = 5, tenure: Tenure = Tenure.BLOCK
) -> Bench:
    """A node at height 1, where the block in slot 1 holds the change; it wants to propose."""
    bench = Bench(node, size, tenure, queue=("own",))
    bench.hear(2, Blocks((with_change(change),), 1))
    bench.due()
    return bench


# Votes and promises count by member.


def test_the_vote_of_a_replaced_member_does_not_count() -> None:
    bench = changed(REPLACED)
    promise = Promise(bench.campaign(), 1, None)
    bench.hear(2, promise)
    bench.hear(4, promise)
    bench.due()
    bench.hear_own()
    accepted = Accepted(bench.replica.leader.ballot, 2)
    bench.hear(2, accepted)
    assert hear(bench, 3, numbered_member(3), accepted).decided == []
    assert [each.slot for each in hear(bench, 3, NEW, accepted).decided] == [2]


def test_the_promise_of_a_replaced_member_does_not_count() -> None:
    bench = changed(REPLACED)
    promise = Promise(bench.campaign(), 1, None)
    bench.hear(2, promise)
    hear(bench, 3, numbered_member(3), promise)
    assert bench.replica.leader.phase is Phase.PREPARE
    (won,) = [each for each in hear(bench, 3, NEW, promise).notices if type(each) is LeadershipWon]
    assert won.promised_by == (1, 2, 3)


def test_old_and_new_member_of_a_node_are_not_one_vote_each() -> None:
    bench = changed(REPLACED)
    promise = Promise(bench.campaign(), 1, None)
    hear(bench, 3, NEW, promise)
    hear(bench, 3, numbered_member(3), promise)
    assert bench.replica.leader.phase is Phase.PREPARE


def test_what_a_replaced_member_has_accepted_is_not_taken_over() -> None:
    bench = changed(REPLACED)
    ballot = bench.campaign()
    hear(bench, 3, numbered_member(3), Promise(ballot, 1, proposal(1, 2, 2, "other")))
    for peer in (2, 4):
        bench.hear(peer, Promise(ballot, 1, None))
    ((_, accept),) = [each for each in sent(bench.due(), Accept) if each[0] == 2]
    assert accept.proposal.block.hash == "own2"


@pytest.mark.parametrize(("change", "needed"), [(ADDED, 3), (REMOVED, 3)])
def test_an_even_number_of_members_needs_its_own_majority(change: Change, needed: int) -> None:
    bench = changed(change, size=3 if change is ADDED else 5)
    promise = Promise(bench.campaign(), 1, None)
    for count, peer in enumerate((2, 3), 2):
        bench.hear(peer, promise)
        assert bench.replica.leader.is_leading is (count >= needed)


def test_a_member_of_which_nothing_is_known_counts_once_the_chain_says_so() -> None:
    """The node was behind when it was promised its ballot, and learns who voted catching up."""
    bench = Bench(size=3, queue=("own",))
    promise = Promise(bench.campaign(), 1, None)
    hear(bench, 3, NEW, promise)
    assert bench.replica.leader.phase is Phase.PREPARE
    bench.hear(2, Blocks((with_change(REPLACED),), 1))
    asked = bench.due()
    assert bench.replica.leader.proposal is not None
    assert {to for to, _ in sent(asked, Accept)} == {1, 2, 3}


def test_promises_that_are_no_majority_once_caught_up_are_not_enough() -> None:
    """They were one of the members before: counted before catching up only, this would fork."""
    bench = Bench(size=3, queue=("own",))
    promise = Promise(bench.campaign(), 1, None)
    bench.hear(3, promise)
    assert leads(bench)
    bench.hear(2, Blocks((with_change(REPLACED),), 1))
    assert sent(bench.due(), Accept) == []
    assert not leads(bench)
    hear(bench, 3, NEW, promise)
    assert sent(bench.due(), Accept) != []


# A leader and its change.


@pytest.mark.parametrize("tenure", list(Tenure))
def test_a_leader_asks_anew_after_a_block_with_a_change(tenure: Tenure) -> None:
    bench = Bench(size=5, tenure=tenure, queue=("own", "more"))
    bench.application.change = REPLACED
    ballot = bench.lead()
    assert [each.slot for step in bench.decide() for each in step.decided] == [1]
    assert bench.replica.membership.is_voter(NEW)
    assert not bench.replica.leader.is_leading
    assert bench.campaign() > ballot


def test_without_a_change_a_stable_leader_goes_on() -> None:
    bench = Bench(size=5, tenure=Tenure.STABLE, queue=("own", "more"))
    ballot = bench.lead()
    bench.decide()
    assert (bench.replica.leader.phase, bench.replica.leader.ballot) == (Phase.ACCEPT, ballot)


# Who proposes.


@pytest.mark.parametrize("member", ["before", "after"])
def test_a_node_that_is_no_member_of_a_slot_does_not_campaign_for_it(member: str) -> None:
    bench = Bench(3, 5, queue=("own",))
    if member == "before":
        bench.application.membership = bench.application.membership.after(REPLACED, 1)
    bench.hear(2, Blocks((with_change(REPLACED),) if member == "after" else blocks(1, 1), 1))
    bench.wait(1000.0)
    assert not bench.replica.is_voter
    assert not bench.replica.leader.is_active


def test_a_replaced_node_that_was_promised_its_ballot_does_not_propose() -> None:
    """The new member may take the same ballot: that forks in seven steps if both propose."""
    bench = Bench(3, 5, queue=("own",))
    promise = Promise(bench.campaign(), 1, None)
    for peer in (1, 2, 4):
        bench.hear(peer, promise)
    bench.hear(2, Blocks((with_change(REPLACED),), 1))
    assert sent(bench.due(), Accept) == []
    assert bench.replica.leader.proposal is None


def test_a_node_that_is_no_member_answers_as_an_acceptor() -> None:
    bench = changed(REPLACED, node=3)
    assert sent(bench.hear(2, Prepare(Ballot(50, 2))), Promise) != []
    assert sent(bench.hear(1, Prepare(Ballot(40, 1))), Nack) != []
    assert sent(bench.hear(2, Accept(proposal(50, 2, 2))), Accepted) != []
    assert sent(bench.hear(2, Confirm(7)), Confirmed) == [(2, Confirmed(7, 2))]


def test_another_member_of_the_same_node_is_not_heard() -> None:
    """It may outbid this one's ballot with one that looks like this node's own."""
    bench = changed(REPLACED)
    ballot = bench.lead(1)
    before = bench.replica.durable
    step = hear(bench, 1, OTHER, Prepare(Ballot(ballot.round + 5, 1)))
    assert step.messages == [] and bench.replica.durable == before


# Peers.


def test_a_node_that_is_added_is_a_peer_from_then_on() -> None:
    bench = Bench(size=3)
    bench.take(bench.replica.on_link(4, True, bench.now))
    assert bench.replica.reachability.reached == 3
    bench.hear(2, Blocks((with_change(ADDED),), 1))
    bench.due()
    assert bench.replica.reachability.reached == 4
    bench.now += 1.0
    assert 4 in [to for to, _ in sent(bench.due(), Heartbeat)]


def test_a_node_that_is_removed_is_no_peer_any_more() -> None:
    bench = Bench(size=5)
    bench.hear(2, Blocks((with_change(REMOVED),), 1))
    bench.due()
    assert bench.replica.reachability.reached == 4
    bench.now += 1.0
    assert 5 not in [to for to, _ in sent(bench.due(), Heartbeat)]
    bench.hear(5, Heartbeat(1, Ballot.ZERO))
    assert bench.replica.reachability.reached == 4


def test_the_height_of_a_replaced_member_is_not_its_successors() -> None:
    bench = Bench(size=3)
    bench.hear(3, Heartbeat(9, Ballot.ZERO))
    bench.hear(2, Blocks((with_change(REPLACED),), 1))
    bench.due()
    assert not bench.replica.reachability.has_reported(3)
    step = hear(bench, 3, NEW, Heartbeat(0, Ballot.ZERO))
    assert step.notices == []
    hear(bench, 3, numbered_member(3), Heartbeat(9, Ballot.ZERO))
    assert bench.replica.reachability.height(3) == 0


# Confirmed reads.


def test_a_confirmed_read_asks_again_where_the_members_changed_on_the_way() -> None:
    bench = Bench(size=3)
    step = bench.take(bench.replica.on_confirm(1, bench.now))
    ((_, first), *_) = sent(step, Confirm)
    bench.hear(2, Confirmed(first.number, 1))
    bench.hear(2, Blocks((with_change(REPLACED),), 1))
    steps = bench.due()
    assert [each for step in steps for each in step.confirmations] == []
    ((_, second), *_) = sent(steps, Confirm)
    assert second.number != first.number
    hear(bench, 3, numbered_member(3), Confirmed(second.number, 1))
    assert hear(bench, 3, NEW, Confirmed(second.number, 1)).confirmations == [Confirmation(1, 1)]


def test_a_confirmed_read_counts_no_member_but_those_that_vote() -> None:
    bench = Bench(size=3, durable=at_height(1))
    step = bench.take(bench.replica.on_confirm(1, bench.now))
    ((_, question), *_) = sent(step, Confirm)
    assert hear(bench, 3, NEW, Confirmed(question.number, 1)).confirmations == []
    assert bench.hear(3, Confirmed(question.number, 1)).confirmations == [Confirmation(1, 1)]
