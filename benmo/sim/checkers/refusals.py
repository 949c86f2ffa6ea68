"""Promise 4: `refused` is for ever, and what a node has queued is never refused.

A node queues a transfer only if its balance covers that and all that waits before it; so the
transfers in a block are applied, or skipped as doubled. Only one to a node that was removed
meanwhile is refused.
"""

from __future__ import annotations

from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.sim.checkers.checker import Checker
from benmo.sim.machine import Machine, Turn, submitted


class Refusals(Checker):
    """Looks at every answer, and at the outcomes of every block."""

    name = "refusals"
    rule = "promise 4"

    def on_decided(self, machine: Machine, applied: AppliedBlock) -> None:
        for transfer, outcome in applied.outcomes():
            if transfer.debit_node not in self.facts.rogues:
                slot, credit = applied.block.slot, transfer.credit_node
                is_removed = credit not in self.history.voters[slot - 1].ids
                is_refused = outcome is Outcome.REFUSED and not is_removed
                self.require(not is_refused, f"{transfer} was queued and then refused")

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        tickets = [event.ticket for event in submitted(turn.events)]
        answered = [admission.ticket for admission in turn.report.admissions]
        self.require(tickets == answered, f"node {machine.label} leaves somebody without an answer")
        payments = {event.ticket: event.payments for event in submitted(turn.events)}
        for admission in turn.report.admissions:
            if admission.run is None:
                self.require(bool(admission.reason), f"node {machine.label} refuses without reason")
                continue
            asked = payments[admission.ticket].without(admission.known)
            self.require(
                admission.run
                == asked.numbered(machine.node, admission.run.first, admission.run.member),
                f"node {machine.label} queued something else than it was told to",
            )
