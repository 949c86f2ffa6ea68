"""Each node's transfers are decided in the order of their numbers, without a gap."""

from __future__ import annotations

from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.paxos.types import NodeId
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History
from benmo.sim.machine import Machine


class TransferOrder(Checker):
    """Knows the number of each node's last decided transfer."""

    name = "order"
    rule = "promise 2"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self._last: dict[NodeId, int] = {}

    def on_decided(self, machine: Machine, applied: AppliedBlock) -> None:
        for transfer, outcome in applied.outcomes():
            if outcome is not Outcome.SKIPPED:
                last = self._last.get(transfer.debit_node, 0)
                self.require(transfer.number == last + 1, f"{transfer} comes after number {last}")
                self._last[transfer.debit_node] = transfer.number
