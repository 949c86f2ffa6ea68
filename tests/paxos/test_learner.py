"""Learning: *Paxos Made Simple*, section 2.3, and the catching up of whoever missed it."""

from __future__ import annotations

from math import inf

import pytest

from benmo.paxos.learner import Learner
from benmo.paxos.membership import numbered
from benmo.paxos.messages import Behind, Blocks, Decide, Heartbeat
from benmo.paxos.reachability import Reachability
from benmo.paxos.step import DecideRecord, Step
from benmo.paxos.types import Ballot, Proposal, ProtocolError
from tests.support.replicas import (
    Bench,
    NamedBlock,
    at_height,
    block,
    blocks,
    proposal,
    receivers,
    settings,
)

B11, B22 = Ballot(1, 1), Ballot(2, 2)


def learner(height: int = 0, size: int = 3) -> Learner:
    """Node 1's learner with the chain a1 … a`height`; it can reach everyone."""
    its_settings, members = settings(1), numbered(range(1, size + 1))
    peers = Reachability(its_settings, members)
    for peer in members.peers(1):
        peers.on_link(peer, True, 0.0)
    return Learner(its_settings, peers, height, at_height(height).head)


def decide(
    it: Learner, slot: int, ballot: Ballot, block_hash: str, accepted: Proposal | None
) -> Step:
    step = Step()
    it.on_decide(ballot.node, Decide(slot, ballot, block_hash), accepted, 0.0, step)
    return step


def take(it: Learner, height: int, *new: NamedBlock, now: float = 0.0) -> Step:
    step = Step()
    it.on_blocks(2, Blocks(new, height), now, step)
    return step


# Decide.


def test_a_node_decides_what_it_accepted_in_the_ballot_of_the_decision() -> None:
    it = learner()
    step = decide(it, 1, B22, "a1", proposal(2, 2))
    assert (it.height, it.head) == (1, "a1")
    assert step.decided == [block(1)]
    assert step.records == [DecideRecord(block(1), B22)]


@pytest.mark.parametrize(
    ("why", "accepted"),
    [
        ("nothing", None),
        ("another block in a lower ballot", proposal(1, 1, 1, "b")),
        ("the same block in a lower ballot", proposal(1, 1, 1, "a")),
        ("another block in a higher ballot", proposal(3, 1, 1, "b")),
    ],
)
def test_a_node_that_accepted_something_else_fetches_the_block(
    why: str, accepted: Proposal | None
) -> None:
    """The ballot decides: the block that it holds may be another one."""
    it = learner()
    step = decide(it, 1, B22, "a1", accepted)
    assert it.height == 0, why
    assert (step.decided, step.records, step.messages) == ([], [], [(2, Behind(0))])


@pytest.mark.parametrize("slot", [1, 2, 3])
def test_a_late_or_doubled_decision_does_nothing(slot: int) -> None:
    it = learner(3)
    assert decide(it, slot, B22, f"a{slot}", None) == Step()
    assert it.height == 3


def test_a_decision_of_a_slot_further_up_is_no_decision_of_the_next() -> None:
    it = learner(3)
    step = decide(it, 5, B22, "a5", proposal(2, 2, 4))
    assert it.height == 3
    assert step.messages == [(2, Behind(3))]


def test_a_decision_that_contradicts_what_its_ballot_proposed_is_a_protocol_error() -> None:
    it = learner()
    with pytest.raises(ProtocolError, match="didn't propose"):
        decide(it, 1, B22, "b1", proposal(2, 2, 1, "a"))
    assert it.height == 0


# Blocks.


@pytest.mark.parametrize(
    ("height", "first", "last", "new_height"),
    [
        (0, 1, 3, 3),
        (2, 3, 3, 3),
        (2, 1, 4, 4),
        (3, 1, 3, 3),
        (5, 2, 4, 5),
        (1, 3, 5, 1),
    ],
)
def test_of_the_blocks_sent_those_that_are_new_and_follow_are_appended_once(
    height: int, first: int, last: int, new_height: int
) -> None:
    it = learner(height)
    step = take(it, last, *blocks(first, last))
    assert it.height == new_height
    assert step.decided == list(blocks(height + 1, new_height))
    assert step.records == [DecideRecord(each, Ballot.ZERO) for each in step.decided]


@pytest.mark.parametrize(
    "sent_blocks",
    [
        (block(1, previous="elsewhere"),),
        (block(1), block(2, previous="b1")),
        (block(1), block(3)),
        (block(1), block(2), block(2)),
    ],
)
def test_blocks_that_do_not_link_are_a_protocol_error_and_none_is_appended(
    sent_blocks: tuple[NamedBlock, ...],
) -> None:
    it = learner()
    with pytest.raises(ProtocolError, match=r"follow|another chain"):
        take(it, 3, *sent_blocks)
    assert it.height == 0


def test_no_blocks_at_all_do_nothing() -> None:
    assert take(learner(2), 2).messages == []


def test_a_node_asks_on_until_it_is_where_its_peer_is() -> None:
    it = learner()
    assert take(it, 9, *blocks(1, 4)).messages == [(2, Behind(4))]
    assert it.deadline != inf
    caught_up = take(it, 9, *blocks(5, 9))
    assert it.deadline == inf
    assert caught_up.messages == [(2, Behind(9))], "so that it gets the Accept in flight"


# Asking.


def test_only_one_request_for_blocks_is_under_way() -> None:
    it, step = learner(), Step()
    it.ask(2, 5, 0.0, step)
    it.ask(3, 5, 0.09, step)
    assert step.messages == [(2, Behind(0))]
    it.ask(3, 5, 0.1, step)
    assert step.messages == [(2, Behind(0)), (3, Behind(0))]


@pytest.mark.parametrize(("height", "asks"), [(2, False), (3, False), (4, True)])
def test_only_a_node_that_is_further_is_asked(height: int, asks: bool) -> None:
    it, step = learner(3), Step()
    it.ask(2, height, 0.0, step)
    assert bool(step.messages) is asks


def test_another_peer_is_asked_when_the_first_stays_silent() -> None:
    """It may be heard and not hear: a link can be cut in one direction."""
    bench = Bench(1, 5)
    asked: list[int] = []
    for peer in (2, 3):
        asked += receivers(bench.hear(peer, Heartbeat(4, Ballot.ZERO)), Behind)
    for _ in range(3):
        for peer in (2, 3):
            bench.now += 1.0
            asked += receivers([*bench.due(), bench.hear(peer, Heartbeat(4, Ballot.ZERO))], Behind)
    assert asked[:2] == [2, 3]
    assert asked[2:] != [], "and then it begins anew"


def test_a_peer_that_lost_blocks_in_a_crash_is_not_taken_for_the_highest_any_more() -> None:
    """A decision alone needn't be durable, so a peer's height may fall."""
    bench = Bench(1, 5)
    bench.hear(2, Heartbeat(9, Ballot.ZERO))
    bench.hear(2, Heartbeat(0, Ballot.ZERO))
    bench.hear(3, Heartbeat(4, Ballot.ZERO))
    bench.now += 2.0
    assert receivers(bench.due(), Behind) == [3]


def test_the_only_one_that_is_further_is_asked_again() -> None:
    it, step = learner(3), Step()
    it.ask(2, 4, 0.0, Step())
    it.ask(3, 3, 0.0, Step())
    it.on_timer(0.09, step)
    assert step.messages == []
    it.on_timer(0.11, step)
    assert step.messages == [(2, Behind(3))]


def test_each_request_without_an_answer_is_given_twice_the_time_up_to_a_rounds_limit() -> None:
    it, waits = learner(3), []
    it.ask(2, 4, 0.0, Step())
    now = 0.0
    for _ in range(7):
        waits.append(round(it.deadline - now, 3))
        now = it.deadline
        it.on_timer(now, Step())
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_the_next_request_is_given_a_multiple_of_the_time_that_the_last_one_took() -> None:
    it = learner(3)
    it.ask(2, 9, 0.0, Step())
    it.on_blocks(2, Blocks(blocks(4, 5), 9), 0.08, Step())
    assert it.deadline == pytest.approx(0.08 + 4 * 0.08)
    it.on_blocks(2, Blocks(blocks(6, 7), 9), 0.081, Step())
    assert it.deadline == pytest.approx(0.081 + 0.1), "but never less than this"


def test_when_another_leader_comes_or_this_node_campaigns_the_request_is_made_anew() -> None:
    it, step = learner(3), Step()
    it.ask(2, 4, 0.0, Step())
    it.forget_request()
    it.ask(3, 4, 0.01, step)
    assert step.messages == [(3, Behind(3))]


def test_when_the_one_that_was_asked_is_gone_another_is_asked_at_once() -> None:
    it, step = learner(3), Step()
    it.ask(2, 4, 0.0, Step())
    it._reachability.on_height(3, 4)
    it.on_gone(3, 0.01)
    assert it.deadline == pytest.approx(0.1)
    it._reachability.on_link(2, False, 0.02)
    it.on_gone(2, 0.02)
    it.on_timer(0.02, step)
    assert step.messages == [(3, Behind(3))]


def test_nobody_is_asked_when_nobody_reachable_is_further() -> None:
    it, step = learner(3), Step()
    it.ask(2, 4, 0.0, Step())
    it._reachability.on_link(2, False, 1.0)
    it.on_timer(2.0, step)
    assert step.messages == []
    assert it.deadline == inf


# The leader's own learner.


def test_a_leader_appends_what_it_counted_a_majority_for() -> None:
    it, step = learner(2), Step()
    it.append(block(3), B11, step)
    assert (it.height, it.head) == (3, "a3")
    assert step.records == [DecideRecord(block(3), B11)]


@pytest.mark.parametrize("slot", [2, 4])
def test_nothing_is_appended_out_of_order(slot: int) -> None:
    with pytest.raises(AssertionError):
        learner(2).append(block(slot), B11, Step())


def test_a_chain_that_shrinks_is_noticed() -> None:
    with pytest.raises(AssertionError, match="L1"):
        learner(2).check(3)
    learner(3).check(3)
