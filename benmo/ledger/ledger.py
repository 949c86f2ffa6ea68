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
from benmo.paxos.membership import Membership, numbered
from benmo.paxos.types import GENESIS_HASH, Ballot, Change, ChangeKind, NodeId


class Ledger:
    """The balances that a chain leads to, and the members that vote for its next slot.

    Without a `membership`, the nodes have the members of `benmo.paxos.membership.numbered`.

    Invariants, asserted by `check`:

    M1. The sum of the balances is constant.
    M2. No balance is below zero.
    M3. Each node that votes has an account, and no other node has one.
    """

    def __init__(
        self,
        balances: Mapping[NodeId, int],
        last: Mapping[NodeId, int] | None = None,
        height: int = 0,
        head: str = GENESIS_HASH,
        membership: Membership | None = None,
    ) -> None:
        self.balances = dict(balances)
        self.last = dict(last) if last is not None else dict.fromkeys(self.balances, 0)
        """The number of the last decided transfer of each node that has had an account, 0 if it has
        none."""
        self.height = height
        self.head = head
        self.membership = numbered(self.balances) if membership is None else membership
        """The members that vote for the slot after `height`."""
        self.total = sum(self.balances.values())
        self.check()

    def check(self) -> None:
        """Assert the invariants."""
        assert sum(self.balances.values()) == self.total, "M1"
        assert min(self.balances.values()) >= 0, "M2"

    def check_accounts(self) -> None:
        """Assert M3, which only a change of the membership can break."""
        assert self.balances.keys() == self.membership.voters.keys(), "M3"

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
        why_void = None if block.change is None else self._apply_change(block.change)
        self.height = block.slot
        self.head = block.hash
        self.check()
        return AppliedBlock(
            block, tuple(refused), tuple(skipped), decided_in, why_void is not None, why_void or ""
        )

    def _apply_change(self, change: Change) -> str | None:
        """Apply a change of the next block, after its runs; why the change is void, if it is."""
        why_void = self.why_change_void(change)
        if why_void is not None:
            return why_void
        self.membership = self.membership.after(change, self.height + 1)
        if change.kind is ChangeKind.ADD:
            self.balances[change.node] = 0
            self.last.setdefault(change.node, 0)
        elif change.kind is ChangeKind.REMOVE:
            del self.balances[change.node]
        self.check_accounts()
        return None

    def why_change_void(self, change: Change) -> str | None:
        """Why a change of the membership would have no effect now, as a clause; None if it had."""
        why = self.membership.why_void(change)
        if why is None and change.kind is ChangeKind.REMOVE and self.balances[change.node]:
            return f"node {change.node} has {self.balances[change.node]} on its account"
        return why

    def is_of_member(self, run: Run) -> bool:
        """Whether a run was queued by the member that votes for its node now."""
        member = self.membership.voters.get(run.debit)
        return member is not None and member.ordinal == run.member

    def _apply_whole(self, run: Run) -> bool:
        """Apply a run if all its transfers can be applied; else change nothing, return False."""
        is_next = run.first == self.last.get(run.debit, -1) + 1
        if not (is_next and self.is_of_member(run) and self.covers(run)):
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
        is_of_member = self.is_of_member(run)
        for offset, transfer in enumerate(run.transfers(), position):
            if transfer.debit_node not in self.last:
                refused.append(offset)
                continue
            is_next = transfer.number == self.last[transfer.debit_node] + 1
            if not (is_of_member and is_next):
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
        if debit not in self.balances or credit not in self.balances:
            unknown = credit if debit in self.balances else debit
            known = f"nodes are {_listed(self.membership.nodes)}"
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


def _listed(nodes: tuple[NodeId, ...]) -> str:
    """The nodes in words: "1 to 5" where none is missing between."""
    first, last = nodes[0], nodes[-1]
    if last - first + 1 == len(nodes):
        return f"{first} to {last}"
    return f"{', '.join(map(str, nodes[:-1]))} and {last}"
