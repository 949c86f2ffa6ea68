"""Defects 14 to 20 of the original: money that was spent twice, stolen, lost or paid again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from benmo.errors import ProtocolError
from benmo.ledger.blocks import Block, Outcome, decode_block, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.messages import Accept, Accepted, Decide, Prepare
from benmo.paxos.types import GENESIS_HASH, Ballot, Proposal
from tests.support.engine_cluster import Cluster
from tests.support.instances import (
    at_once,
    campaign,
    chain_ids,
    deliver,
    forge,
    prepare,
    queue_ids,
)
from tests.support.mixed_cluster import MixedCluster, answer, run
from tests.support.processes import BENMO, ROOT
from tests.support.terminals import Terminal


def test_defect_14_what_waits_in_the_queue_is_spent_already() -> None:
    cluster = at_once()
    assert cluster.pay(1, (2, 100)) == "1-1"
    assert "has 0 to spend" in cluster.pay(1, (3, 100))
    assert "to spend" in cluster.pay(2, (1, 60), (3, 60))
    cluster.crash(1)
    cluster.start(1)
    assert "has 0 to spend" in cluster.pay(1, (3, 1)), "nor is it forgotten in a crash"
    cluster.settle()
    cluster.advance(5)
    assert chain_ids(cluster, 2) == [["1-1"]]
    assert cluster.engine(2).ledger.balances == {1: 0, 2: 200, 3: 100}


@pytest.mark.parametrize(
    ("amount", "credit", "why"),
    [
        (-50, 2, "a whole number of 1 or more, not -50"),
        (0, 2, "a whole number of 1 or more, not 0"),
        (10, 1, "node 1 can't pay itself"),
        (0, 1, "node 1 can't pay itself"),
    ],
)
def test_defect_15_negative_zero_and_self_transfers_are_refused(
    amount: int, credit: int, why: str
) -> None:
    cluster = at_once()
    assert why in cluster.pay(1, (credit, amount))
    assert why in cluster.pay(1, (3, 5), (credit, amount)), "and with it the whole request"
    assert queue_ids(cluster, 1) == []
    ledger = Ledger(dict.fromkeys(cluster.ids, 100))
    for slot in (1, 2):
        bad = Run(1, slot, (credit,), (amount,))
        applied = ledger.apply(_block(slot, ledger.head, bad))
        assert [outcome for _, outcome in applied.outcomes()] == [Outcome.REFUSED]
    assert ledger.balances == dict.fromkeys(cluster.ids, 100)


@pytest.mark.parametrize(
    ("bad", "outcomes"),
    [
        (Run(2, 1, (3,), (101,)), "refused"),
        (Run(2, 1, (3, 3), (60, 60)), "applied refused"),
        (Run(2, 1, (4,), (10,)), "refused"),
        (Run(2, 1, (3,), (-50,)), "refused"),
        (Run(2, 1, (2,), (10,)), "refused"),
        (Run(9, 1, (3,), (10,)), "refused"),
        (Run(2, 2, (3,), (10,)), "skipped"),
    ],
    ids=str,
)
def test_defect_16_a_block_is_checked_when_it_is_applied(bad: Run, outcomes: str) -> None:
    cluster = at_once()
    ballot = Ballot(1, 2)
    block = _block(1, GENESIS_HASH, bad)
    for node in (1, 3):
        forge(cluster, 2, node, Prepare(ballot))
        forge(cluster, 2, node, Accept(Proposal(ballot, block)))
        forge(cluster, 2, node, Decide(1, ballot, block.hash))
        (applied,) = cluster.applied(node)
        assert [outcome.value for _, outcome in applied.outcomes()] == outcomes.split()
        balances = cluster.engine(node).ledger.balances
        paid = 60 if "applied" in outcomes else 0
        assert balances == {1: 100, 2: 100 - paid, 3: 100 + paid}


def test_defect_17_a_transfer_typed_in_mid_round_is_neither_lost_nor_is_one_paid_twice() -> None:
    cluster = at_once()
    assert cluster.pay(1, (2, 10)) == "1-1"
    prepare(cluster, 1, 2)
    assert cluster.pay(1, (2, 20)) == "1-2"
    deliver(cluster, Accept, 1, 2)
    deliver(cluster, Accepted, 2, 1)
    assert chain_ids(cluster, 1) == [["1-1"]]
    assert queue_ids(cluster, 1) == ["1-2"]
    cluster.settle()
    cluster.advance(5)
    assert [chain_ids(cluster, node) for node in cluster.ids] == [[["1-1"], ["1-2"]]] * 3
    assert cluster.engine(3).ledger.balances == {1: 70, 2: 130, 3: 100}


@pytest.mark.parametrize("crashes_again", [False, True])
def test_defect_18_a_restarted_node_does_not_pay_a_committed_transfer_again(
    crashes_again: bool,
) -> None:
    cluster = at_once()
    cluster.pay(1, (2, 10))
    prepare(cluster, 1, 2)
    cluster.crash(1)
    cluster.settle()
    cluster.advance(10)
    assert chain_ids(cluster, 2) == [["1-1"]], "decided while its node was down"
    cluster.start(1)
    assert queue_ids(cluster, 1) == ["1-1"]
    cluster.settle()
    if crashes_again:
        cluster.crash(1)
        cluster.start(1)
    assert chain_ids(cluster, 1) == [["1-1"]], "it caught up"
    assert queue_ids(cluster, 1) == []
    cluster.advance(10)
    assert [chain_ids(cluster, node) for node in cluster.ids] == [[["1-1"]]] * 3
    assert cluster.engine(1).ledger.balances == {1: 90, 2: 110, 3: 100}


def test_defect_19_no_block_is_empty() -> None:
    cluster = _leader_without_anything_to_propose()
    assert not cluster.matching(Accept), "it has nothing to propose"
    cluster.settle()
    cluster.advance(10)
    assert [chain_ids(cluster, node) for node in (2, 3)] == [[["1-1"]]] * 2
    assert not cluster.engine(2).replica.leader.is_active
    for runs in ((), (Run(1, 1, (), ()),)):
        empty = encode_block(1, Ballot(1, 1), GENESIS_HASH, 0.0, runs)
        with pytest.raises(ProtocolError):
            decode_block(empty.data)


def _leader_without_anything_to_propose() -> Cluster:
    """Node 2 campaigns for what it accepted, and hears at the end that it is decided."""
    cluster = at_once()
    cluster.pay(1, (2, 10))
    prepare(cluster, 1, 2)
    deliver(cluster, Accept, 1, 2)
    deliver(cluster, Accept, 1, 3)
    deliver(cluster, Accepted, 3, 1)
    deliver(cluster, Decide, 1, 3)
    cluster.network.pending.clear()
    cluster.crash(1)
    campaign(cluster, 2)
    cluster.settle()
    return cluster


def test_defect_20_whoever_typed_a_transfer_is_told_its_outcome(tmp_path: Path) -> None:
    with MixedCluster(tmp_path) as cluster:
        services = [cluster.service(node) for node in cluster.definition.ids]
        arguments = (*BENMO, "attach", "1", "--state-dir", str(cluster.state.path))
        with closing(Terminal(*arguments, cwd=ROOT)) as terminal:
            terminal.wait_for("benmo 1>")
            terminal.type("moneyTransfer 10,1,2\r")
            terminal.wait_for("queued 1-1 (10 from node 1 to node 2)")
            terminal.wait_for("decided 1-1 (10 from node 1 to node 2)")
            terminal.type("moneyTransfer 91,1,2\r")
            terminal.wait_for("refused: node 1 has 90 to spend, not 91")
        piped = run(arguments, b"moneyTransfer 20,1,2\nwait 60\n")
        assert piped.returncode == 0
        assert "nothing waits in the queue" in piped.stdout.decode().splitlines()[-1]
        assert answer(services[0], "printBalance")["balance"] == 70


def _block(slot: int, previous: str, run: Run) -> Block:
    return encode_block(slot, Ballot(1, 2), previous, 0.0, (run,))
