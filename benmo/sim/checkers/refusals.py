"""Promise 4: `refused` is for ever, and what a node has queued is never refused.

A node queues a transfer only if its balance covers that and all that waits before it; so the
transfers in a block are applied, or skipped as doubled. Only one to a node that was removed
meanwhile is refused. And a node refuses no request for lack of room or money that it has.
"""

from __future__ import annotations

from benmo.engine.events import Admission
from benmo.errors import Reason
from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.ledger.transfers import Payments
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
                self._require_refusable(machine, turn, payments[admission.ticket], admission)
                continue
            asked = payments[admission.ticket].without(admission.known)
            self.require(
                admission.run
                == asked.numbered(machine.node, admission.run.first, admission.run.member),
                f"node {machine.label} queued something else than it was told to",
            )

    def _require_refusable(
        self, machine: Machine, turn: Turn, asked: Payments, admission: Admission
    ) -> None:
        """Require a reason, and that it is true as far as the turn's end shows that."""
        self.require(bool(admission.reason), f"node {machine.label} refuses without reason")
        changed = any(applied.block.change is not None for applied in turn.report.applied)
        if any(asked.key) or changed:  # what is known by its key isn't new
            return
        waited = len(machine.queue) + sum(len(applied.block) for applied in turn.report.applied)
        is_true = {
            Reason.TOO_MANY: len(asked) > self.facts.log_limit,
            Reason.QUEUE_FULL: len(asked) + waited > self.facts.log_limit,
            Reason.NOT_COVERED: sum(map(abs, asked.amount)) > _surely_available(machine, turn),
        }
        self.require(
            is_true.get(admission.code, True),
            f"node {machine.label} refuses {len(asked)} payments without need: {admission.reason}",
        )


def _surely_available(machine: Machine, turn: Turn) -> int:
    """The money that a node could spend all through a turn: it got none of that in the turn.

    A rogue's transfer may be of an amount below 0, and is refused: it brings nobody anything.
    """
    assert machine.engine is not None
    node = machine.node
    got = sum(
        abs(transfer.amount)
        for applied in turn.report.applied
        for transfer, outcome in applied.outcomes()
        if node in (transfer.credit_node, transfer.debit_node) and outcome is not Outcome.SKIPPED
    )
    return machine.engine.queue.available - got
