"""Each checker fires on the very thing that it is about, and is silent otherwise."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from benmo.engine.events import Admission, Report, Submitted
from benmo.errors import Reason
from benmo.ledger.blocks import AppliedBlock, Block, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Payments, Run
from benmo.paxos.messages import Accept, Decide, Message, Nack, Prepare, Promise
from benmo.paxos.types import GENESIS_HASH, Ballot, NodeId, Proposal
from benmo.sim.checkers import Facts
from benmo.sim.checkers.agreement import Agreement
from benmo.sim.checkers.exactly_once import ExactlyOnce
from benmo.sim.checkers.hash_chain import HashChain
from benmo.sim.checkers.money import Money
from benmo.sim.checkers.one_value import OneValue
from benmo.sim.checkers.order import TransferOrder
from benmo.sim.checkers.refusals import Refusals
from benmo.sim.checkers.told_refusals import ToldRefusals
from benmo.sim.machine import CLUSTER, Machine, Turn
from benmo.sim.violation import Fork, Violation
from benmo.storage.journal import NodeState
from tests.sim.test_faults import Small
from tests.support.numbered_nodes import opened
from tests.support.replicas import received

FACTS = Facts((1, 2, 3), 100, log_limit=10, journal_bytes_max=3000, rogues=frozenset({3}))
LOW, BALLOT, HIGH = Ballot(4, 2), Ballot(5, 1), Ballot(6, 3)
QUIET = Turn((), Report())


def new_machines(debit: NodeId = 1) -> dict[NodeId, Machine]:
    """Three nodes that run, after `debit` has paid 10 to the next one: at height 1."""
    small = Small(journal_bytes_max=FACTS.journal_bytes_max, block_transfers_max=5)
    small.pay(debit, debit % 3 + 1, 10)
    small.wait(2.0)
    assert not small.world.watchers.liveness.why_not(small.of(1, 2, 3))
    return small.machines


def of(machines: Collection[Machine], *nodes: NodeId) -> list[Machine]:
    """The machines of these nodes."""
    return [machine for machine in machines if machine.node in nodes]


def _found(machine: Machine) -> NodeState:
    return opened(machine.disk.copy(), CLUSTER, machine.node)[1]


def _applied(*runs: Run) -> list[AppliedBlock]:
    """A chain with a run in each block, as a ledger applies it."""
    ledger = Ledger({1: 100, 2: 100, 3: 100})
    return [
        ledger.apply(encode_block(slot, BALLOT, ledger.head, 0.0, (run,)))
        for slot, run in enumerate(runs, 1)
    ]


def a_run(debit: NodeId, first: int, *payments: tuple[NodeId, int]) -> Run:
    return Run(debit, first, tuple(to for to, _ in payments), tuple(much for _, much in payments))


def an_answer(ticket: int, run: Run | None, reason: str = "") -> Turn:
    return Turn((), Report(admissions=[Admission(ticket, run, reason)]))


def fires(sentence: str) -> AbstractContextManager[object]:
    return pytest.raises(Violation, match=sentence)


ONE, OTHER = (_applied(a_run(1, 1, (2, amount)))[0] for amount in (10, 20))
TWO = _applied(a_run(1, 1, (2, 10)), a_run(1, 2, (2, 5)))[1]

# Agreement.


def test_agreement_compares_what_nodes_decide() -> None:
    machines = new_machines()
    first, second = Agreement(FACTS, machines.values()), Agreement(FACTS, machines.values())
    decided = machines[1].whole_chain()[0].block
    for machine in machines.values():
        first.on_turn(machine, Turn((), Report(applied=[AppliedBlock(decided)])))
    one, other = decided.hash[:8], OTHER.block.hash[:8]
    with pytest.raises(Fork, match=f"node 1 decided block {one} .* 2 decided block {other} "):
        first.on_turn(machines[2], Turn((), Report(applied=[OTHER])))
    with fires("nodes 1 and 2 decided the same block in slot 1, but with other outcomes"):
        first.on_turn(machines[2], Turn((), Report(applied=[AppliedBlock(decided, (0,))])))
    with fires("node 3 decided slot 2 before any node decided those below"):
        second.on_turn(machines[3], Turn((), Report(applied=[TWO])))


def test_agreement_compares_where_nodes_stand() -> None:
    machines = new_machines()
    checker = Agreement(FACTS, machines.values())
    with fires("node 1 is at height 1, which nobody decided"):
        checker.on_turn(machines[1], QUIET)
    checker.on_turn(machines[1], Turn((), Report(applied=machines[1].whole_chain())))
    engine = machines[2].engine
    assert engine is not None
    engine.ledger.head = "f" * 64
    with fires("node 2 knows of another head than its chain's"):
        checker.on_turn(machines[2], QUIET)


def test_agreement_learns_of_blocks_that_a_node_recovers() -> None:
    machines, strangers = new_machines(), new_machines(2)
    checker = Agreement(FACTS, machines.values())
    checker.on_start(machines[1], _found(machines[1]))
    assert [applied.block.slot for applied in checker.chain] == [1]
    checker.on_start(machines[2], _found(machines[2]))
    checker.on_turn(machines[3], QUIET)
    with fires("node 1 decided block .* for slot 1, and node 2 decided block"):
        checker.on_start(strangers[2], _found(strangers[2]))
    with fires("node 1 decided block .* for slot 1, and node 3 decided block .*: promise 3"):
        checker.on_turn(strangers[3], Turn((), Report(applied=strangers[3].whole_chain())))


# What messages say.


def test_one_value_wants_one_block_for_a_slot_and_ballot() -> None:
    machines = new_machines()
    one, other = Proposal(BALLOT, ONE.block), Proposal(BALLOT, OTHER.block)
    for message in (Accept(other), Promise(HIGH, 0, other), Decide(1, BALLOT, OTHER.block.hash)):
        checker = OneValue(FACTS, machines.values())
        same: list[Message] = [
            Accept(one),
            Promise(HIGH, 0, one),
            Decide(1, BALLOT, ONE.block.hash),
        ]
        for each in (*same, Accept(Proposal(HIGH, OTHER.block)), Decide(2, BALLOT, "f" * 64)):
            checker.on_sent(machines[1], 2, each)
        with fires(r"one value: node 1 proposed two blocks for slot 1 in \(5, 1\), .*: rule P6"):
            checker.on_sent(machines[2], 1, message)


@pytest.mark.parametrize("asked", [Prepare(LOW), Accept(Proposal(LOW, ONE.block))])
def test_told_refusals_wants_a_nack_for_a_ballot_that_is_too_low(asked: Message) -> None:
    machines = new_machines()
    checker = ToldRefusals(FACTS, machines.values())
    turn = Turn((received(3, asked),), Report())

    def look(*said: tuple[NodeId, NodeId, Message]) -> None:
        checker.on_start(machines[2], replace(_found(machines[2]), promised=BALLOT))
        for sender, to, message in said:
            checker.on_sent(machines[sender], to, message)
        checker.on_turn(machines[2], turn)

    look((2, 3, Nack(LOW, BALLOT)))
    with fires(
        r"told refusals: node 2 doesn't tell node 3 that ballot \(4, 2\) is too low: rule A6"
    ):
        look()
    for wrong in [(2, 1, Nack(LOW, BALLOT)), (1, 3, Nack(LOW, BALLOT)), (2, 3, Nack(HIGH, HIGH))]:
        with fires("told refusals"):
            look(wrong)
    machines[2].sends_not.add(3)
    look()
    machines[2].sends_not.clear()
    checker.on_start(machines[2], replace(_found(machines[2]), promised=LOW))
    checker.on_turn(machines[2], turn)


# What is decided.


def _ordered(*orders: tuple[NodeId, int], node: NodeId = 1) -> ExactlyOnce:
    machines = new_machines()
    checker = ExactlyOnce(FACTS, machines.values())
    for ticket, order in enumerate(orders, 1):
        checker.on_submitted(machines[node], Submitted(ticket, Payments.of(order)))
    return checker


def test_exactly_once_pays_what_was_ordered_as_often_as_it_was() -> None:
    for checker in (_ordered((2, 10), (2, 10)), _ordered((2, 10), (3, 5))):
        machine = of(checker.machines, 1)[0]
        checker.on_turn(machine, an_answer(1, a_run(1, 1, (2, 10))))
        first, second = _applied(a_run(1, 1, (2, 10)), a_run(1, 2, (2, 10)))
        checker.on_decided(machine, first)
        if checker._may_be_paid[1, 2, 10]:
            checker.on_decided(machine, second)
        with fires("exactly once: 1-[23] .* is applied, more often than anybody ordered it"):
            checker.on_decided(machine, replace(second, block=_block(2, a_run(1, 3, (2, 10)))))


def _block(slot: int, *runs: Run, previous: str = GENESIS_HASH) -> Block:
    return encode_block(slot, BALLOT, previous, 0.0, runs)


def test_exactly_once_pays_no_id_twice_and_nothing_that_was_refused() -> None:
    checker = _ordered((2, 10), (2, 10))
    machine = of(checker.machines, 1)[0]
    checker.on_decided(machine, ONE)
    with fires("1-1 .* is applied twice"):
        checker.on_decided(machine, ONE)
    checker = _ordered((2, 10))
    checker.on_turn(machine, an_answer(1, None, "no"))
    checker.on_decided(machine, replace(ONE, refused=(0,)))
    checker.on_decided(machine, replace(ONE, skipped=(0,)))
    with fires("more often than anybody ordered it"):
        checker.on_decided(machine, ONE)
    with fires("exactly once: node 1 answers what nobody asked"):
        checker.on_turn(machine, an_answer(1, None, "no"))
    checker.on_decided(machine, _applied(a_run(3, 1, (1, 5)))[0])  # a rogue's


def test_refusals_looks_at_every_answer_and_outcome() -> None:
    machine = new_machines()[1]
    checker = Refusals(FACTS, ())
    asked = (Submitted(1, Payments.of((2, 10))),)
    checker.on_turn(machine, replace(an_answer(1, a_run(1, 1, (2, 10))), events=asked))
    checker.on_turn(machine, replace(an_answer(1, None, "no"), events=asked))
    for turn, sentence in [
        (QUIET, "refusals: node 1 leaves somebody without an answer"),
        (an_answer(1, None), "node 1 refuses without reason"),
        (an_answer(1, a_run(1, 1, (2, 9))), "node 1 queued something else"),
    ]:
        with fires(sentence):
            checker.on_turn(machine, replace(turn, events=asked))
    checker.on_decided(machine, replace(ONE, skipped=(0,)))
    checker.on_decided(machine, replace(_applied(a_run(3, 1, (1, 5)))[0], refused=(0,)))
    with fires("1-1 .* was queued and then refused"):
        checker.on_decided(machine, replace(ONE, refused=(0,)))


@pytest.mark.parametrize(
    ("code", "asked", "without_need"),
    [
        (Reason.TOO_MANY, 11, 10),
        (Reason.QUEUE_FULL, 7, 6),  # the queue holds 3 of at most 10, and 1 was decided
        (Reason.NOT_COVERED, 78, 77),  # of 100, 13 are spent, and 10 moved in this turn
    ],
)
def test_refusals_wants_a_true_reason(code: Reason, asked: int, without_need: int) -> None:
    machine = new_machines()[1]
    assert machine.engine is not None
    checker, queue = Refusals(FACTS, (machine,)), machine.engine.queue
    queue.add(Payments.of((2, 1), (2, 1), (2, 1)))

    def refused(count: int) -> Turn:
        payments = [(2, count)] if code is Reason.NOT_COVERED else [(2, 1)] * count
        events = (Submitted(1, Payments.of(*payments)),)
        report = Report(applied=[ONE], admissions=[Admission(1, None, "no", code=code)])
        return Turn(events, report)

    checker.on_turn(machine, refused(asked))
    with fires("refusals: node 1 refuses .* without need: no"):
        checker.on_turn(machine, refused(without_need))


def test_refusals_knows_that_a_void_transfer_brings_no_money() -> None:
    machine = new_machines()[1]
    void = replace(_applied(a_run(3, 1, (1, -50)))[0], refused=(0,))
    refusal = Admission(1, None, "no", code=Reason.NOT_COVERED)
    events = (Submitted(1, Payments.of((2, 101))),)
    checker = Refusals(FACTS, (machine,))
    checker.on_turn(machine, Turn(events, Report(applied=[void], admissions=[refusal])))


@pytest.mark.parametrize("number", [1, 2, 4])
def test_order_wants_each_nodes_next_number(number: int) -> None:
    machine, checker = new_machines()[1], TransferOrder(FACTS, ())
    late = AppliedBlock(_block(2, a_run(1, number, (2, 1))))
    checker.on_decided(machine, AppliedBlock(_block(1, a_run(1, 1, (2, 1), (2, 1)))))
    checker.on_decided(machine, AppliedBlock(_block(2, a_run(2, 1, (1, 1)))))
    checker.on_decided(machine, replace(late, skipped=(0,)))
    with fires(f"order: 1-{number} .* comes after number 2"):
        checker.on_decided(machine, late)
    with fires(f"order: 1-{number} "):
        checker.on_decided(machine, replace(late, refused=(0,)))
    checker.on_decided(machine, AppliedBlock(_block(2, a_run(1, 3, (2, 1)))))


@pytest.mark.parametrize(
    ("payment", "sentence"),
    [
        ((9, 1), "money: 1-1 .* is from or to nobody"),
        ((1, 1), "1-1 .* moves no money"),
        ((2, 0), "1-1 .* moves no money"),
        ((2, -5), "1-1 .* moves no money"),
        ((2, 101), "1-1 .* spends what isn't there"),
    ],
)
def test_money_finds_void_transfers_that_are_applied(
    payment: tuple[int, int], sentence: str
) -> None:
    machine, checker = new_machines()[1], Money(FACTS, ())
    applied = AppliedBlock(_block(1, a_run(1, 1, payment)))
    checker.on_decided(machine, replace(applied, refused=(0,)))
    with fires(sentence):
        checker.on_decided(machine, applied)


def test_money_reckons_every_nodes_balances() -> None:
    machines = new_machines()
    checker, engine = Money(FACTS, machines.values()), machines[2].engine
    assert engine is not None
    checker.on_decided(machines[1], ONE)
    checker.on_turn(machines[2], QUIET)
    engine.ledger.balances[2] += 1
    with fires("money: node 2 shows the balances .* at height 1, the blocks lead to .*2: 110"):
        checker.on_turn(machines[2], QUIET)


def test_hash_chain_takes_every_block_apart() -> None:
    machine, checker = new_machines()[1], HashChain(FACTS, ())
    first, second = _applied(a_run(1, 1, (2, 10)), a_run(1, 2, (2, 5)))
    good, other = first.block, OTHER.block
    for bad, sentence in [
        (second.block, "hash chain: slot 2 doesn't name the block before it"),
        (replace(good, hash=other.hash), "slot 1's hash isn't that of its bytes"),
        (replace(good, data=good.data + b" "), "slot 1's hash isn't that of its bytes"),
        (replace(other, data=good.data, hash=good.hash), "slot 1's bytes say something else"),
    ]:
        with fires(sentence):
            checker.on_decided(machine, AppliedBlock(bad))
    checker.on_decided(machine, first)
    with fires("slot 1 doesn't name the block before it"):
        checker.on_decided(machine, first)
    checker.on_decided(machine, second)
