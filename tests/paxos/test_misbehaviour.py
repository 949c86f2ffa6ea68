"""What the protocol forbids is refused, and what an implementation might break is noticed."""

from __future__ import annotations

from random import Random

import pytest

from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import (
    Accept,
    Blocks,
    Decide,
    Message,
    Prepare,
)
from benmo.paxos.replica import Replica
from benmo.paxos.types import Ballot, Durable, NodeId, Proposal, ProtocolError
from tests.support.replicas import (
    Bench,
    FakeApplication,
    accept_of,
    at_height,
    block,
    proposal,
    settings,
)


@pytest.mark.parametrize(
    ("sender", "message"),
    [
        (2, Prepare(Ballot(9, 3))),
        (2, Prepare(Ballot(9, 1))),
        (2, accept_of(9, 3)),
        (2, Decide(1, Ballot(9, 3), "a1")),
        (2, Accept(Proposal(Ballot(9, 2), block(1, previous="elsewhere")))),
        (2, Blocks((block(1, previous="elsewhere"),), 1)),
        (2, Accept(Proposal(Ballot(1, 2), block(1, "two")))),
    ],
)
def test_what_the_protocol_forbids_is_an_error_that_changes_nothing(
    sender: NodeId, message: Message
) -> None:
    """A message in another node's name, or about another chain."""
    bench = Bench(durable=at_height(0, Ballot(1, 2), proposal(1, 2)), queue=("own",))
    bench.due()
    before = (bench.replica.durable, bench.replica.deadline, bench.replica.known_leader)
    with pytest.raises(ProtocolError):
        bench.replica.on_message(sender, message, bench.now, numbered_member(sender))
    assert (bench.replica.durable, bench.replica.deadline, bench.replica.known_leader) == before


BROKEN = [
    ("R1", Durable(Ballot(1, 2), Proposal(Ballot(1, 2), block(3, previous="b2")), 2, "a2")),
    ("A2", at_height(2, Ballot(1, 1), proposal(1, 2, 3))),
    ("A3", at_height(2, Ballot(1, 1), proposal(1, 1, 2))),
]


@pytest.mark.parametrize(("invariant", "durable"), BROKEN)
def test_a_broken_invariant_is_noticed_at_the_next_call(invariant: str, durable: Durable) -> None:
    sound = at_height(2, durable.promised)
    replica = Replica(settings(), sound, FakeApplication(), Random(0), 0.0)
    replica.acceptor.accepted = durable.accepted
    with pytest.raises(AssertionError, match=invariant):
        replica.on_timer(0.0)


@pytest.mark.parametrize(("invariant", "durable"), BROKEN)
def test_nothing_begins_with_a_broken_invariant(invariant: str, durable: Durable) -> None:
    with pytest.raises(AssertionError, match=invariant):
        Replica(settings(), durable, FakeApplication(), Random(0), 0.0)
