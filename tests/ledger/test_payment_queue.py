"""The queue: a node's own queue, and the blocks that it makes of what waits."""

import pytest

from benmo.ledger.blocks import encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.payment_queue import QUEUE_IS_FULL, NotQueued, PaymentQueue
from benmo.ledger.transfers import Payments, Run
from benmo.paxos.membership import numbered_member
from tests.support.queueing_node import FIRST, NODES, QueueingNode, numbers

# The queue.


def test_transfers_are_numbered_from_one_without_gaps() -> None:
    node = QueueingNode()
    assert node.pay((2, 10)) == Run(1, 1, (2,), (10,))
    assert node.pay((3, 5), (2, 1)) == Run(1, 2, (3, 2), (5, 1))
    assert node.queue.own == Run(1, 1, (2, 3, 2), (10, 5, 1))
    assert (node.queue.reserved, node.queue.available) == (16, 84)


def test_numbers_go_on_after_a_decision_and_a_restart() -> None:
    node = QueueingNode()
    node.pay((2, 10), (3, 5))
    node.decide(Run(1, 1, (2,), (10,)))
    again = PaymentQueue(1, numbered_member(1), node.ledger, encode_block, 10, 100, node.queue.own)
    for queue in (node.queue, again):
        assert queue.add(Payments.of((2, 1))) == Run(1, 3, (2,), (1,))
        assert (numbers(queue.own), queue.reserved, queue.available) == ([2, 3], 6, 84)


def test_what_waits_is_counted_against_the_balance() -> None:
    node = QueueingNode()
    assert isinstance(node.pay((2, 60)), Run)
    text = "node 1 has 40 to spend (60 more wait in the queue), not 41"
    assert node.pay((3, 41)) == NotQueued(text)
    assert isinstance(node.pay((3, 40)), Run)
    assert node.queue.available == 0
    text = "node 1 has 0 to spend (100 more wait in the queue), not 1"
    assert node.pay((3, 1)) == NotQueued(text)


def test_who_pays_nothing_new_needs_no_room() -> None:
    """The limit may have been lowered below what waits; a retry under known keys is still one."""
    node = QueueingNode()
    node.pay((2, 10), (3, 5))
    queue = PaymentQueue(1, numbered_member(1), node.ledger, encode_block, 1, 100, node.queue.own)
    assert queue.add(Payments.of()) == Run(1, 3, (), ())
    assert queue.add(Payments.of((2, 1))) == QUEUE_IS_FULL


def test_a_decision_frees_what_it_spent_and_a_credit_can_be_spent() -> None:
    node = QueueingNode()
    node.pay((2, 60), (2, 40))
    node.decide(Run(1, 1, (2,), (60,)), Run(3, 1, (1,), (25,)))
    assert (node.queue.reserved, node.queue.available) == (40, 25)
    assert isinstance(node.pay((3, 25)), Run)
    node.queue.check()


@pytest.mark.parametrize(
    ("payments", "reason"),
    [
        ([(2, 50), (3, 51)], "node 1 has 50 to spend (50 more wait in the queue), not 51"),
        ([(2, 50), (1, 1)], "node 1 can't pay itself"),
        ([(2, 50), (4, 1)], "there is no node 4: nodes are 1 to 3"),
        ([(2, 50), (0, 1)], "there is no node 0: nodes are 1 to 3"),
        ([(2, 50), (3, 0)], "the amount must be a whole number of 1 or more, not 0"),
        ([(2, 50), (3, -50)], "the amount must be a whole number of 1 or more, not -50"),
        ([(2, 10**30)], f"node 1 has 100 to spend, not {10**30}"),
        ([(2, 1)] * 11, "that is too much: at most 10 transfers wait at a time"),
    ],
)
def test_of_several_transfers_all_are_queued_or_none(
    payments: list[tuple[int, int]], reason: str
) -> None:
    node = QueueingNode()
    assert node.pay(*payments) == NotQueued(reason)
    assert (len(node.queue.own), node.queue.reserved, node.queue.front()) == (0, 0, 0)
    assert node.pay((2, 100)) == Run(1, 1, (2,), (100,))


def test_the_log_has_a_limit_until_something_is_decided() -> None:
    node = QueueingNode(log_limit=3)
    assert isinstance(node.pay((2, 1), (2, 1)), Run)
    assert node.pay((2, 1), (2, 1)) == QUEUE_IS_FULL
    assert isinstance(node.pay((2, 1)), Run)
    assert node.pay((2, 1)) == QUEUE_IS_FULL
    node.decide(Run(1, 1, (2, 2), (1, 1)))
    assert node.pay((2, 1), (2, 1)) == Run(1, 4, (2, 2), (1, 1))
    assert node.pay((2, 1)) == QUEUE_IS_FULL


def test_adding_nothing_changes_nothing() -> None:
    node = QueueingNode()
    assert node.pay() == Run(1, 1, (), ())
    assert not node.queue.front() and not node.queue.ready()


def test_another_nodes_decision_leaves_the_queue_as_it_is() -> None:
    node = QueueingNode()
    node.pay((2, 60))
    node.decide(Run(2, 1, (3,), (5,)))
    assert node.queue.own == Run(1, 1, (2,), (60,)) and node.queue.reserved == 60


def test_a_decided_queue_is_empty_and_waits_no_more() -> None:
    node = QueueingNode()
    node.pay((2, 60), (3, 40))
    assert node.queue.front() == 1 and node.queue.ready()
    node.decide(*node.block().runs)
    assert not node.queue.front() and not node.queue.ready()
    assert (node.queue.reserved, node.queue.available, node.queue.own.first) == (0, 0, 3)


def test_a_queue_with_a_gap_or_without_cover_is_a_bug() -> None:
    ledger = Ledger(dict.fromkeys(NODES, 100))
    with pytest.raises(AssertionError, match="Q1"):
        PaymentQueue(1, numbered_member(1), ledger, encode_block, 10, 100, Run(1, 2, (2,), (1,)))
    with pytest.raises(AssertionError, match="Q2"):
        PaymentQueue(1, numbered_member(1), ledger, encode_block, 10, 100, Run(1, 1, (2,), (101,)))


def test_the_front_of_the_queue_moves_as_transfers_are_decided() -> None:
    node = QueueingNode()
    assert node.queue.front() == 0
    node.pay((2, 1), (3, 2), (2, 3))
    assert [transfer.id for transfer in node.queue.own.transfers()] == ["1-1", "1-2", "1-3"]
    assert node.queue.front() == 1
    node.decide(node.queue.own.upto(2))
    assert node.queue.front() == 3
    node.decide(node.queue.own)
    assert node.queue.front() == 0


# Memos and keys.


@pytest.mark.parametrize(
    ("memo", "reason"),
    [
        ("m" * 141, "a memo has at most 140 characters, not 141"),
        ("a\tb", "a memo can't hold the invisible character U+0009"),
        ("\u202eflipped", "a memo can't hold the invisible character U+202E"),
    ],
)
def test_a_memo_that_can_not_be_shown_is_refused_with_all_that_came_with_it(
    memo: str, reason: str
) -> None:
    node = QueueingNode()
    assert node.queue.add(Payments((2, 3), (1, 1), ("fine", memo))) == NotQueued(reason)
    assert (len(node.queue.own), node.queue.reserved) == (0, 0)
    assert isinstance(node.queue.add(Payments((2,), (1,), ("m" * 140,))), Run)


def test_texts_stay_with_their_transfers_on_their_way_into_blocks() -> None:
    node = QueueingNode(block_transfers_max=2)
    node.pay((2, 1))
    node.queue.add(Payments((3, 2), (2, 3), ("rent", ""), ("", "key")))
    seen = []
    while node.queue.ready():
        (run,) = node.block().runs
        seen += [(each.number, each.memo, each.key) for each in run.transfers()]
        node.decide(run)
    assert seen == [(1, "", ""), (2, "rent", ""), (3, "", "key")]


def test_what_is_forwarded_is_continued_with_its_texts() -> None:
    node = QueueingNode()
    node.queue.take_forwarded(2, Run(2, 1, (1, 3), (5, 6)))
    node.queue.take_forwarded(2, Run(2, 2, (3, 1), (6, 7), ("", "rent"), ("", "b")))
    (run,) = node.block().runs
    assert run == Run(2, 1, (1, 3, 1), (5, 6, 7), ("", "", "rent"), ("", "", "b"))


def test_more_text_than_a_block_holds_is_shared_out_and_goes_into_the_next_ones() -> None:
    """Each node has its share of the room: nobody's long memos keep the others out."""
    node = QueueingNode(balance=100_000, log_limit=100_000, block_transfers_max=20_000)
    count = 15_000
    long = Payments((3,) * count, (1,) * count, ("🧾" * 140,) * count)
    assert isinstance(node.queue.add(long), Run)
    node.queue.take_forwarded(2, long.numbered(2, 1))
    node.queue.take_forwarded(3, Run(3, 1, (1,), (1,), ("short",)))
    seen, blocks = [], 0
    while node.queue.ready():
        block = node.block()
        assert len(block.runs) == (3 if blocks == 0 else 2)
        assert sum(run.characters for run in block.runs) <= 1_500_000
        seen += [transfer.id for transfer in block.transfers()]
        node.decide(*block.runs)
        blocks += 1
    assert len(seen) == len(set(seen)) == 2 * count + 1
    assert blocks <= 4


# Blocks.


def test_a_block_holds_the_own_queue_and_what_was_forwarded() -> None:
    node = QueueingNode()
    node.pay((2, 1))
    node.queue.take_forwarded(3, Run(3, 1, (1,), (4,)))
    node.queue.take_forwarded(2, Run(2, 1, (1, 3), (5, 6)))
    block = node.block()
    assert block.runs == (Run(1, 1, (2,), (1,)), Run(2, 1, (1, 3), (5, 6)), Run(3, 1, (1,), (4,)))
    assert (block.slot, block.ballot, block.previous) == (1, FIRST, node.ledger.head)


@pytest.mark.parametrize(
    ("maximum", "expected"),
    [(1, [[1]]), (2, [[1], [1]]), (3, [[1], [1], [1]]), (5, [[1, 2], [1], [1, 2]]), (9, None)],
)
def test_a_block_holds_no_more_than_its_limit(
    maximum: int, expected: list[list[int]] | None
) -> None:
    node = QueueingNode(block_transfers_max=maximum)
    node.pay((2, 1), (3, 2))
    node.queue.take_forwarded(2, Run(2, 1, (1, 3), (5, 6)))
    node.queue.take_forwarded(3, Run(3, 1, (1, 2), (5, 6)))
    block = node.block()
    assert [numbers(run) for run in block.runs] == (expected or [[1, 2], [1, 2], [1, 2]])
    assert len(block) <= maximum
    assert all(len(run) > 0 for run in block.runs)


def test_what_has_no_room_in_a_block_is_in_the_next() -> None:
    node = QueueingNode(block_transfers_max=2)
    node.pay((2, 1), (2, 2), (2, 3))
    node.queue.take_forwarded(2, Run(2, 1, (1, 3), (5, 6)))
    seen = []
    while node.queue.ready():
        block = node.block()
        seen.append([(run.debit, numbers(run)) for run in block.runs])
        node.decide(*block.runs)
    assert seen == [[(1, [1]), (2, [1])], [(1, [2]), (2, [2])], [(1, [3])]]


def test_a_long_queue_does_not_keep_the_others_out_of_the_blocks() -> None:
    node = QueueingNode(block_transfers_max=1, log_limit=100)
    node.pay(*[(2, 1)] * 30)
    node.queue.take_forwarded(2, Run(2, 1, (1,), (5,)))
    node.queue.take_forwarded(3, Run(3, 1, (1,), (5,)))
    for _ in range(3):
        node.decide(*node.block().runs)
    assert (node.ledger.last[2], node.ledger.last[3]) == (1, 1)


def test_a_proposed_block_is_not_changed_by_what_is_queued_later() -> None:
    node = QueueingNode()
    node.pay((2, 1))
    block = node.block()
    data, runs = block.data, block.runs
    node.pay((3, 2))
    assert (block.data, block.runs, len(block)) == (data, runs, 1)
