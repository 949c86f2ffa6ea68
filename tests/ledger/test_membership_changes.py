"""Changes of the membership, as the ledger and the queue see them."""

from __future__ import annotations

import pytest

from benmo.errors import ProtocolError, Reason, reason_of
from benmo.ledger.blocks import AppliedBlock, Outcome, decode_block, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.payment_queue import NotQueued, PaymentQueue
from benmo.ledger.transfers import Payments, Run
from benmo.paxos.membership import numbered_member
from benmo.paxos.types import GENESIS_HASH, Ballot, Change, ChangeKind

NEW, OTHER = "a" * 32, "b" * 32
REPLACED = Change(ChangeKind.REPLACE, 3, numbered_member(3), NEW, "h", 7003)
ADDED = Change(ChangeKind.ADD, 4, "", NEW, "h", 7004)
REMOVED = Change(ChangeKind.REMOVE, 3, numbered_member(3))
LEADER = Ballot(5, 2)


def ledger(third: int = 100) -> Ledger:
    return Ledger({1: 100, 2: 100, 3: third})


def apply(it: Ledger, *runs: Run, change: Change | None = None) -> AppliedBlock:
    """Apply the next block, as it is read again from its bytes."""
    block = encode_block(it.height + 1, Ballot(1, 1), it.head, 1.5, runs, change)
    return it.apply(decode_block(block.data))


def outcomes(applied: AppliedBlock) -> list[Outcome]:
    return [outcome for _, outcome in applied.outcomes()]


def queue(it: Ledger, node: int = 3, member: str | None = None) -> PaymentQueue:
    own = numbered_member(node) if member is None else member
    return PaymentQueue(node, own, it, encode_block, 10, 100)


# The ledger.


def test_a_change_is_in_force_in_the_slot_after_its_own() -> None:
    it = ledger()
    assert not apply(it, change=REPLACED).is_change_void
    assert it.membership.voters[3].since == 2
    assert it.balances == {1: 100, 2: 100, 3: 100}


@pytest.mark.parametrize("run", [Run(3, 1, (1,), (5,)), Run(3, 1, (1, 9), (5, 5))])
def test_what_a_replaced_member_queued_is_skipped_once_the_change_is_decided(run: Run) -> None:
    """Also where its number would be the next one; and what its successor queues is applied."""
    it = ledger()
    assert outcomes(apply(it, Run(3, 1, (1,), (1,)), change=REPLACED)) == [Outcome.APPLIED]
    late = Run(3, 2, run.credit, run.amount)
    assert set(outcomes(apply(it, late))) == {Outcome.SKIPPED}
    assert it.last[3] == 1 and it.balances[3] == 99
    assert outcomes(apply(it, Run(3, 2, (1,), (5,), member=1))) == [Outcome.APPLIED]
    assert it.balances == {1: 106, 2: 100, 3: 94}


def test_what_stands_beside_the_change_in_its_block_is_still_the_old_members() -> None:
    it = ledger()
    assert outcomes(apply(it, Run(3, 1, (1,), (5,)), change=REPLACED)) == [Outcome.APPLIED]
    assert outcomes(apply(it, Run(3, 1, (1,), (5,), member=1))) == [Outcome.SKIPPED]


def test_nobody_pays_as_a_member_that_there_is_not_yet() -> None:
    it = ledger()
    assert outcomes(apply(it, Run(3, 1, (1,), (5,), member=1))) == [Outcome.SKIPPED]
    assert outcomes(apply(it, Run(3, 1, (1,), (5,)))) == [Outcome.APPLIED]


def test_a_new_node_begins_with_nothing_and_can_be_paid() -> None:
    it = ledger()
    assert outcomes(apply(it, Run(1, 1, (4,), (5,)), change=ADDED)) == [Outcome.REFUSED]
    assert it.balances[4] == 0
    assert outcomes(apply(it, Run(1, 2, (4,), (5,)))) == [Outcome.APPLIED]
    assert outcomes(apply(it, Run(4, 1, (1,), (5,)))) == [Outcome.APPLIED]
    assert it.total == sum(it.balances.values()) == 300


def test_only_an_empty_account_is_removed() -> None:
    it = ledger(third=7)
    assert it.why_change_void(REMOVED) == "node 3 has 7 on its account"
    assert apply(it, change=REMOVED).is_change_void
    assert it.membership.nodes == (1, 2, 3)
    assert not apply(it, Run(3, 1, (1,), (7,)), change=REMOVED).is_change_void
    assert it.balances == {1: 107, 2: 100}


def test_a_payment_in_the_same_block_keeps_a_node_from_being_removed() -> None:
    it = ledger(third=0)
    assert apply(it, Run(1, 1, (3,), (1,)), change=REMOVED).is_change_void
    assert it.balances == {1: 99, 2: 100, 3: 1}


def test_nothing_is_paid_to_or_by_a_removed_node() -> None:
    it = ledger(third=0)
    apply(it, change=REMOVED)
    assert outcomes(apply(it, Run(1, 1, (3,), (1,)))) == [Outcome.REFUSED]
    assert outcomes(apply(it, Run(3, 1, (1,), (1,)))) == [Outcome.SKIPPED]
    why = it.why_void(next(Run(1, 2, (3,), (1,)).transfers()))
    assert why == "there is no node 3: nodes are 1 to 2" and reason_of(why) is Reason.UNKNOWN_NODE


def test_numbers_go_on_where_a_node_comes_back() -> None:
    it = ledger(third=1)
    apply(it, Run(3, 1, (1,), (1,)), change=REMOVED)
    apply(it, change=Change(ChangeKind.ADD, 3, "", NEW, "h", 1))
    assert it.last[3] == 1
    apply(it, Run(1, 1, (3,), (5,)))
    assert outcomes(apply(it, Run(3, 2, (1,), (5,)))) == [Outcome.SKIPPED]
    assert outcomes(apply(it, Run(3, 2, (1,), (5,), member=1))) == [Outcome.APPLIED]


def test_a_change_that_comes_twice_is_void_the_second_time() -> None:
    it = ledger()
    assert [apply(it, change=REPLACED).is_change_void for _ in range(2)] == [False, True]
    late = Change(ChangeKind.REPLACE, 3, numbered_member(3), OTHER, "h", 1)
    assert apply(it, change=late).is_change_void
    assert it.membership.voters[3].id == NEW


# Blocks.


def test_a_block_may_hold_a_change_alone_and_one_without_is_as_it_was() -> None:
    block = encode_block(1, Ballot(1, 1), GENESIS_HASH, 1.5, (), REPLACED)
    assert decode_block(block.data) == block and block.change == REPLACED
    plain = encode_block(1, Ballot(1, 1), GENESIS_HASH, 1.5, (Run(1, 1, (2,), (3,)),))
    assert b"change" not in plain.data and b"member" not in plain.data


@pytest.mark.parametrize(
    "change",
    [
        b'{"kind":"swap","node":3,"replaces":"%b"}' % (b"0" * 32),
        b'{"kind":"remove","node":0,"replaces":"%b"}' % (b"0" * 32),
        b'{"kind":"remove","node":3,"replaces":"zz"}',
        b'{"kind":"remove","node":3}',
        b'{"kind":"remove","node":3,"replaces":"%b","host":"h","port":1}' % (b"0" * 32),
        b'{"kind":"add","node":3,"member":"%b"}' % (b"a" * 32),
        b'{"kind":"add","node":3,"member":"%b","host":"h","port":0}' % (b"a" * 32),
        b'{"kind":"add","node":3,"member":"%b","host":"h","port":65536}' % (b"a" * 32),
        b'{"kind":"add","node":3,"member":"%b","host":"%b","port":1}' % (b"a" * 32, b"h" * 256),
        b'{"kind":"add","node":3,"member":"%b","host":"h","port":1,"more":1}' % (b"a" * 32),
    ],
)
def test_a_block_with_a_malformed_change_is_no_block(change: bytes) -> None:
    body = encode_block(1, Ballot(1, 1), GENESIS_HASH, 1.5, (), REMOVED).data
    start = body.index(b'"change":') + len(b'"change":')
    with pytest.raises(ProtocolError):
        decode_block(body[:start] + change + b"}")


# The queue.


def test_a_node_that_is_no_member_yet_queues_nothing() -> None:
    it = ledger()
    node = queue(it, member=NEW)
    refused = node.add(Payments.of((1, 5)))
    assert isinstance(refused, NotQueued) and reason_of(refused.reason) is Reason.NO_VOTE
    apply(it, Run(3, 1, (1,), (5,)))
    node.on_applied()
    apply(it, change=REPLACED)
    node.on_applied()
    assert node.add(Payments.of((1, 5))) == Run(3, 2, (1,), (5,), member=1)
    node.check()


def test_a_replaced_member_drops_its_queue_and_queues_no_more() -> None:
    it = ledger()
    node = queue(it)
    node.add(Payments.of((1, 5)))
    apply(it, change=REPLACED)
    node.on_applied()
    assert len(node.own) == 0 and node.reserved == 0
    assert isinstance(node.add(Payments.of((1, 5))), NotQueued)


def test_a_change_is_proposed_with_what_waits_and_once_only() -> None:
    it = ledger()
    node = queue(it, 1)
    assert node.ask_for(REPLACED) == ""
    assert (node.has_change, node.ready(), node.front()) == (True, True, 0)
    block = node.block(1, LEADER, it.head, 1.0)
    assert (block.change, block.runs) == (REPLACED, ())
    assert node.payers(block) == {1, 2, 3}
    it.apply(block)
    node.on_applied()
    assert (node.has_change, node.ready(), node.change) == (False, False, None)


def test_a_change_that_has_no_effect_is_not_waited_for() -> None:
    it = ledger()
    node = queue(it, 1)
    assert node.ask_for(REMOVED) == "node 3 has 100 on its account"
    assert not node.has_change
    apply(it, change=REPLACED)
    assert "another member by now" in node.ask_for(REPLACED)


def test_a_removal_is_forgotten_once_the_account_is_paid() -> None:
    """Else it would remove the node much later, when the account happens to be empty."""
    it = ledger(third=0)
    node = queue(it, 1)
    assert node.ask_for(REMOVED) == ""
    apply(it, Run(1, 1, (3,), (1,)))
    node.on_applied()
    assert node.change is None
    apply(it, Run(3, 1, (1,), (1,)))
    node.on_applied()
    assert not node.has_change


def test_a_forwarded_removal_is_forgotten_likewise() -> None:
    it = ledger(third=0)
    leader = queue(it, 1)
    leader.take_forwarded(2, REMOVED)
    assert leader.has_change
    for run in (Run(1, 1, (3,), (1,)), Run(3, 1, (1,), (1,))):
        apply(it, run)
        leader.on_applied()
    assert it.balances[3] == 0 and not leader.has_change


def test_a_node_without_a_vote_is_not_asked_for_changes() -> None:
    it = ledger()
    assert "has no vote itself" in queue(it, member=NEW).ask_for(ADDED)
    apply(it, change=REPLACED)
    assert "has no vote itself" in queue(it).ask_for(REMOVED)


@pytest.mark.parametrize("node", [100, 2**52])
def test_no_node_has_a_great_number(node: int) -> None:
    """Nobody could remove it again, if its number alone took all memory."""
    it = ledger()
    change = Change(ChangeKind.ADD, node, "", NEW, "h", 1)
    assert it.why_change_void(change) == "nodes are numbered from 1 to 99"
    assert apply(it, change=change).is_change_void


def test_a_change_is_forwarded_to_the_leader_and_again_with_each_heartbeat() -> None:
    node, leader = queue(ledger(), 1), queue(ledger(), 2)
    node.ask_for(REPLACED)
    assert node.forward(LEADER, again=False) == [REPLACED]
    assert node.forward(LEADER, again=False) == []
    assert node.forward(LEADER, again=True) == [REPLACED]
    assert node.forward(Ballot(6, 3), again=False) == [REPLACED]
    leader.take_forwarded(1, REPLACED)
    assert leader.block(1, LEADER, GENESIS_HASH, 1.0).change == REPLACED
    leader.drop_forwarded()
    assert not leader.has_change


def test_what_the_new_member_forwards_takes_the_place_of_what_the_old_one_did() -> None:
    it = ledger()
    leader = queue(it, 1)
    leader.take_forwarded(3, Run(3, 1, (1,), (5,)))
    leader.take_forwarded(3, Run(3, 1, (2,), (6,), member=1))
    leader.take_forwarded(3, Run(3, 1, (1,), (5,)))
    assert not leader.ready(), "the new member is none yet"
    apply(it, change=REPLACED)
    leader.on_applied()
    block = leader.block(2, LEADER, it.head, 1.0)
    assert block.runs == (Run(3, 1, (2,), (6,), member=1),)
