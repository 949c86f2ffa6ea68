"""Promise 5: the sum is constant, and no balance goes below zero.

The checker computes balances itself, from the blocks alone, transfer by transfer.
"""

from __future__ import annotations

from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.paxos.types import Change, ChangeKind, NodeId
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History
from benmo.sim.machine import Machine, Turn


class Money(Checker):
    """Knows the balances after each slot."""

    name = "money"
    rule = "promise 5"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self._balances: list[dict[NodeId, int]] = [dict.fromkeys(facts.nodes, facts.balance)]

    def on_decided(self, machine: Machine, applied: AppliedBlock) -> None:
        self._balances.append(self._after(applied))

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        assert machine.engine is not None
        ledger = machine.engine.ledger
        if ledger.height < len(self._balances):
            self.require(
                ledger.balances == self._balances[ledger.height],
                f"node {machine.label} shows the balances {ledger.balances} at height "
                f"{ledger.height}, the blocks lead to {self._balances[ledger.height]}",
            )

    def _after(self, applied: AppliedBlock) -> dict[NodeId, int]:
        balances = dict(self._balances[-1])
        for transfer, outcome in applied.outcomes():
            if outcome is Outcome.APPLIED:
                debit, credit = transfer.debit_node, transfer.credit_node
                known = debit in balances and credit in balances
                self.require(known, f"{transfer} is from or to nobody")
                is_sound = transfer.amount >= 1 and debit != credit
                self.require(is_sound, f"{transfer} is applied, and moves no money")
                balances[debit] -= transfer.amount
                balances[credit] += transfer.amount
                self.require(balances[debit] >= 0, f"{transfer} spends what isn't there")
        change = applied.block.change
        if change is not None and not applied.is_change_void:
            self._change(balances, change)
        total = self.facts.balance * len(self.facts.nodes)
        self.require(sum(balances.values()) == total, "money was made or lost")
        return balances

    def _change(self, balances: dict[NodeId, int], change: Change) -> None:
        """Give a node that is added an account, and take that of one that is removed."""
        if change.kind is ChangeKind.ADD:
            balances[change.node] = 0
        elif change.kind is ChangeKind.REMOVE:
            left = balances.pop(change.node, 0)
            self.require(left == 0, f"node {change.node} is removed, and {left} with it")
