"""Forwarding: a queue reaches the leader without gaps or doubles, whatever is lost on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benmo.errors import ProtocolError
from benmo.ledger.blocks import encode_block
from benmo.ledger.payment_queue import PaymentQueue
from benmo.ledger.transfers import Run
from benmo.paxos.membership import numbered_member
from benmo.paxos.types import Ballot
from tests.support.queueing_node import FIRST, SECOND, QueueingNode, numbers
from tests.support.strategies import examples

# What others forward.


def forwarded(node: QueueingNode, *runs: Run) -> list[int]:
    """The numbers of node 2's transfers that a block would hold."""
    for run in runs:
        node.queue.take_forwarded(2, run)
    if not node.queue.ready():
        return []
    return [number for run in node.block().runs for number in numbers(run)]


def of_two(first: int, count: int) -> Run:
    """Node 2's transfers from a number on; each has its own number as its amount."""
    return Run(2, first, (3,) * count, tuple(range(first, first + count)))


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([of_two(1, 2)], [1, 2]),
        ([of_two(1, 2), of_two(3, 2)], [1, 2, 3, 4]),
        ([of_two(1, 2), of_two(1, 2)], [1, 2]),
        ([of_two(1, 2), of_two(2, 3)], [1, 2, 3, 4]),
        ([of_two(1, 4), of_two(2, 1)], [1, 2, 3, 4]),
        ([of_two(2, 2)], []),
        ([of_two(1, 1), of_two(3, 1)], [1]),
        ([of_two(3, 1), of_two(1, 1)], [1]),
        ([of_two(1, 1), of_two(3, 1), of_two(2, 2)], [1, 2, 3]),
    ],
)
def test_what_is_forwarded_is_joined_without_gaps_or_doubles(
    runs: list[Run], expected: list[int]
) -> None:
    assert forwarded(QueueingNode(), *runs) == expected


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([of_two(1, 2)], []),
        ([of_two(1, 3)], [3]),
        ([of_two(2, 3)], [3, 4]),
        ([of_two(3, 1)], [3]),
        ([of_two(4, 1)], []),
        ([of_two(3, 1), of_two(1, 2)], [3]),
        ([of_two(3, 1), of_two(1, 4)], [3, 4]),
    ],
)
def test_what_is_decided_is_not_taken_again(runs: list[Run], expected: list[int]) -> None:
    node = QueueingNode()
    node.decide(of_two(1, 2))
    assert forwarded(node, *runs) == expected


def test_what_is_forwarded_early_waits_until_this_node_has_caught_up() -> None:
    """A candidate may be behind those who forward to it, and they do so only once a second."""
    node = QueueingNode()
    assert forwarded(node, of_two(3, 2)) == []
    node.decide(of_two(1, 2))
    assert node.queue.ready() and forwarded(node) == [3, 4]


def test_a_decision_ends_what_was_forwarded_of_it() -> None:
    node = QueueingNode()
    node.queue.take_forwarded(2, of_two(1, 3))
    node.decide(of_two(1, 2))
    assert forwarded(node) == [3]
    node.decide(of_two(3, 1))
    assert not node.queue.ready()


def test_a_forwarded_number_is_taken_as_it_came_first() -> None:
    node = QueueingNode()
    node.queue.take_forwarded(2, Run(2, 1, (3,), (1,)))
    node.queue.take_forwarded(2, Run(2, 1, (1, 3), (50, 2)))
    assert node.block().runs == (Run(2, 1, (3, 3), (1, 2)),)


def test_a_node_that_leads_no_more_forgets_what_was_forwarded() -> None:
    node = QueueingNode()
    node.queue.take_forwarded(2, of_two(1, 3))
    node.pay((2, 1))
    node.queue.drop_forwarded()
    assert node.block().runs == (node.queue.own,)


@pytest.mark.parametrize(
    ("sender", "payload"),
    [
        (2, Run(3, 1, (1,), (1,))),
        (3, of_two(1, 1)),
        (2, "run"),
        (2, None),
    ],
)
def test_only_ones_own_transfers_can_be_forwarded(sender: int, payload: object) -> None:
    node = QueueingNode()
    with pytest.raises(ProtocolError):
        node.queue.take_forwarded(sender, payload)
    assert not node.queue.ready()


def test_what_a_node_forwards_that_has_no_account_yet_is_left() -> None:
    node = QueueingNode()
    node.queue.take_forwarded(9, Run(9, 1, (1,), (1,)))
    assert not node.queue.ready()


# Forwarding one's own.


def sent(queue: PaymentQueue, ballot: Ballot, again: bool) -> list[int]:
    """The numbers of the transfers that are forwarded now."""
    runs = queue.forward(ballot, again)
    assert all(isinstance(run, Run) for run in runs)
    return [number for run in runs if isinstance(run, Run) for number in numbers(run)]


def test_each_transfer_is_forwarded_once_to_a_leader() -> None:
    node = QueueingNode()
    node.pay((2, 1), (2, 2))
    assert sent(node.queue, FIRST, again=False) == [1, 2]
    assert sent(node.queue, FIRST, again=False) == []
    node.pay((2, 3))
    assert sent(node.queue, FIRST, again=False) == [3]


def test_a_new_leader_is_forwarded_everything() -> None:
    node = QueueingNode()
    node.pay((2, 1), (2, 2))
    node.queue.forward(FIRST, again=False)
    assert sent(node.queue, SECOND, again=False) == [1, 2]
    assert sent(node.queue, FIRST, again=False) == [1, 2]


def test_what_stays_undecided_is_forwarded_again() -> None:
    node = QueueingNode()
    node.pay((2, 1), (2, 2))
    node.queue.forward(FIRST, again=False)
    assert sent(node.queue, FIRST, again=True) in ([], [1, 2])
    assert sent(node.queue, FIRST, again=True) == [1, 2]


def test_while_the_leader_makes_progress_nothing_is_forwarded_twice() -> None:
    node = QueueingNode()
    node.pay(*[(2, 1)] * 6)
    node.queue.forward(FIRST, again=False)
    node.queue.forward(FIRST, again=True)
    for number in range(1, 6):
        node.decide(Run(1, number, (2,), (1,)))
        assert sent(node.queue, FIRST, again=True) == []
    assert sent(node.queue, FIRST, again=True) == [6]


def test_a_long_queue_is_forwarded_in_parts() -> None:
    node = QueueingNode(block_transfers_max=2)
    node.pay(*[(2, 1)] * 5)
    parts = [sent(node.queue, FIRST, again=False) for _ in range(4)]
    assert parts == [[1, 2], [3, 4], [5], []]


@examples
@given(st.data())
def test_however_much_is_lost_everything_is_decided_in_the_end(data: st.DataObject) -> None:
    sender = QueueingNode(
        balance=1000, log_limit=99, block_transfers_max=data.draw(st.integers(1, 5))
    )
    leader = QueueingNode(balance=1000)
    leader.queue = PaymentQueue(
        2, numbered_member(2), leader.ledger, encode_block, 50, data.draw(st.integers(1, 5))
    )
    rounds = data.draw(
        st.lists(st.sampled_from(["pay", "lost", "lost", "taken", "decided"]), max_size=40)
    )
    for what in [*rounds, *["taken", "decided"] * 300]:
        if what == "pay":
            sender.pay((2, 1), (3, 2))
        elif what != "decided":
            for run in sender.queue.forward(FIRST, again=True):
                assert isinstance(run, Run)
                assert run == sender.queue.own.since(run.first).upto(len(run))
                if what == "taken":
                    leader.queue.take_forwarded(1, run)
        elif leader.queue.ready():
            runs = leader.block().runs
            leader.decide(*runs)
            sender.decide(*runs)
    assert not sender.queue.own and not leader.queue.ready()
    assert sender.ledger.balances == leader.ledger.balances
    assert sender.ledger.last[1] == 2 * rounds.count("pay")
