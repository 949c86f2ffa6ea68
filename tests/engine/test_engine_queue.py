"""What the engine queues: recorded together, and before anything that it is in."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benmo.engine.events import Event, Submitted
from benmo.engine.surroundings import Limits
from benmo.ledger.blocks import Block
from benmo.ledger.transfers import Payments, Run
from benmo.paxos.messages import Accept, Accepted, Blocks, Decide, Heartbeat, Prepare, Promise
from benmo.paxos.step import AcceptRecord
from benmo.paxos.types import Ballot, Proposal
from benmo.storage.journal import JournalRecord, QueueRecord
from tests.support.engine_cluster import CLUSTER
from tests.support.numbered_nodes import opened
from tests.support.replicas import received
from tests.support.taped_node import FIRST, SECOND, TapedNode, block


def test_one_sync_serves_all_events_of_a_turn() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(
        *(Submitted(ticket, Payments.of((2, 1), (3, 1))) for ticket in range(1, 4)),
        received(2, Prepare(Ballot(5, 2))),
        received(2, Accept(Proposal(Ballot(5, 2), FIRST))),
        received(2, Decide(1, Ballot(5, 2), FIRST.hash)),
        received(2, Accept(Proposal(Ballot(5, 2), SECOND))),
        received(3, Prepare(Ballot(6, 3))),
        Submitted(4, Payments.of((2, 1))),
    )
    assert len(node.tape.records) == 7
    assert node.tape.syncs == 1
    assert queued_in(node.tape.records) == [range(1, 7), range(7, 8)]
    expected = [
        (2, Promise(Ballot(5, 2), 0, None)),
        (2, Accepted(Ballot(5, 2), 1)),
        (2, Accepted(Ballot(5, 2), 2)),
        (3, Promise(Ballot(6, 3), 1, Proposal(Ballot(5, 2), SECOND))),
    ]
    answers = [item for item in node.tape.sent if isinstance(item[1], Promise | Accepted)]
    assert answers == expected
    assert [admission.ticket for admission in node.report.admissions] == [1, 2, 3, 4]


def queued_in(records: Sequence[JournalRecord]) -> list[range]:
    """The numbers of the transfers in each record of the queue."""
    runs = [each.run for each in records if isinstance(each, QueueRecord)]
    return [range(run.first, run.end) for run in runs]


def test_what_is_queued_is_recorded_before_the_block_that_it_is_in() -> None:
    """Between two requests of one turn, a vote lets the leader propose the first of them."""
    node = TapedNode()
    ballot = node.lead()
    node.tape.done.clear()
    node.turn(
        Submitted(8, Payments.of((3, 1))),
        received(3, Accepted(ballot, 1)),
        Submitted(9, Payments.of((3, 1))),
        received(3, Accepted(ballot, 2)),
    )
    recorded: list[int] = []
    for item in node.tape.done:
        if isinstance(item, QueueRecord):
            recorded.extend(range(item.run.first, item.run.end))
        elif isinstance(item, AcceptRecord):
            block = item.proposal.block
            assert isinstance(block, Block)
            assert {each.number for run in block.runs for each in run.transfers()} <= set(recorded)
    assert recorded[-2:] == [recorded[-1] - 1, recorded[-1]]
    assert [admission.ticket for admission in node.report.admissions] == [8, 9]


@pytest.mark.parametrize("limit", [1, 10])
@pytest.mark.parametrize("order", ["pays, learns", "learns, pays", "pays, learns, pays"])
def test_a_journal_can_be_read_where_a_block_holds_own_numbers_that_were_never_queued(
    order: str, limit: int
) -> None:
    """As when a node's disk was lost, and it began anew."""
    node = TapedNode(delay_s=60.0, limits=Limits(queue_limit=limit))
    foreign = block(1, "0" * 64, Ballot(5, 2), Run(1, 1, (2, 2, 2), (1, 1, 1)))
    events: dict[str, Event] = {
        "pays": Submitted(1, Payments.of((2, 1))),
        "learns": received(2, Blocks((foreign,), 1)),
    }
    node.turn(*(events[name] for name in order.split(", ")))
    node.turn(received(2, Heartbeat(1, Ballot.ZERO)))
    node.turn(Submitted(9, Payments.of((3, 1))))
    assert all(queued_in(node.tape.records)), "no record of nothing"
    for disk in (node.disk.copy(), node.disk.after_power_cut()):
        _, state = opened(disk, CLUSTER, 1)
        assert state.queue == node.engine.queue.own


def test_what_was_queued_is_recorded_once() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(Submitted(1, Payments.of((2, 1), (3, 1))), Submitted(2, Payments.of((2, 1))))
    node.turn(received(2, Prepare(Ballot(5, 2))))
    node.turn(Submitted(3, Payments.of((2, 1))))
    assert queued_in(node.tape.records) == [range(1, 4), range(4, 5)]
    _, state = opened(node.disk, CLUSTER, 1)
    assert state.queue == node.engine.queue.own == Run(1, 1, (2, 3, 2, 2), (1, 1, 1, 1))
