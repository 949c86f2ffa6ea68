"""The checkers of keys and of confirmed heights fire on wrong histories, and on no others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benmo.engine.events import Admission, ReadRequested, Report, Submitted
from benmo.errors import Reason
from benmo.ledger.blocks import AppliedBlock, Outcome, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.payment_keys import KnownPayment
from benmo.ledger.transfers import Payments, Run, Transfer
from benmo.paxos.messages import (
    Accept,
    Accepted,
    Behind,
    Blocks,
    Confirm,
    Confirmed,
    Decide,
    Heartbeat,
    Message,
    Nack,
    Promise,
)
from benmo.paxos.step import Confirmation
from benmo.paxos.types import Proposal
from benmo.sim.checkers.exactly_once import ExactlyOnce
from benmo.sim.checkers.keys import KeyedPayments
from benmo.sim.checkers.linearizable import Linearizable
from benmo.sim.machine import Machine, Turn
from tests.sim.test_checkers import BALLOT, FACTS, HIGH, ONE, QUIET, TWO, fires, new_machines, of
from tests.sim.test_faults import Small
from tests.support.replicas import received

# Keys.

ASKED = Payments((2,), (10,), ("rent",), ("a",))
RUN, AGAIN = ASKED.numbered(1, 1), ASKED.numbered(1, 2)
(PAID,) = RUN.transfers()


def _block(*runs: Run) -> list[AppliedBlock]:
    """A chain with a run in each block, as a ledger applies it."""
    ledger = Ledger({1: 100, 2: 100, 3: 100})
    return [
        ledger.apply(encode_block(slot, BALLOT, ledger.head, 0.0, (run,)))
        for slot, run in enumerate(runs, 1)
    ]


def _answered(asked: Payments, run: Run | None, *known: KnownPayment, reason: str = "") -> Turn:
    """A turn in which somebody asked for payments, the first of which are known."""
    answer = Admission(7, run, reason, dict(enumerate(known)))
    return Turn((Submitted(7, asked),), Report(admissions=[answer]))


def _nothing(first: int = 2) -> Run:
    return Run(1, first, (), ())


class _Waiting:
    """Node 1 has queued 10 to node 2 under the key "a"; nothing of it is decided."""

    def __init__(self) -> None:
        self.machine = new_machines(2)[1]
        assert self.machine.engine is not None
        self.checker = KeyedPayments(FACTS, (self.machine,))
        self.machine.engine.queue._own = RUN
        self.turn(_answered(ASKED, RUN))

    def turn(self, turn: Turn) -> None:
        self.checker.on_turn(self.machine, turn)

    def decide(self) -> None:
        """Its slot is 1."""
        assert self.machine.engine is not None
        self.machine.engine.queue._own = _nothing()
        self.checker.on_decided(self.machine, _block(RUN)[0])


def test_keys_wants_no_two_transfers_of_a_node_under_one_key() -> None:
    machine, checker = new_machines()[1], KeyedPayments(FACTS, ())
    first, second = _block(RUN, AGAIN)
    checker.on_decided(machine, first)
    checker.on_decided(machine, replace(second, skipped=(0,)))
    (other,) = _block(Run(2, 1, (1,), (10,), key=("a",)))
    checker.on_decided(machine, other)
    checker.on_decided(machine, _block(Run(1, 2, (2,), (10,), key=("b",)))[0])
    with fires("keys: 1-2 .* is applied under the key 'a', as was 1-1"):
        checker.on_decided(machine, second)


def test_keys_wants_a_retry_to_be_known_from_the_queue_or_the_chain() -> None:
    waiting = _Waiting()
    waiting.turn(_answered(ASKED, _nothing(), KnownPayment(PAID)))
    with fires("keys: node 1 forgot that 'a' stands for 1-1 "):
        waiting.turn(_answered(ASKED, AGAIN))
    with fires("node 1 refuses to know 'a' stands for 1-1 .*: queue is full"):
        waiting.turn(_answered(ASKED, None, reason="queue is full"))
    waiting.decide()
    waiting.turn(_answered(ASKED, _nothing(), KnownPayment(PAID, 1, Outcome.APPLIED)))
    with fires("node 1 forgot that 'a' stands for 1-1 "):
        waiting.turn(_answered(ASKED, AGAIN))


@pytest.mark.parametrize(
    "other",
    [
        Payments((2,), (11,), ("rent",), ("a",)),
        Payments((3,), (10,), ("rent",), ("a",)),
        Payments((2,), (10,), ("food",), ("a",)),
        Payments((2,), (10,), (), ("a",)),
    ],
    ids=["amount", "credit", "memo", "no memo"],
)
def test_keys_wants_another_payment_under_a_known_key_to_be_refused(other: Payments) -> None:
    waiting = _Waiting()
    waiting.turn(_answered(other, None, reason="another payment"))
    with fires("keys: node 1 takes 'a' stands for 1-1 .* for 1-1 "):
        waiting.turn(_answered(other, _nothing(), KnownPayment(PAID)))
    with fires("node 1 forgot that 'a' stands for 1-1 "):
        waiting.turn(_answered(other, other.numbered(1, 2)))


def test_keys_lets_what_is_partly_new_be_queued_or_refused() -> None:
    waiting = _Waiting()
    both = Payments((2, 3), (10, 5), ("rent", ""), ("a", "b"))
    waiting.turn(_answered(both, None, reason="queue is full"))
    rest = both.without({0}).numbered(1, 2)
    waiting.turn(_answered(both, rest, KnownPayment(PAID)))
    with fires("node 1 forgot that 'b' stands for 1-2 "):
        waiting.turn(_answered(both, both.without({0}).numbered(1, 3), KnownPayment(PAID)))


def test_keys_wants_what_is_known_not_to_count_as_too_much() -> None:
    waiting = _Waiting()

    def refused(new: int) -> Turn:
        """The known payment and some new ones are refused as too many."""
        keys = ("a", *(f"new {place}" for place in range(new)))
        asked = Payments((2,) * (new + 1), (10,) * (new + 1), ("rent", *("",) * new), keys)
        answer = Admission(7, None, "too much", code=Reason.TOO_MANY)
        return Turn((Submitted(7, asked),), Report(admissions=[answer]))

    waiting.turn(refused(FACTS.log_limit + 1))
    with fires("keys: node 1 refuses 10 new payments: too much"):
        waiting.turn(refused(FACTS.log_limit))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(PAID, number=2),
        replace(PAID, debit_node=2),
        replace(PAID, key="b"),
        replace(PAID, amount=9),
    ],
    ids=["number", "debit", "key", "amount"],
)
def test_keys_wants_the_very_transfer_of_a_key(wrong: Transfer) -> None:
    waiting = _Waiting()
    with fires("keys: node 1 takes .* for what was asked under 'a'"):
        waiting.turn(_answered(ASKED, _nothing(), KnownPayment(wrong)))


@pytest.mark.parametrize(
    "wrong", [KnownPayment(PAID, 2, Outcome.APPLIED), KnownPayment(PAID, 1, Outcome.REFUSED)]
)
def test_keys_wants_the_true_slot_and_outcome(wrong: KnownPayment) -> None:
    waiting = _Waiting()
    with fires(
        "keys: node 1 says that 'a' stands for 1-1 .* was applied in slot 1, which it wasn't"
    ):
        waiting.turn(_answered(ASKED, _nothing(), KnownPayment(PAID, 1, Outcome.APPLIED)))
    waiting.decide()
    with fires("node 1 says that 'a' stands for 1-1 .* was .* in slot .*, which it wasn't"):
        waiting.turn(_answered(ASKED, _nothing(), wrong))


def test_keys_wants_what_is_said_to_wait_to_be_in_the_queue_or_just_decided() -> None:
    waiting = _Waiting()
    waiting.decide()
    (decided,) = _block(RUN)
    turn = _answered(ASKED, _nothing(), KnownPayment(PAID))
    waiting.turn(replace(turn, report=replace(turn.report, applied=[decided])))
    with fires("keys: node 1 says that 'a' stands for 1-1 .* waits, which it doesn't"):
        waiting.turn(turn)


def test_keys_learns_of_a_payment_whose_answer_was_lost() -> None:
    waiting = _Waiting()
    lost = KeyedPayments(FACTS, ())
    lost.on_turn(waiting.machine, _answered(ASKED, _nothing(), KnownPayment(PAID)))
    lost.on_decided(waiting.machine, _block(RUN)[0])
    with fires("node 1 forgot that 'a' stands for 1-1 "):
        lost.on_turn(waiting.machine, _answered(ASKED, AGAIN))


def test_keys_asks_for_every_key_in_the_end() -> None:
    small = Small()
    small.pay(1, 2, 10, key="a")
    small.wait(2.0)
    checker, engine = KeyedPayments(FACTS, small.machines.values()), small.machines[1].engine
    assert engine is not None
    checker.on_decided(small.machines[1], small.machines[1].whole_chain()[0])
    checker.at_end(of(checker.machines, 1, 2, 3))
    use = engine.keys._recent.pop("a")
    with fires("keys: node 1 forgot that 'a' stands for 1-1 "):
        checker.at_end(of(checker.machines, 1, 2, 3))
    engine.keys._recent["a"] = use._replace(slot=2)
    with fires("keys: node 1 can't look for a key: the index of keys contradicts slot 2"):
        checker.at_end(of(checker.machines, 1))
    checker.at_end(of(checker.machines, 2, 3))


def test_exactly_once_doesnt_pay_what_is_known_once_more() -> None:
    machine = new_machines()[1]
    checker = ExactlyOnce(FACTS, ())
    first, second = _block(RUN, AGAIN)
    for turn in (_answered(ASKED, RUN), _answered(ASKED, _nothing(), KnownPayment(PAID))):
        checker.on_submitted(machine, Submitted(7, ASKED))
        checker.on_turn(machine, turn)
    checker.on_decided(machine, first)
    with fires("exactly once: 1-2 .* is applied, more often than anybody ordered it"):
        checker.on_decided(machine, second)


# Confirmed heights.


def _told(ticket: int, height: int) -> Turn:
    return Turn((), Report(confirmations=[Confirmation(ticket, height)]))


def _asked(checker: Linearizable, machine: Machine, ticket: int = 7) -> None:
    """Let a question come, and all nodes answer it."""
    checker.on_asked(machine, ReadRequested(ticket))
    number = len(checker._confirmed_by)
    checker.on_sent(machine, 1, Confirm(number))
    for node in (1, 2, 3):
        checker.on_arrived(machine, received(node, Confirmed(number, 0)))


def test_linearizable_wants_every_slot_that_was_decided_before_the_question() -> None:
    machines = new_machines()
    checker = Linearizable(FACTS, machines.values())
    _asked(checker, machines[2], 1)
    checker.on_decided(machines[1], ONE)
    _asked(checker, machines[2], 2)
    _asked(checker, machines[3], 3)
    checker.on_decided(machines[1], TWO)
    checker.on_turn(machines[2], _told(1, 0))
    checker.on_turn(machines[3], _told(3, 1))
    with fires(
        "linearizable: node 2 is told that the chain may be at 0, though slot 1 had been decided"
    ):
        checker.on_turn(machines[2], _told(2, 0))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (Decide(2, BALLOT, TWO.block.hash), 2),
        (Accept(Proposal(BALLOT, TWO.block)), 1),
        (Promise(HIGH, 2, None), 2),
        (Heartbeat(2, BALLOT), 2),
        (Behind(2), 2),
        (Blocks((), 2), 2),
        (Accepted(BALLOT, 2), 0),
        (Nack(BALLOT, HIGH), 0),
        (Confirmed(1, 2), 0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_linearizable_wants_what_a_node_told_before_it_died(said: Message, shown: int) -> None:
    machines = new_machines()
    checker = Linearizable(FACTS, machines.values())
    checker.on_sent(machines[1], 3, said)
    _asked(checker, machines[2])
    checker.on_turn(machines[2], QUIET)
    if shown:
        with fires(f"though slot {shown} had been decided when it asked"):
            checker.on_turn(machines[2], _told(7, shown - 1))
    _asked(checker, machines[2])
    checker.on_turn(machines[2], _told(7, shown))


def test_linearizable_wants_no_answer_that_nobody_asked_this_node_for() -> None:
    machines = new_machines()
    checker = Linearizable(FACTS, machines.values())
    with fires("linearizable: node 2 answers what nobody asked it"):
        checker.on_turn(machines[2], _told(7, 5))
    _asked(checker, machines[2])
    with fires("node 3 answers what nobody asked it"):
        checker.on_turn(machines[3], _told(7, 5))
    _asked(checker, machines[2])
    checker.on_death(machines[3])
    checker.on_turn(machines[2], _told(7, 5))
    with fires("node 2 answers what nobody asked it"):
        checker.on_turn(machines[2], _told(7, 5))
    _asked(checker, machines[2])
    checker.on_death(machines[2])
    with fires("node 2 answers what nobody asked it"):
        checker.on_turn(machines[2], _told(7, 5))


@pytest.mark.parametrize(
    ("answer", "why_not"),
    [
        (None, "node 2 isn't told how far the chain may be"),
        (2, "node 2 was told of height 2, and is at 1"),
        (1, ""),
    ],
)
def test_linearizable_says_what_is_missing_in_the_end(answer: int | None, why_not: str) -> None:
    machines = new_machines()
    checker = Linearizable(FACTS, machines.values())
    checker.expect(7, machines[2])
    _asked(checker, machines[2])
    if answer is not None:
        checker.on_turn(machines[2], _told(7, answer))
    assert checker.why_not(of(checker.machines, 1, 2, 3)) == why_not
    checker.at_end(of(checker.machines, 1, 3))
    if why_not:
        with fires(f"linearizable: {why_not}, long after all faults ended"):
            checker.at_end(of(checker.machines, 1, 2, 3))
