"""Promise 3: of any two nodes' chains, one is a prefix of the other, always.

The hash of a chain's head stands for the chain, since each block contains the hash of the one
before. So it is enough to know the one chain that was first seen, and to compare heads.
"""

from __future__ import annotations

from benmo.ledger.blocks import AppliedBlock
from benmo.paxos.types import GENESIS_HASH
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.machine import Machine, Turn
from benmo.storage.journal import NodeState


class Agreement(Checker):
    """Knows every decided block, in the order of slots."""

    name = "agreement"

    def __init__(self, facts: Facts, machines: Machines) -> None:
        super().__init__(facts, machines)
        self.chain: list[AppliedBlock] = []
        self._heads = [GENESIS_HASH]

    def on_start(self, machine: Machine, state: NodeState) -> None:
        """Take in decisions that a node found on its disk: it died before it could show them."""
        assert machine.storage is not None
        while len(self.chain) < state.ledger.height:
            (applied, *_) = machine.storage.read(len(self.chain) + 1, 1)
            self._on_applied(machine, applied)
        self._require_known(machine, state.ledger.height, state.ledger.head)

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        for applied in turn.report.applied:
            self._on_applied(machine, applied)
        assert machine.engine is not None
        ledger = machine.engine.ledger
        self._require_known(machine, ledger.height, ledger.head)

    def _on_applied(self, machine: Machine, applied: AppliedBlock) -> None:
        slot = applied.block.slot
        if slot == len(self.chain) + 1:
            self.chain.append(applied)
            self._heads.append(applied.block.hash)
        self.require(
            slot <= len(self.chain),
            f"node {machine.node} decides slot {slot} before those below are decided anywhere",
        )
        known = self.chain[slot - 1]
        same = known.block.hash == applied.block.hash
        self.require(same, f"node {machine.node} decides another block in slot {slot}")
        self.require(
            known == applied, f"node {machine.node} finds other outcomes in slot {slot} than others"
        )

    def _require_known(self, machine: Machine, height: int, head: str) -> None:
        node = machine.node
        is_known = height < len(self._heads)
        self.require(is_known, f"node {node} is at height {height}, which nobody decided")
        self.require(self._heads[height] == head, f"node {node} has another chain at {height}")
