"""Promise 1: when `decided` is shown, the block is on the disks of a quorum, whatever power cuts.

A disk counts if the block's very bytes are where no power cut can take them away. One that the
simulation itself has damaged gets the benefit of the doubt.
"""

from __future__ import annotations

from benmo.ledger import AppliedBlock, Block
from benmo.sim.checkers.checker import Checker
from benmo.sim.machine import Machine


class DurableAnswers(Checker):
    """Looks at all disks when a slot is first shown as decided."""

    name = "durable answers"

    def on_decided(self, machine: Machine, applied: AppliedBlock) -> None:
        self._require_durable(machine, applied.block)

    def _require_durable(self, machine: Machine, block: Block) -> None:
        holders = [
            each.node
            for each in self.machines.values()
            if each.is_damaged or each.disk.surely_holds(block.data)
        ]
        self.require(
            len(holders) >= self.facts.quorum,
            f"node {machine.node} shows slot {block.slot} as decided, but only the disks of "
            f"{holders} hold it for certain",
        )
