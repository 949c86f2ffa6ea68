"""The engine's one turn: what is recorded is synced before anything that follows from it leaves."""

from collections.abc import Sequence

import pytest

from benmo.codec import encode_block
from benmo.engine import Limits
from benmo.errors import ProtocolError, StateError
from benmo.events import Event, Hurried, Received, Report, Submitted
from benmo.journal import QueueRecord, Record
from benmo.ledger import Block
from benmo.paxos import (
    Accept,
    Accepted,
    AcceptRecord,
    Ballot,
    Behind,
    Blocks,
    Decide,
    DecideRecord,
    Heartbeat,
    Message,
    Nack,
    Prepare,
    Promise,
    Proposal,
)
from benmo.runs import Payments, Run
from benmo.storage import CHAIN, JOURNAL, Storage
from tests.support.cluster import CLUSTER
from tests.support.storage_tests import of_engine, of_state
from tests.support.storage_tests_engine import TapedNode


def block(slot: int, previous: str, ballot: Ballot, *runs: Run) -> Block:
    return encode_block(slot, ballot, previous, 1.5, runs or (Run(2, slot, (3,), (1,)),))


FIRST = block(1, "0" * 64, Ballot(5, 2))
SECOND = block(2, FIRST.hash, Ballot(5, 2))
OTHER = block(1, "0" * 64, Ballot(5, 2), Run(3, 1, (2,), (1,)))


# Record, sync, send.


@pytest.mark.parametrize(
    ("events", "answer"),
    [
        ([Received(2, Prepare(Ballot(5, 2)))], Promise(Ballot(5, 2), 0, None)),
        (
            [Received(2, Accept(Proposal(Ballot(5, 2), FIRST)))],
            Accepted(Ballot(5, 2), 1),
        ),
    ],
)
def test_an_answer_leaves_after_its_record_is_synced(events: list[Event], answer: Message) -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(*events)
    assert len(node.tape.records) == 1
    assert node.tape.done.index("sync") < node.tape.done.index((2, answer))


def test_what_changes_nothing_durable_is_answered_without_a_sync() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(Received(2, Accept(Proposal(Ballot(5, 2), FIRST))))
    node.tape.done.clear()
    node.turn(
        Received(3, Prepare(Ballot(4, 3))),
        Received(2, Accept(Proposal(Ballot(5, 2), FIRST))),
        Received(3, Heartbeat(0, Ballot.ZERO)),
    )
    assert node.tape.done == [
        (3, Nack(Ballot(4, 3), Ballot(5, 2))),
        (2, Accepted(Ballot(5, 2), 1)),
    ]


def test_a_decision_alone_needs_no_sync() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(Received(2, Accept(Proposal(Ballot(5, 2), FIRST))))
    node.tape.done.clear()
    node.turn(Received(2, Decide(1, Ballot(5, 2), FIRST.hash)))
    assert node.tape.records == [DecideRecord(FIRST, Ballot(5, 2))]
    assert node.tape.syncs == 0
    assert [applied.block for applied in node.report.applied] == [FIRST]


def test_who_is_told_of_a_decision_does_not_wait_until_it_is_written() -> None:
    node = TapedNode()
    ballot = node.lead()
    written: list[bytes] = []
    applied: list[int] = []

    def publish(report: Report) -> None:
        written.append(node.disk.read(JOURNAL))
        applied.extend(each.block.slot for each in report.applied)

    node.engine.turn([Received(3, Accepted(ballot, 1))], node.now, publish)
    after = node.disk.read(JOURNAL)
    assert applied == [1]
    assert b'"decide"' not in written[0] and b'"decide"' in after.removeprefix(written[0])


def test_a_block_that_a_peer_sends_is_synced() -> None:
    node = TapedNode(delay_s=60.0)
    done = done_in_turn(node, Received(2, Blocks((FIRST, SECOND), 2)))
    assert done == ["Behind", "DecideRecord", "DecideRecord", "sync"]


def test_one_sync_serves_all_events_of_a_turn() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(
        *(Submitted(ticket, Payments.of((2, 1), (3, 1))) for ticket in range(1, 4)),
        Received(2, Prepare(Ballot(5, 2))),
        Received(2, Accept(Proposal(Ballot(5, 2), FIRST))),
        Received(2, Decide(1, Ballot(5, 2), FIRST.hash)),
        Received(2, Accept(Proposal(Ballot(5, 2), SECOND))),
        Received(3, Prepare(Ballot(6, 3))),
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


def queued_in(records: Sequence[Record]) -> list[range]:
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
        Received(3, Accepted(ballot, 1)),
        Submitted(9, Payments.of((3, 1))),
        Received(3, Accepted(ballot, 2)),
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
    node = TapedNode(delay_s=60.0, limits=Limits(log_limit=limit))
    foreign = block(1, "0" * 64, Ballot(5, 2), Run(1, 1, (2, 2, 2), (1, 1, 1)))
    events: dict[str, Event] = {
        "pays": Submitted(1, Payments.of((2, 1))),
        "learns": Received(2, Blocks((foreign,), 1)),
    }
    node.turn(*(events[name] for name in order.split(", ")))
    node.turn(Received(2, Heartbeat(1, Ballot.ZERO)))
    node.turn(Submitted(9, Payments.of((3, 1))))
    assert all(queued_in(node.tape.records)), "no record of nothing"
    for disk in (node.disk.copy(), node.disk.after_power_cut()):
        _, state = Storage.open(disk, CLUSTER, 1)
        assert state.queue == node.engine.pool.queue


def test_what_was_queued_is_recorded_once() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(Submitted(1, Payments.of((2, 1), (3, 1))), Submitted(2, Payments.of((2, 1))))
    node.turn(Received(2, Prepare(Ballot(5, 2))))
    node.turn(Submitted(3, Payments.of((2, 1))))
    assert queued_in(node.tape.records) == [range(1, 4), range(4, 5)]
    _, state = Storage.open(node.disk, CLUSTER, 1)
    assert state.queue == node.engine.pool.queue == Run(1, 1, (2, 3, 2, 2), (1, 1, 1, 1))


def test_a_ballot_is_durable_before_anybody_hears_of_it() -> None:
    node = TapedNode()
    node.lead()
    prepares = [item for item in node.tape.sent if isinstance(item[1], Prepare)]
    assert [to for to, _ in prepares] == [2, 3]
    assert node.engine.replica.durable.promised == node.engine.replica.leader.ballot


def test_a_leader_counts_its_own_acceptance_once_it_is_durable() -> None:
    node = TapedNode()
    ballot = node.lead()
    accepts = [to for to, message in node.tape.sent if isinstance(message, Accept)]
    assert accepts == [2, 3], "one's own messages don't go over the transport"
    assert node.tape.done[-1] == "sync"
    node.turn(Received(3, Accepted(ballot, 1)))
    decide = [item for item in node.tape.sent if isinstance(item[1], Decide)]
    assert [to for to, _ in decide] == [2, 3]
    assert len(node.report.applied) == 1


def done_in_turn(node: TapedNode, *events: Event) -> list[str]:
    """What a turn did, in order, each by its kind."""
    node.tape.done.clear()
    node.turn(*events)
    return [
        item
        if isinstance(item, str)
        else type(item[1] if isinstance(item, tuple) else item).__name__
        for item in node.tape.done
    ]


def test_a_leader_queues_and_votes_in_one_sync_before_it_asks_the_others() -> None:
    node = TapedNode()
    ballot = node.lead()
    node.turn(Received(3, Accepted(ballot, 1)))
    done = done_in_turn(node, Submitted(9, Payments.of((3, 1))))
    assert done == ["QueueRecord", "AcceptRecord", "sync", "Accept", "Accept"]
    assert node.report.applied == []
    node.turn(Received(3, Accepted(ballot, 2)))
    assert len(node.report.applied) == 1


def test_a_payment_and_a_hurry_in_one_turn_are_a_reason_to_campaign_at_once() -> None:
    node = TapedNode(delay_s=60.0)
    done = done_in_turn(node, Submitted(1, Payments.of((3, 1))), Hurried())
    assert done == ["QueueRecord", "PromiseRecord", "sync", "Prepare", "Prepare"]


def test_what_needs_no_disk_is_on_its_way_while_the_disk_is_at_work() -> None:
    node = TapedNode()
    ballot = node.lead()
    node.turn(Submitted(9, Payments.of((3, 1))))
    done = done_in_turn(node, Received(3, Accepted(ballot, 1)))
    assert done == ["Decide", "Decide", "Accept", "Accept", "DecideRecord", "AcceptRecord", "sync"]
    node.turn(Received(3, Accepted(ballot, 2)))
    assert [applied.block.slot for applied in node.report.applied] == [2]


def test_no_message_to_oneself_goes_over_the_transport() -> None:
    node = TapedNode()
    for slot in range(1, 6):
        node.turn(Submitted(slot, Payments.of((3, 1))))
        for _ in range(3):
            node.now += 0.2
            node.turn()
            ballot = node.engine.replica.leader.ballot
            node.turn(Received(2, Promise(ballot, node.engine.ledger.height, None)))
            node.turn(Received(2, Accepted(ballot, slot)))
        assert node.engine.ledger.height == slot
    assert {to for to, _ in node.tape.sent} == {2, 3}


def test_blocks_that_are_read_leave_after_what_was_recorded_before() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(
        Received(2, Blocks((FIRST, SECOND), 2)),
        Received(3, Behind(0)),
        Received(2, Prepare(Ballot(9, 2))),
    )
    assert (3, Blocks((FIRST, SECOND), 2)) in node.tape.sent
    assert node.tape.syncs == 1


def test_blocks_are_sent_in_chunks() -> None:
    node = TapedNode(delay_s=60.0, limits=Limits(blocks_bytes_max=1))
    node.turn(Received(2, Blocks((FIRST, SECOND), 2)), Received(3, Behind(0)))
    node.engine.checkpoint()
    node.turn(Received(3, Behind(0)))
    node.turn(Received(3, Behind(1)))
    chunks = [message for _, message in node.tape.sent if isinstance(message, Blocks)]
    assert chunks == [Blocks((FIRST,), 2), Blocks((FIRST,), 2), Blocks((SECOND,), 2)]


def test_a_peer_that_asks_often_in_one_turn_is_answered_once() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(Received(2, Blocks((FIRST, SECOND), 2)))
    node.turn(*[Received(3, Behind(0)) for _ in range(100)], Received(3, Behind(1)))
    chunks = [message for _, message in node.tape.sent if isinstance(message, Blocks)]
    assert chunks == [Blocks((SECOND,), 2)]


# Admissions.


def test_an_admission_is_reported_only_once_it_is_durable() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(
        Submitted(7, Payments.of((2, 60), (3, 40))),
        Submitted(8, Payments.of((2, 1))),
        Submitted(9, Payments.of()),
    )
    admitted, refused, empty = node.report.admissions
    assert (admitted.ticket, admitted.run) == (7, Run(1, 1, (2, 3), (60, 40)))
    assert (refused.ticket, refused.run) == (8, None)
    assert "node 1 has 0 to spend" in refused.reason
    assert empty.ticket == 9
    _, state = Storage.open(node.disk.after_power_cut(), CLUSTER, 1)
    assert state.queue == admitted.run


def test_a_refused_payment_records_nothing() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(Submitted(1, Payments.of((2, 101))), Submitted(2, Payments.of((1, 1))))
    assert node.tape.done == []
    assert [admission.run for admission in node.report.admissions] == [None, None]


# Misbehaviour.

BALLOT = Ballot(5, 2)
MISBEHAVIOUR: dict[str, Received] = {
    "a prepare in another's ballot": Received(3, Prepare(Ballot(9, 2))),
    "an accept in another's ballot": Received(3, Accept(Proposal(Ballot(9, 2), SECOND))),
    "a decision in another's ballot": Received(3, Decide(2, BALLOT, SECOND.hash)),
    "two blocks in one ballot": Received(
        2, Accept(Proposal(BALLOT, block(2, FIRST.hash, BALLOT, Run(3, 1, (1,), (1,)))))
    ),
    "an accept on another chain": Received(
        2, Accept(Proposal(Ballot(9, 2), block(2, OTHER.hash, BALLOT)))
    ),
    "a decision of another block": Received(2, Decide(2, BALLOT, OTHER.hash)),
    "blocks of another chain": Received(2, Blocks((block(2, OTHER.hash, BALLOT),), 2)),
    "blocks with a gap": Received(2, Blocks((SECOND, block(4, SECOND.hash, BALLOT)), 4)),
    "blocks that part from one another": Received(
        2, Blocks((SECOND, block(3, FIRST.hash, BALLOT)), 3)
    ),
    "a stranger's message": Received(9, Heartbeat(0, Ballot.ZERO)),
    "a stranger's ballot": Received(9, Prepare(Ballot(9, 9))),
}


@pytest.mark.parametrize("event", MISBEHAVIOUR.values(), ids=MISBEHAVIOUR.keys())
def test_misbehaviour_is_reported_and_changes_nothing_durable(event: Received) -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(Received(2, Blocks((FIRST,), 1)), Received(2, Accept(Proposal(BALLOT, SECOND))))
    before, journal = of_engine(node.engine), node.disk.read(JOURNAL)
    node.tape.done.clear()
    ((sender, reason),) = node.turn(event)
    assert sender == event.sender and reason
    assert node.tape.records == [] and node.tape.sent == []
    assert of_engine(node.engine) == before and node.disk.read(JOURNAL) == journal
    assert node.turn(Received(2, Decide(2, BALLOT, SECOND.hash))) == []
    assert node.engine.ledger.height == 2


def test_the_other_events_of_a_turn_happen_in_spite_of_misbehaviour() -> None:
    node = TapedNode(delay_s=60.0)
    bad = Received(3, Prepare(Ballot(9, 2)))
    misbehaved = node.turn(
        bad, Received(2, Prepare(BALLOT)), bad, Submitted(1, Payments.of((2, 5)))
    )
    assert [sender for sender, _ in misbehaved] == [3, 3]
    assert (2, Promise(BALLOT, 0, None)) in node.tape.sent
    assert len(node.report.admissions) == 1


def test_a_protocol_error_of_ones_own_is_a_bug_that_ends_the_turn() -> None:
    node = TapedNode(delay_s=60.0)
    with pytest.raises(ProtocolError, match="speaks in the name of node 2"):
        node.turn(Received(1, Prepare(Ballot(9, 2))))


# A state that isn't what it was.


def test_a_damaged_block_stops_the_node_that_is_asked_for_it() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(Received(2, Blocks((FIRST, SECOND), 2)))
    node.engine.checkpoint()
    node.disk.overwrite(CHAIN, node.disk.read(CHAIN).replace(b'"amount":[1]', b'"amount":[2]', 1))
    node.tape.done.clear()
    with pytest.raises(StateError, match="line 1, is damaged"):
        node.turn(Received(3, Behind(0)))
    assert node.tape.sent == []


def test_a_checkpoint_after_a_turn_keeps_everything() -> None:
    node = TapedNode(delay_s=60.0, limits=Limits(journal_bytes_max=1))
    node.turn(Submitted(1, Payments.of((2, 5))), Received(2, Accept(Proposal(BALLOT, FIRST))))
    assert node.disk.read(JOURNAL).count(b"\n") == 1
    node.turn(Received(2, Decide(1, BALLOT, FIRST.hash)), Received(3, Prepare(Ballot(6, 3))))
    assert of_state(Storage.open(node.disk.after_power_cut(), CLUSTER, 1)[1]) == of_engine(
        node.engine
    )
    assert len(node.engine.pool.queue) == 1
