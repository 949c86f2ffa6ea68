"""What a peer should never send is reported, and changes nothing durable."""

import pytest

from benmo.engine.events import Received, Submitted
from benmo.errors import ProtocolError
from benmo.ledger.transfers import Payments, Run
from benmo.paxos.messages import (
    Accept,
    Blocks,
    Decide,
    Prepare,
    Promise,
)
from benmo.paxos.types import Ballot, Proposal
from benmo.storage.node_storage import JOURNAL
from tests.support.replicas import received
from tests.support.taped_node import FIRST, SECOND, TapedNode, block
from tests.support.written_storage import of_engine

BALLOT = Ballot(5, 2)
OTHER = block(1, "0" * 64, BALLOT, Run(3, 1, (2,), (1,)))
MISBEHAVIOUR: dict[str, Received] = {
    "a prepare in another's ballot": received(3, Prepare(Ballot(9, 2))),
    "an accept in another's ballot": received(3, Accept(Proposal(Ballot(9, 2), SECOND))),
    "a decision in another's ballot": received(3, Decide(2, BALLOT, SECOND.hash)),
    "two blocks in one ballot": received(
        2, Accept(Proposal(BALLOT, block(2, FIRST.hash, BALLOT, Run(3, 1, (1,), (1,)))))
    ),
    "an accept on another chain": received(
        2, Accept(Proposal(Ballot(9, 2), block(2, OTHER.hash, BALLOT)))
    ),
    "a decision of another block": received(2, Decide(2, BALLOT, OTHER.hash)),
    "blocks of another chain": received(2, Blocks((block(2, OTHER.hash, BALLOT),), 2)),
    "blocks with a gap": received(2, Blocks((SECOND, block(4, SECOND.hash, BALLOT)), 4)),
    "blocks that part from one another": received(
        2, Blocks((SECOND, block(3, FIRST.hash, BALLOT)), 3)
    ),
}


@pytest.mark.parametrize("event", MISBEHAVIOUR.values(), ids=MISBEHAVIOUR.keys())
def test_misbehaviour_is_reported_and_changes_nothing_durable(event: Received) -> None:
    node = TapedNode(delay_s=60.0)
    node.turn(received(2, Blocks((FIRST,), 1)), received(2, Accept(Proposal(BALLOT, SECOND))))
    before, journal = of_engine(node.engine), node.disk.read(JOURNAL)
    node.tape.done.clear()
    ((sender, reason),) = node.turn(event)
    assert sender == event.sender and reason
    assert node.tape.records == [] and node.tape.sent == []
    assert of_engine(node.engine) == before and node.disk.read(JOURNAL) == journal
    assert node.turn(received(2, Decide(2, BALLOT, SECOND.hash))) == []
    assert node.engine.ledger.height == 2


def test_the_other_events_of_a_turn_happen_in_spite_of_misbehaviour() -> None:
    node = TapedNode(delay_s=60.0)
    bad = received(3, Prepare(Ballot(9, 2)))
    misbehaved = node.turn(
        bad, received(2, Prepare(BALLOT)), bad, Submitted(1, Payments.of((2, 5)))
    )
    assert [sender for sender, _ in misbehaved] == [3, 3]
    assert (2, Promise(BALLOT, 0, None)) in node.tape.sent
    assert len(node.report.admissions) == 1


def test_a_protocol_error_of_ones_own_is_a_bug_that_ends_the_turn() -> None:
    node = TapedNode(delay_s=60.0)
    with pytest.raises(ProtocolError, match="speaks in the name of node 2"):
        node.turn(received(1, Prepare(Ballot(9, 2))))
