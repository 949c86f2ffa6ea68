"""Defects 1 to 13 of the original: two chains, forgotten promises, blocks decided again."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from benmo.ledger.blocks import encode_block
from benmo.ledger.transfers import Run
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
from benmo.paxos.step import DecideRecord, PromiseRecord
from benmo.paxos.types import GENESIS_HASH, Ballot
from benmo.play.sandbox import PendingMessage
from benmo.storage.disk import RealDisk
from benmo.storage.journal import JournalRecord, QueueRecord
from benmo.storage.node_storage import JOURNAL, NodeStorage
from tests.support.engine_cluster import Cluster
from tests.support.instances import at_once, campaign, chain_ids, deliver, forge, lead, prepare
from tests.support.mixed_cluster import INITIALIZE, MixedCluster, one_line, run
from tests.support.numbered_nodes import opened
from tests.support.processes import ROOT
from tests.support.terminals import Terminal


def test_defect_01_an_acceptor_compares_with_its_promise() -> None:
    cluster = at_once()
    cluster.pay(1, (2, 10))
    cluster.pay(3, (2, 30))
    prepare(cluster, 1, 2)
    prepare(cluster, 3, 2)
    assert cluster.engine(2).replica.acceptor.accepted is None, "so only its promise can refuse"
    deliver(cluster, Accept, 1, 2)
    refusals = [envelope.message for envelope in cluster.matching(Nack, 2, 1)]
    for wrong in cluster.matching(Accepted, 2, 1):
        cluster.deliver(wrong)
    deliver(cluster, Accept, 3, 2)
    deliver(cluster, Accepted, 2, 3)
    cluster.assert_agreement()
    cluster.settle()
    assert refusals == [Nack(Ballot(1, 1), Ballot(1, 3))]
    assert chain_ids(cluster, 1) == [["3-1"]]


def test_defect_02_an_accepted_block_survives_a_restart() -> None:
    cluster = at_once()
    cluster.pay(1, (2, 10))
    lead(cluster, 1, 2, tells=False)
    decided = cluster.chain(1)
    cluster.network.pending.clear()
    cluster.crash(1)
    cluster.crash(2)
    cluster.machines[2].disk = cluster.machines[2].disk.after_power_cut()
    cluster.start(2)
    accepted = cluster.engine(2).replica.acceptor.accepted
    cluster.pay(3, (1, 5))
    prepare(cluster, 3, 2)
    cluster.settle()
    assert cluster.chain(3)[:1] == decided, "a block that was decided"
    assert accepted is not None
    assert (accepted.ballot, accepted.block) == (Ballot(1, 1), decided[0])


def test_defect_03_an_old_slots_block_is_not_decided_again_in_a_new_slot() -> None:
    cluster = at_once()
    cluster.pay(1, (2, 10))
    lead(cluster, 1, 2)
    deliver(cluster, Accept, 1, 3)
    cluster.network.pending.clear()
    cluster.pay(2, (3, 20))
    campaign(cluster, 2)
    deliver(cluster, Prepare, 2, 3)
    (promise,) = [envelope.message for envelope in cluster.matching(Promise, 3, 2)]
    assert isinstance(promise, Promise)
    assert promise.accepted is not None
    assert promise.accepted.slot == 1 == cluster.engine(2).ledger.height
    cluster.settle()
    assert [chain_ids(cluster, node) for node in cluster.ids] == [[["1-1"], ["2-1"]]] * 3


@pytest.mark.parametrize("late", ["a doubled Decide", "doubled Blocks"])
def test_defect_04_what_a_newer_leader_had_accepted_outlives_an_older_decision(late: str) -> None:
    cluster = at_once()
    cluster.pay(1, (2, 10))
    lead(cluster, 1, 3)
    (first,) = cluster.chain(1)
    cluster.settle()
    cluster.pay(2, (3, 20))
    lead(cluster, 2, 3, tells=False)
    newer = cluster.chain(2)
    cluster.network.pending.clear()
    old = Decide(1, Ballot(1, 1), first.hash) if "Decide" in late else Blocks((first,), 1)
    forge(cluster, 1, 3, old)
    cluster.crash(2)
    cluster.pay(1, (3, 7))
    cluster.advance(10)
    assert cluster.chain(1)[:2] == newer, "of nodes 1 and 3, only node 3 had accepted it"
    assert chain_ids(cluster, 3) == [["1-1"], ["2-1"], ["1-2"]]


def test_defect_05_a_leader_speaks_in_the_ballot_that_it_campaigned_with() -> None:
    cluster = at_once()
    cluster.pay(1, (2, 10))
    cluster.pay(3, (2, 30))
    campaign(cluster, 1)
    deliver(cluster, Prepare, 1, 2)
    campaign(cluster, 3)
    deliver(cluster, Prepare, 3, 1)
    assert cluster.engine(1).replica.acceptor.promised == Ballot(1, 3), "its own acceptor's"
    deliver(cluster, Promise, 2, 1)
    assert not cluster.matching(Accept, sender=1)
    assert not cluster.engine(1).replica.leader.is_active
    cluster.settle()
    assert chain_ids(cluster, 1) == chain_ids(cluster, 3) == [["3-1"]]


def _ballots_written(cluster: Cluster) -> list[list[int]]:
    lines = map(json.loads, cluster.machines[1].disk.read(JOURNAL).splitlines())
    return [line["ballot"] for line in lines if "ballot" in line]


def test_defect_06_a_promise_never_goes_back() -> None:
    cluster = at_once()
    cluster.pay(1, (2, 10))
    promised = [Ballot.ZERO]

    def look() -> None:
        promised.append(cluster.engine(1).replica.acceptor.promised)

    campaign(cluster, 1)
    look()
    forge(cluster, 3, 1, Prepare(Ballot(7, 3)))
    look()
    campaign(cluster, 1)
    look()
    forge(cluster, 2, 1, Prepare(Ballot(3, 2)))
    look()
    written = _ballots_written(cluster)
    cluster.crash(1)
    cluster.start(1)
    look()
    campaign(cluster, 1)
    look()
    assert promised == sorted(promised)
    assert promised[2:] == [Ballot(7, 3), *[Ballot(8, 1)] * 3, Ballot(9, 1)]
    assert written == [[1, 1], [7, 3], [8, 1]]
    assert _ballots_written(cluster) == [[9, 1]], "after the checkpoint of the start"


def test_defect_07_a_transfer_typed_in_mid_round_changes_no_proposal() -> None:
    cluster = at_once()
    cluster.pay(1, (2, 10))
    lead(cluster, 1, 2)
    cluster.network.pending.clear()
    cluster.pay(1, (2, 20))
    prepare(cluster, 1, 2)
    to_node_2 = cluster.matching(Accept, 1, 2)[0].data
    deliver(cluster, Accept, 1, 3)
    deliver(cluster, Behind, 3, 1)
    cluster.pay(1, (2, 30))
    deliver(cluster, Blocks, 1, 3)
    deliver(cluster, Behind, 3, 1)
    assert [envelope.data for envelope in cluster.matching(Accept, 1, 3)] == [to_node_2]
    deliver(cluster, Accept, 1, 2)
    deliver(cluster, Accept, 1, 3)
    accepted = [cluster.engine(node).replica.acceptor.accepted for node in cluster.ids]
    assert accepted[0] is not None
    assert accepted[0] == accepted[1] == accepted[2]
    cluster.settle()
    cluster.advance(5)
    assert [chain_ids(cluster, node) for node in cluster.ids] == [[["1-1"], ["1-2"], ["1-3"]]] * 3


def test_defect_08_a_late_promise_is_no_vote() -> None:
    cluster = at_once(5)
    cluster.pay(1, (2, 10))
    campaign(cluster, 1)
    for acceptor in (2, 3, 4, 5):
        deliver(cluster, Prepare, 1, acceptor)
    for acceptor in (2, 3):
        deliver(cluster, Promise, acceptor, 1)
    assert cluster.matching(Accept, sender=1), "it has a quorum of promises"
    for late in (4, 5):
        deliver(cluster, Promise, late, 1)
    assert cluster.chain(1) == []
    deliver(cluster, Accept, 1, 4)
    deliver(cluster, Accepted, 4, 1)
    assert cluster.chain(1) == [], "two votes of five"
    deliver(cluster, Accept, 1, 5)
    deliver(cluster, Accepted, 5, 1)
    assert chain_ids(cluster, 1) == [["1-1"]]


BALLOT, LOWER = Ballot(2, 1), Ballot(1, 1)


@pytest.mark.parametrize(
    "answer",
    [
        Accepted(LOWER, 2),
        Accepted(BALLOT, 1),
        Accepted(BALLOT, 3),
        Promise(BALLOT, 2, None),
        Nack(LOWER, Ballot(1, 3)),
        Heartbeat(2, BALLOT),
    ],
    ids=str,
)
def test_defect_09_an_answer_counts_only_by_its_kind_ballot_and_slot(answer: Message) -> None:
    cluster = at_once()
    cluster.pay(1, (2, 10))
    lead(cluster, 1, 2)
    cluster.settle()
    cluster.pay(1, (2, 20))
    prepare(cluster, 1, 2)
    cluster.drop(Accept, 1)
    leader = cluster.engine(1).replica.leader
    assert (leader.ballot, leader.proposal and leader.proposal.slot) == (BALLOT, 2)
    forge(cluster, 3, 1, answer)
    assert chain_ids(cluster, 1) == [["1-1"]], "nobody else accepted the second block"
    assert leader.is_active
    forge(cluster, 3, 1, Accepted(BALLOT, 2))
    assert chain_ids(cluster, 1) == [["1-1"], ["1-2"]], "as one right answer shows"


def test_defect_10_a_doubled_or_stale_decision_is_not_appended_again() -> None:
    cluster = at_once()
    seen: list[PendingMessage] = []
    for number in range(3):
        cluster.network.cut = {(1, 3), (2, 3)} if number == 1 else set()
        cluster.pay(1, (2, 10))
        campaign(cluster, 1)
        while cluster.network.pending:
            seen.append(cluster.network.pending[0])
            cluster.deliver(seen[-1])
    kinds = {type(envelope.message) for envelope in seen if envelope.to == 3}
    assert {Decide, Accept, Blocks} <= kinds
    chains = [chain_ids(cluster, node) for node in cluster.ids]
    assert chains == [[["1-1"], ["1-2"], ["1-3"]]] * 3
    for envelope in (*seen, *reversed(seen)):
        cluster.deliver_copy(envelope)
        cluster.network.pending.clear()
    for node in cluster.ids:
        assert chain_ids(cluster, node) == chains[0]
        assert cluster.engine(node).ledger.balances == {1: 70, 2: 130, 3: 100}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_defect_11_blocks_are_in_the_order_of_slots_not_of_arrival(order: tuple[int, ...]) -> None:
    cluster = at_once()
    cluster.pay(1, (2, 10))
    lead(cluster, 1, 2)
    cluster.pay(2, (3, 20))
    lead(cluster, 2, 1)
    late = cluster.matching(Accept, to=3) + cluster.matching(Decide, to=3)
    assert len(late) == 4
    for index in order:
        cluster.deliver(late[index])
    cluster.settle()
    cluster.advance(3)
    assert [chain_ids(cluster, node) for node in cluster.ids] == [[["1-1"], ["2-1"]]] * 3
    cluster.assert_agreement()


def test_defect_12_overlapping_blocks_of_two_nodes_are_applied_once() -> None:
    cluster = at_once(5)
    cluster.crash(1)
    for _ in range(4):
        cluster.pay(2, (3, 10))
        cluster.advance(3)
    blocks = tuple(cluster.chain(2))
    assert len(blocks) == 4
    cluster.start(1)
    cluster.network.pending.clear()
    for sender, part in ((2, blocks[:2]), (3, blocks), (4, blocks[1:]), (2, blocks[2:])):
        forge(cluster, sender, 1, Blocks(part, 4))
    assert tuple(cluster.chain(1)) == blocks
    assert cluster.engine(1).ledger.balances == cluster.engine(5).ledger.balances
    cluster.settle()
    cluster.assert_agreement()


def _block(storage: NodeStorage) -> None:
    block = encode_block(1, Ballot(1, 2), GENESIS_HASH, 0.0, (Run(2, 1, (1,), (10,)),))
    _append(storage, DecideRecord(block, Ballot.ZERO))


def _promise(storage: NodeStorage) -> None:
    _append(storage, PromiseRecord(Ballot(3, 2)))


def _queue(storage: NodeStorage) -> None:
    _append(storage, QueueRecord(Run(1, 1, (2,), (10,))))


def _append(storage: NodeStorage, record: JournalRecord) -> None:
    storage.append((record,))
    storage.sync()


@pytest.mark.parametrize(
    ("put", "loss"),
    [(_block, "1 block "), (_queue, "1 waiting"), (_promise, "promises of 1 nodes")],
)
def test_defect_13_the_initialize_script_wipes_nothing_without_asking(
    tmp_path: Path, put: Callable[[NodeStorage], None], loss: str
) -> None:
    with MixedCluster(tmp_path) as cluster:
        path = cluster.state.path
        disk = RealDisk(cluster.state.node(1))
        put(opened(disk, cluster.definition.cluster, 1)[0])
        disk.close()
    files = _files(path)
    arguments = (*INITIALIZE, "--state-dir", str(path))
    refused = run(arguments)
    assert refused.returncode == 1
    assert loss in one_line(refused.stderr)
    assert _files(path) == files
    with closing(Terminal(*arguments, cwd=ROOT)) as terminal:
        terminal.wait_for("Wipe it?")
        terminal.type("n\r")
        assert terminal.wait_exit() == 1
    assert _files(path) == files
    assert run((*arguments, "--yes")).returncode == 0
    assert not set(_files(path).items()) & set(files.items()), "all is new"


def _files(path: Path) -> dict[Path, bytes]:
    found = (file for file in path.rglob("*") if file.is_file() and file.name != "lock")
    return {file: file.read_bytes() for file in found if file.stat().st_size}
