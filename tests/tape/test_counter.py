"""What is too much to be recorded is counted as a recorder would number it."""

from __future__ import annotations

from benmo.engine.events import LinkChanged, ReadRequested, Submitted
from benmo.ledger.transfers import Payments
from benmo.paxos.messages import Accepted, Heartbeat, Nack, Promise
from benmo.paxos.types import Ballot
from benmo.tape.counter import TapeCounter
from benmo.tape.recorder import Recorder
from benmo.tape.records import AnyRecord, DueRecord, LeaderRecord, RoleRecord, TimerRecord
from tests.support.replicas import received
from tests.support.taped_node import TapedNode


def work(node: TapedNode) -> None:
    """Let a node lead, decide, refuse, confirm, be refused, and lose a peer."""
    ballot = node.lead()
    node.turn(received(2, Promise(ballot, 0, None)), received(3, Promise(ballot, 0, None)))
    node.turn(received(2, Accepted(ballot, 1)), received(3, Accepted(ballot, 1)))
    node.turn(Submitted(2, Payments.of((1, 10))), ReadRequested(3))
    node.turn(received(3, Heartbeat(0, ballot)))
    node.turn(received(2, Nack(ballot, Ballot(9, 2))), LinkChanged(2, False))
    node.now += 60.0
    node.turn()
    tape = node.engine.tape
    assert isinstance(tape, Recorder | TapeCounter)
    for message in (Heartbeat(0, ballot), Accepted(ballot, 1)):
        tape.sent(2, message, "2:1:1", 0.0)
        tape.dropped(2, message, "cut")


def test_as_much_is_counted_as_would_be_recorded() -> None:
    recorded: list[AnyRecord] = []
    node = TapedNode()
    node.engine.tape = Recorder((1, 9), node.engine, lambda: 0.0, recorded.append)
    work(node)
    counts: list[int] = []
    node = TapedNode()
    node.engine.tape = TapeCounter(counts.append)
    work(node)
    compared = RoleRecord | LeaderRecord | TimerRecord | DueRecord
    kinds = [type(each).__name__ for each in recorded if not isinstance(each, compared)]
    assert sum(counts) == len(kinds), kinds
    assert len(kinds) > 20
