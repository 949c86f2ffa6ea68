"""What a replica takes at all, and that no peer can lead it to a ballot that nobody takes."""

from __future__ import annotations

import pytest

from benmo.engine.events import Report
from benmo.ledger.blocks import encode_block
from benmo.ledger.transfers import Run
from benmo.paxos.message_checks import ROUNDS_AT_FIRST, ROUNDS_PER_S, admitted_round, round_max
from benmo.paxos.messages import Accept, Blocks, Decide, Heartbeat, Message, Nack, Prepare, Promise
from benmo.paxos.notices import ForeignBlockReported
from benmo.paxos.types import Ballot, Proposal, ProtocolError, Tenure
from tests.support.engine_cluster import Cluster
from tests.support.replicas import received

FOREIGN = encode_block(1, Ballot(0, 2), "f" * 64, 1.0, (Run(2, 1, (1,), (1,)),))


def messages_with(ballot: Ballot) -> list[Message]:
    block = encode_block(1, Ballot(1, ballot.node), "0" * 64, 1.0, (Run(2, 1, (1,), (1,)),))
    return [
        Prepare(ballot),
        Accept(Proposal(ballot, block)),
        Decide(1, ballot, "0" * 64),
        Nack(Ballot(1, 1), ballot),
        Heartbeat(0, ballot),
    ]


@pytest.mark.parametrize("round_before", [0, 7, ROUNDS_AT_FIRST])
@pytest.mark.parametrize("message", messages_with(Ballot(int(round_max(7.0)), 2)), ids=str)
def test_a_round_may_be_as_high_as_its_time_allows(message: Message, round_before: int) -> None:
    assert admitted_round(2, message, round_before, 7.0) == int(round_max(7.0))
    with pytest.raises(ProtocolError, match="round"):
        admitted_round(2, message, round_before, 6.9)


def test_rounds_are_never_used_up() -> None:
    """Rounds stay below 2**53 in messages and files, and a campaign needs one that is free."""
    last_day_of_year_9999 = 253_402_300_799.0
    assert round_max(last_day_of_year_9999) < 2**53 - 2**40
    assert round_max(-1e9) == round_max(0.0) == ROUNDS_AT_FIRST


@pytest.mark.parametrize("tenure", list(Tenure))
@pytest.mark.parametrize("claim", [Heartbeat, Prepare, Nack])
def test_no_sequence_of_claims_leaves_a_cluster_without_a_round(
    tenure: Tenure, claim: type[Message]
) -> None:
    """Node 3 claims the highest round that is taken, again and again, until none is left."""
    cluster = Cluster(3, tenure, (0.0, 0.1))
    cluster.advance(1)
    cluster.pay(1, (2, 5))
    cluster.advance(1)
    cluster.crash(3)
    claimed = 0
    for jump in (2**40 - 1, 2**20, 1):
        for _ in range(8_200):
            ballot = Ballot(min(claimed + jump, 2**53 - 1), 3)
            reports = [cluster.turn(node, [received(3, _claim(claim, ballot))]) for node in (1, 2)]
            cluster.drop()
            claimed = ballot.round if not all(map(_is_refused, reports)) else claimed
    assert claimed > ROUNDS_AT_FIRST
    cluster.advance(2 / ROUNDS_PER_S)  # the time in which one more round is free
    for _ in range(20):
        cluster.pay(1, (2, 1))
        cluster.pay(2, (1, 1))
        cluster.advance(5)
    assert [len(cluster.engine(node).queue.own) for node in (1, 2)] == [0, 0]
    assert cluster.engine(1).ledger.height == cluster.engine(2).ledger.height > 20
    assert cluster.engine(1).replica.acceptor.promised.round < 2**53 - 2**40


def _claim(kind: type[Message], ballot: Ballot) -> Message:
    match kind.__name__:
        case "Heartbeat":
            return Heartbeat(0, ballot)
        case "Prepare":
            return Prepare(ballot)
        case name:
            assert name == "Nack"
            return Nack(Ballot(1, 1), ballot)


def _is_refused(report: Report) -> bool:
    return bool(report.misbehaved)


def _messages_with_a_block_of_a_later_ballot() -> list[Message]:
    block = encode_block(1, Ballot(2**53 - 1, 2), "0" * 64, 1.0, (Run(2, 1, (1,), (1,)),))
    proposal = Proposal(Ballot(5, 2), block)
    return [Accept(proposal), Promise(Ballot(6, 1), 0, proposal)]


@pytest.mark.parametrize("message", _messages_with_a_block_of_a_later_ballot(), ids=str)
def test_no_block_is_proposed_below_its_first_ballot(message: Message) -> None:
    with pytest.raises(ProtocolError, match="lower ballot"):
        admitted_round(2, message, 7, 1000.0)


def test_a_decided_block_uses_up_no_rounds() -> None:
    cluster = Cluster(3, election_delay_s=(0.0, 0.1))
    cluster.advance(1)
    block = encode_block(1, Ballot(2**53 - 1, 2), "0" * 64, 1.0, (Run(2, 1, (1,), (1,)),))
    for node in cluster.ids:
        assert not _is_refused(cluster.turn(node, [received(2, Blocks((block,), 1))]))
    cluster.pay(1, (2, 5))
    cluster.advance(5)
    assert [len(cluster.chain(node)) for node in cluster.ids] == [2, 2, 2]


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
    report = cluster.turn(1, [received(2, Promise(ballot, 0, Proposal(Ballot(0, 2), FOREIGN)))])
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
