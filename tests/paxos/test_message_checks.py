"""What a replica takes at all, and that no peer can lead it to a ballot that nobody takes."""

from __future__ import annotations

import pytest

from benmo.engine.events import Received
from benmo.ledger.blocks import encode_block
from benmo.ledger.transfers import Run
from benmo.paxos.message_checks import ROUND_JUMP_MAX, admitted_round
from benmo.paxos.messages import Accept, Decide, Heartbeat, Message, Nack, Prepare, Promise
from benmo.paxos.notices import ForeignBlockReported
from benmo.paxos.types import Ballot, Proposal, ProtocolError, Settings, Tenure
from tests.support.engine_cluster import Cluster

SETTINGS = Settings(1, (1, 2, 3))
FOREIGN = encode_block(1, Ballot(1, 2), "f" * 64, 1.0, (Run(2, 1, (1,), (1,)),))


def messages_with(ballot: Ballot) -> list[Message]:
    block = encode_block(1, Ballot(1, ballot.node), "0" * 64, 1.0, (Run(2, 1, (1,), (1,)),))
    return [
        Prepare(ballot),
        Accept(Proposal(ballot, block)),
        Decide(1, ballot, "0" * 64),
        Nack(Ballot(1, 1), ballot),
        Heartbeat(0, ballot),
    ]


@pytest.mark.parametrize("message", messages_with(Ballot(7 + ROUND_JUMP_MAX, 2)), ids=str)
def test_a_round_may_jump_far_but_not_absurdly(message: Message) -> None:
    admitted_round(2, message, SETTINGS, highest_round=7)
    with pytest.raises(ProtocolError, match="round"):
        admitted_round(2, message, SETTINGS, highest_round=6)


def test_an_absurd_round_is_not_outbid() -> None:
    cluster = Cluster(3, election_delay_s=(0.0, 0.1))
    cluster.advance(1)
    report = cluster.turn(1, [Received(3, Heartbeat(0, Ballot(2**53 - 1, 3)))])
    assert report.misbehaved
    cluster.pay(1, (2, 5))
    cluster.advance(5)
    assert [len(cluster.chain(node)) for node in cluster.ids] == [1, 1, 1]


@pytest.mark.parametrize("tenure", list(Tenure))
def test_a_promise_that_reports_a_block_of_another_chain_ends_the_campaign(tenure: Tenure) -> None:
    cluster = Cluster(3, tenure, (0.0, 0.1))
    cluster.advance(1)
    cluster.pay(1, (2, 5))
    while not cluster.matching(Prepare):
        cluster.now += 0.1
        cluster.turn(1, [])
    ballot = cluster.engine(1).replica.leader.ballot
    cluster.drop()
    report = cluster.turn(1, [Received(2, Promise(ballot, 0, Proposal(Ballot(0, 2), FOREIGN)))])
    assert ForeignBlockReported(2) in report.notices
    assert not cluster.engine(1).replica.leader.is_active
    cluster.advance(5)
    assert [len(cluster.chain(node)) for node in cluster.ids] == [1, 1, 1]


def test_the_next_ballot_is_above_that_of_every_decided_block() -> None:
    """Section 2.2: a proposer takes a number higher than any that it has seen."""
    cluster = Cluster(5, election_delay_s=(0.0, 0.1))
    cluster.advance(1)
    cluster.crash(1)
    for node in (2, 3, 4):
        cluster.pay(node, (5, 1))
        cluster.advance(2)
    highest = max(block.ballot for block in cluster.chain(5))
    cluster.start(1)
    cluster.settle()
    cluster.pay(1, (5, 1))
    cluster.advance(3)
    last = cluster.chain(5)[-1]
    assert last.ballot.node == 1
    assert last.ballot.round == highest.round + 1


def test_a_stable_leader_that_serves_only_others_is_replaced() -> None:
    """Node 3 hears the leader but can't reach it: it must not wait for ever."""
    cluster = Cluster(5, Tenure.STABLE, (0.0, 0.1))
    cluster.advance(1)
    cluster.pay(1, (2, 1))
    cluster.advance(1)
    leader = cluster.engine(1).replica.known_leader.node
    lost, other = _two(leader)
    cluster.network.cut.add((lost, leader))
    cluster.pay(lost, (other, 1))
    for _ in range(60):
        cluster.pay(other, (leader, 1))
        cluster.advance(0.5)
        if len(cluster.engine(lost).queue.own) == 0:
            return
    raise AssertionError("its transfer waits for ever")


def _two(leader: int) -> tuple[int, int]:
    others = [node for node in range(1, 6) if node != leader]
    return others[0], others[1]
