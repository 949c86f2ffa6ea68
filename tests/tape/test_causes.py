"""A record names the event that led to it; where that isn't known, it names none."""

from __future__ import annotations

import pytest

from benmo.engine.events import ReadRequested, Submitted
from benmo.ledger.transfers import Payments
from benmo.paxos.messages import Blocks, Message, Prepare
from benmo.paxos.types import Ballot
from benmo.tape.recorder import Recorder
from benmo.tape.records import (
    AnsweredRecord,
    AnyRecord,
    AskedRecord,
    DurableRecord,
    MisbehavedRecord,
    QueuedRecord,
    ReceivedRecord,
    SentRecord,
)
from tests.support.replicas import received
from tests.support.taped_node import SECOND, TapedNode


class RecordedNode(TapedNode):
    """A node whose records are kept from now on."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[AnyRecord] = []
        self.recorder = Recorder((1, 1), self.engine, lambda: self.now, self.records.append)
        self.engine.tape = self.recorder

    def cause_of(self, kind: type[AnyRecord]) -> AnyRecord | None:
        """The cause of the only record of a kind; None if none is named."""
        (record,) = (each for each in self.records if isinstance(each, kind))
        return self.records[record.cause - 1] if record.cause else None


@pytest.mark.parametrize("message", [Prepare(Ballot(9, 1)), Blocks((SECOND,), 2)])
def test_a_message_from_before_the_records_has_no_cause(message: Message) -> None:
    """As of one that a slowed link has held back."""
    node = RecordedNode()
    node.turn(Submitted(77, Payments.of((3, 5))))
    node.recorder.sent(3, message, "1:1:9", 0.5)
    assert node.cause_of(SentRecord) is None


def test_what_a_turn_says_names_each_its_own_event() -> None:
    node = RecordedNode()
    pay, refused = (Submitted(7, Payments.of((3, 5))), Submitted(8, Payments.of((9, 1))))
    wrong = received(2, Prepare(Ballot(99, 3)))
    node.turn(pay, refused, wrong, ReadRequested(9))
    assert node.report.misbehaved
    answers = [each for each in node.records if isinstance(each, AnsweredRecord)]
    assert [(each.ticket, each.outcome) for each in answers] == [(7, "queued"), (8, "refused")]
    for answer in answers:
        asked = node.records[answer.cause - 1]
        assert isinstance(asked, AskedRecord) and asked.ticket == answer.ticket
    for kind in (QueuedRecord, DurableRecord):
        queued = node.cause_of(kind)
        assert isinstance(queued, AskedRecord) and queued.ticket == 7
    heard = node.cause_of(MisbehavedRecord)
    assert isinstance(heard, ReceivedRecord) and heard.sender == 2
