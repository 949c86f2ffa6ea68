"""Promise 2: what a user orders is paid at most once, and nothing is paid that nobody ordered.

Orders are counted by content, not by id: an order that got two ids would be paid twice. An order
that has no answer yet, or whose node died before it answered, may be paid.
"""

from __future__ import annotations

from collections import Counter

from benmo.engine.events import Submitted
from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.paxos.types import NodeId
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History
from benmo.sim.machine import Machine, Turn

_Movement = tuple[NodeId, NodeId, int]
"""Debit node, credit node, amount."""


class ExactlyOnce(Checker):
    """Counts orders and payments, and looks at every id."""

    name = "exactly once"
    rule = "promise 2"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self._may_be_paid: Counter[_Movement] = Counter()
        self._open: dict[int, Submitted] = {}
        self._paid: set[str] = set()

    def on_submitted(self, machine: Machine, event: Submitted) -> None:
        self._open[event.ticket] = event
        self._may_be_paid.update(_orders(machine.node, event))

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        for admission in turn.report.admissions:
            event = self._open.pop(admission.ticket, None)
            self.require(event is not None, f"node {machine.label} answers what nobody asked")
            if event is not None:
                paid_no_more = [
                    order
                    for position, order in enumerate(_orders(machine.node, event))
                    if admission.run is None or position in admission.known
                ]
                self._may_be_paid.subtract(paid_no_more)

    def on_decided(self, machine: Machine, applied: AppliedBlock) -> None:
        for transfer, outcome in applied.outcomes():
            if outcome is not Outcome.APPLIED:
                continue
            self.require(transfer.id not in self._paid, f"{transfer} is applied twice")
            self._paid.add(transfer.id)
            if transfer.debit_node in self.facts.rogues:
                continue
            order = (transfer.debit_node, transfer.credit_node, transfer.amount)
            self._may_be_paid[order] -= 1
            self.require(
                self._may_be_paid[order] >= 0,
                f"{transfer} is applied, more often than anybody ordered it",
            )


def _orders(node: NodeId, event: Submitted) -> list[_Movement]:
    columns = zip(event.payments.credit, event.payments.amount, strict=True)
    return [(node, credit, amount) for credit, amount in columns]
