"""What is shown as decided or queued is on disks that a power cut leaves."""

from __future__ import annotations

from benmo.engine.events import Admission, Report
from benmo.ledger.blocks import Outcome
from benmo.ledger.payment_keys import KnownPayment
from benmo.ledger.transfers import Run
from benmo.sim.checkers.durable_answers import DurableAnswers
from benmo.sim.machine import Turn
from tests.sim.test_checkers import FACTS, OTHER, a_run, fires, new_machines


def test_durable_answers_counts_disks_that_hold_the_block_for_certain() -> None:
    machines = new_machines()
    checker = DurableAnswers(FACTS, machines.values())
    for node in (1, 2):
        held = "only node 1 holds it" if node == 2 else "no disk holds it"
        with fires(f"durable answers: node 1 shows slot 1 as decided, but {held} for certain"):
            checker.on_decided(machines[1], OTHER)
        disk = machines[node].disk
        disk.append("journal.jsonl", OTHER.block.data)
        with fires("durable answers"):
            checker.on_decided(machines[1], OTHER)
        disk.sync("journal.jsonl")
    checker.on_decided(machines[1], OTHER)


def test_durable_answers_doubts_in_favour_of_a_damaged_disk() -> None:
    machines = new_machines()
    checker = DurableAnswers(FACTS, machines.values())
    machines[2].is_damaged = True
    with fires("only node 2 holds it"):
        checker.on_decided(machines[1], OTHER)
    machines[1].disk.append("journal.jsonl", OTHER.block.data)
    machines[1].disk.sync("journal.jsonl")
    checker.on_decided(machines[1], OTHER)


def test_durable_answers_wants_what_is_said_to_be_queued_on_the_disk() -> None:
    """Whether it was queued now or before; what is said to be decided needn't be in the queue."""
    machine = new_machines()[1]
    checker = DurableAnswers(FACTS, [machine])
    transfer = a_run(1, 2, (2, 5)).transfer(2)

    def answered(run: Run, *known: KnownPayment) -> None:
        admission = Admission(1, run, known=dict(enumerate(known)))
        checker.on_turn(machine, Turn((), Report(admissions=[admission])))

    nothing = Run(1, 3, (), ())
    with fires("durable answers: node 1 answers that 1-2 is queued, but a power cut would lose it"):
        answered(a_run(1, 2, (2, 5)))
    with fires("durable answers: node 1 answers that 1-2 is queued, but a power cut would lose it"):
        answered(nothing, KnownPayment(transfer))
    answered(nothing, KnownPayment(transfer, 2, Outcome.APPLIED))
    answered(nothing)
