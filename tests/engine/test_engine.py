"""The engine's one turn: what is recorded is synced before anything that follows from it leaves."""

import pytest

from benmo.engine import engine as engine_module
from benmo.engine.events import Event, Hurried, Report, Submitted
from benmo.engine.surroundings import Limits
from benmo.errors import StateError
from benmo.ledger.transfers import Payments, Run
from benmo.paxos.messages import (
    Accept,
    Accepted,
    Behind,
    Blocks,
    Decide,
    Heartbeat,
    Message,
    Nack,
    Prepare,
    Promise,
)
from benmo.paxos.step import DecideRecord
from benmo.paxos.types import Ballot, Proposal
from benmo.storage.node_storage import CHAIN, JOURNAL
from tests.support.engine_cluster import CLUSTER
from tests.support.keyed_chains import Payer, asked, keyed
from tests.support.numbered_nodes import opened
from tests.support.replicas import received
from tests.support.taped_node import FIRST, NOW, SECOND, TapedNode
from tests.support.written_storage import of_engine, of_state

BALLOT = Ballot(5, 2)


# Record, sync, send.


@pytest.mark.parametrize(
    ("events", "answer"),
    [
        ([received(2, Prepare(Ballot(5, 2)))], Promise(Ballot(5, 2), 0, None)),
        (
            [received(2, Accept(Proposal(Ballot(5, 2), FIRST)))],
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
    node.turn(received(2, Accept(Proposal(Ballot(5, 2), FIRST))))
    node.tape.done.clear()
    node.turn(
        received(3, Prepare(Ballot(4, 3))),
        received(2, Accept(Proposal(Ballot(5, 2), FIRST))),
        received(3, Heartbeat(0, Ballot.ZERO)),
    )
    assert node.tape.done == [
        (3, Nack(Ballot(4, 3), Ballot(5, 2))),
        (2, Accepted(Ballot(5, 2), 1)),
    ]


def test_a_decision_alone_needs_no_sync() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(received(2, Accept(Proposal(Ballot(5, 2), FIRST))))
    node.tape.done.clear()
    node.turn(received(2, Decide(1, Ballot(5, 2), FIRST.hash)))
    assert node.tape.records == [DecideRecord(FIRST, Ballot(5, 2))]
    assert node.tape.syncs == 0
    assert [applied.block for applied in node.report.applied] == [FIRST]
    assert [applied.decided_in for applied in node.report.applied] == [Ballot(5, 2)]


def test_who_is_told_of_a_decision_does_not_wait_until_it_is_written() -> None:
    node = TapedNode()
    ballot = node.lead()
    written: list[bytes] = []
    applied: list[int] = []

    def publish(report: Report) -> None:
        written.append(node.disk.read(JOURNAL))
        applied.extend(each.block.slot for each in report.applied)

    node.engine.turn([received(3, Accepted(ballot, 1))], node.now, publish)
    after = node.disk.read(JOURNAL)
    assert applied == [1]
    assert b'"decide"' not in written[0] and b'"decide"' in after.removeprefix(written[0])


def test_a_block_that_a_peer_sends_is_synced() -> None:
    node = TapedNode(delay_s=60.0)
    done = done_in_turn(node, received(2, Blocks((FIRST, SECOND), 2)))
    assert done == ["Behind", "DecideRecord", "DecideRecord", "sync"]
    assert [applied.decided_in for applied in node.report.applied] == [Ballot.ZERO] * 2


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
    node.turn(received(3, Accepted(ballot, 1)))
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
    node.turn(received(3, Accepted(ballot, 1)))
    done = done_in_turn(node, Submitted(9, Payments.of((3, 1))))
    assert done == ["QueueRecord", "AcceptRecord", "sync", "Accept", "Accept"]
    assert node.report.applied == []
    node.turn(received(3, Accepted(ballot, 2)))
    assert len(node.report.applied) == 1


def test_a_payment_and_a_hurry_in_one_turn_are_a_reason_to_campaign_at_once() -> None:
    node = TapedNode(delay_s=60.0)
    done = done_in_turn(node, Submitted(1, Payments.of((3, 1))), Hurried())
    assert done == ["QueueRecord", "PromiseRecord", "sync", "Prepare", "Prepare"]


def test_what_needs_no_disk_is_on_its_way_while_the_disk_is_at_work() -> None:
    node = TapedNode()
    ballot = node.lead()
    node.turn(Submitted(9, Payments.of((3, 1))))
    done = done_in_turn(node, received(3, Accepted(ballot, 1)))
    assert done == ["Decide", "Decide", "Accept", "Accept", "DecideRecord", "AcceptRecord", "sync"]
    node.turn(received(3, Accepted(ballot, 2)))
    assert [applied.block.slot for applied in node.report.applied] == [2]


def test_no_message_to_oneself_goes_over_the_transport() -> None:
    node = TapedNode()
    for slot in range(1, 6):
        node.turn(Submitted(slot, Payments.of((3, 1))))
        for _ in range(3):
            node.now += 0.2
            node.turn()
            ballot = node.engine.replica.leader.ballot
            node.turn(received(2, Promise(ballot, node.engine.ledger.height, None)))
            node.turn(received(2, Accepted(ballot, slot)))
        assert node.engine.ledger.height == slot
    assert {to for to, _ in node.tape.sent} == {2, 3}


def test_blocks_that_are_read_leave_after_what_was_recorded_before() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(
        received(2, Blocks((FIRST, SECOND), 2)),
        received(3, Behind(0)),
        received(2, Prepare(Ballot(9, 2))),
    )
    assert (3, Blocks((FIRST, SECOND), 2)) in node.tape.sent
    assert node.tape.syncs == 1


def test_blocks_are_sent_in_chunks() -> None:
    node = TapedNode(delay_s=60.0, limits=Limits(blocks_bytes_max=1))
    node.turn(received(2, Blocks((FIRST, SECOND), 2)), received(3, Behind(0)))
    node.engine.checkpoint()
    node.turn(received(3, Behind(0)))
    node.turn(received(3, Behind(1)))
    chunks = [message for _, message in node.tape.sent if isinstance(message, Blocks)]
    assert chunks == [Blocks((FIRST,), 2), Blocks((FIRST,), 2), Blocks((SECOND,), 2)]


def test_a_peer_that_asks_often_in_one_turn_is_answered_once() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(received(2, Blocks((FIRST, SECOND), 2)))
    node.turn(*[received(3, Behind(0)) for _ in range(100)], received(3, Behind(1)))
    chunks = [message for _, message in node.tape.sent if isinstance(message, Blocks)]
    assert chunks == [Blocks((SECOND,), 2)]


def test_a_peer_that_reads_nothing_is_sent_blocks_once_it_reads() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(received(2, Blocks((FIRST, SECOND), 2)))
    node.tape.full.add(3)
    for _ in range(100):
        node.turn(received(3, Behind(0)), received(2, Behind(1)))
    sent = [each for each in node.tape.sent if isinstance(each[1], Blocks)]
    assert sent == [(2, Blocks((SECOND,), 2))] * 100
    node.tape.full.clear()
    node.turn()
    node.turn()
    sent = [each for each in node.tape.sent if each[0] == 3 and isinstance(each[1], Blocks)]
    assert sent == [(3, Blocks((FIRST, SECOND), 2))]


# Waits for the disk.


def test_a_turn_in_parts_does_nothing_that_relies_on_the_disk_before_it_goes_on() -> None:
    node = TapedNode(delay_s=60.0)
    reports: list[Report] = []
    turn = node.engine.turn_in_parts([received(2, Prepare(Ballot(9, 2)))], NOW, reports.append)
    wait = next(turn)
    assert (node.tape.sent, reports) == ([], [])
    wait()
    assert [*turn] == []
    assert len(reports) == 1 and isinstance(node.tape.sent[0][1], Promise)
    node.tape.assert_in_order()


def test_a_checkpoint_that_is_due_is_the_last_wait_of_a_turn() -> None:
    node = TapedNode(delay_s=60.0, limits=Limits(journal_bytes_max=1))
    reports: list[Report] = []
    turn = node.engine.turn_in_parts([received(2, Prepare(Ballot(9, 2)))], NOW, reports.append)
    waits = [wait for wait in turn if wait() is None]
    assert waits[-1] == node.engine.checkpoint and len(reports) == 1


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
    _, state = opened(node.disk.after_power_cut(), CLUSTER, 1)
    assert state.queue == admitted.run


def test_a_refused_payment_records_nothing() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(Submitted(1, Payments.of((2, 101))), Submitted(2, Payments.of((1, 1))))
    assert node.tape.done == []
    assert [admission.run for admission in node.report.admissions] == [None, None]


# A state that isn't what it was.


def test_a_damaged_block_stops_the_node_that_is_asked_for_it() -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(received(2, Blocks((FIRST, SECOND), 2)))
    node.engine.checkpoint()
    node.disk.overwrite(CHAIN, node.disk.read(CHAIN).replace(b'"amount":[1]', b'"amount":[2]', 1))
    node.tape.done.clear()
    with pytest.raises(StateError, match="line 1, is damaged"):
        node.turn(received(3, Behind(0)))
    assert node.tape.sent == []


def test_a_checkpoint_after_a_turn_keeps_everything() -> None:
    node = TapedNode(delay_s=60.0, limits=Limits(journal_bytes_max=1))
    node.turn(Submitted(1, Payments.of((2, 5))), received(2, Accept(Proposal(BALLOT, FIRST))))
    assert node.disk.read(JOURNAL).count(b"\n") == 1
    node.turn(received(2, Decide(1, BALLOT, FIRST.hash)), received(3, Prepare(Ballot(6, 3))))
    assert of_state(opened(node.disk.after_power_cut(), CLUSTER, 1)[1]) == of_engine(node.engine)
    assert len(node.engine.queue.own) == 1


def test_a_checkpoint_moves_only_so_many_keys_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_RECENT_KEYS_MAX", 3)
    payer, counts = Payer(), []
    for first in range(1, 11):
        payer.ask(asked(f"k{first}"))
        payer.turn(payer.decision(keyed(1, first, f"k{first}")))
        counts.append(payer.engine.keys.recent_count)
    assert counts == [1, 2, 3, 0, 1, 2, 3, 0, 1, 2]
    assert payer.index.height == 8 and payer.engine.keys.find("k1") is not None
