"""The balances that a chain leads to: computed without I/O, and the same on every node.

A node spends only its own money, so a queue is one run, and a block is the runs of one or more
nodes, as columns: the checks of a whole run are a few calls, and only a run that fails one of them
is walked transfer by transfer.
"""

from __future__ import annotations

from collections.abc import Mapping

from benmo.errors import Reason, RefusalText
from benmo.ledger.blocks import AppliedBlock, Block
from benmo.ledger.transfers import Run, Transfer
from benmo.paxos.types import GENESIS_HASH, Ballot, NodeId


class Ledger:
    """The balances that a chain leads to.

    Invariants, asserted by `check`:

    M1. The sum of the balances is constant.
    M2. No balance is below zero.
    """

    def __init__(
        self,
        balances: Mapping[NodeId, int],
        last: Mapping[NodeId, int] | None = None,
        height: int = 0,
        head: str = GENESIS_HASH,
    ) -> None:
        self.balances = dict(balances)
        self.last = dict(last) if last is not None else dict.fromkeys(self.balances, 0)
        """The number of each node's last decided transfer, 0 if it has none."""
        self.height = height
        self.head = head
        self.total = sum(self.balances.values())
        self.check()

    def check(self) -> None:
        """Assert the invariants."""
        assert sum(self.balances.values()) == self.total, "M1"
        assert min(self.balances.values()) >= 0, "M2"

    def apply(self, block: Block, decided_in: Ballot = Ballot.ZERO) -> AppliedBlock:
        """Apply the next decided block; the same block has the same outcomes on every node.

        `decided_in`, the ballot that decided the block if one is known, only goes into the result.
        """
        assert block.slot == self.height + 1, f"slot {block.slot} at height {self.height}"
        assert block.previous == self.head, f"slot {block.slot} belongs to another chain"
        refused: list[int] = []
        skipped: list[int] = []
        position = 0
        for run in block.runs:
            if not self._apply_whole(run):
                self._apply_each(run, position, refused, skipped)
            position += len(run)
        self.height = block.slot
        self.head = block.hash
        self.check()
        return AppliedBlock(block, tuple(refused), tuple(skipped), decided_in)

    def _apply_whole(self, run: Run) -> bool:
        """Apply a run if all its transfers can be applied; else change nothing, return False."""
        if run.first != self.last.get(run.debit, -1) + 1 or not self.covers(run):
            return False
        for credit, amount in run.received().items():
            self.balances[credit] += amount
            self.balances[run.debit] -= amount
        self.last[run.debit] = run.end - 1
        return True

    def covers(self, run: Run, reserved: int = 0) -> bool:
        """Whether no transfer of a run is void, if all of them are applied now, in order.

        `reserved` of the debit node's balance counts as spent. Since each amount is 1 or more, a
        part of the run spends less than the whole run, so comparing the sum is enough.
        """
        credits = set(run.credit)
        return (
            run.debit in self.balances
            and run.debit not in credits
            and credits <= self.balances.keys()
            and min(run.amount) >= 1
            and sum(run.amount) <= self.balances[run.debit] - reserved
        )

    def _apply_each(self, run: Run, position: int, refused: list[int], skipped: list[int]) -> None:
        """Apply a run transfer by transfer; add the positions of those refused and skipped.

        `position` is that of the run's first transfer in the block.
        """
        for offset, transfer in enumerate(run.transfers(), position):
            if transfer.debit_node not in self.last:
                refused.append(offset)
                continue
            if transfer.number != self.last[transfer.debit_node] + 1:
                skipped.append(offset)
                continue
            self.last[transfer.debit_node] = transfer.number
            if self.why_void(transfer) is not None:
                refused.append(offset)
                continue
            self.balances[transfer.debit_node] -= transfer.amount
            self.balances[transfer.credit_node] += transfer.amount

    def why_void(self, transfer: Transfer, reserved: int = 0) -> RefusalText | None:
        """Why a transfer can't be applied now, as a line for the user; None if it can.

        `reserved` of the debit node's balance counts as spent.
        """
        debit, credit, amount = transfer.debit_node, transfer.credit_node, transfer.amount
        known = f"nodes are {min(self.balances)} to {max(self.balances)}"
        if debit not in self.balances or credit not in self.balances:
            unknown = credit if debit in self.balances else debit
            return RefusalText(f"there is no node {unknown}: {known}", Reason.UNKNOWN_NODE)
        if debit == credit:
            return RefusalText(f"node {debit} can't pay itself", Reason.OWN_NODE)
        if amount < 1:
            text = f"the amount must be a whole number of 1 or more, not {amount}"
            return RefusalText(text, Reason.BAD_AMOUNT)
        available = self.balances[debit] - reserved
        if amount > available:
            verb = "waits" if reserved == 1 else "wait"
            waiting = f" ({reserved} more {verb} in the queue)" if reserved else ""
            text = f"node {debit} has {available} to spend{waiting}, not {amount}"
            return RefusalText(text, Reason.NOT_COVERED)
        return None
