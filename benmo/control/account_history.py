"""The transfers of one account, with the balance after each, and balances at an earlier height.

The balances follow from the blocks and from one balance that is known: of the newest block, from
which each transfer is undone in turn, or of the first, to which each is applied.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from benmo.control.chain_reads import Fetch, backwards, forwards
from benmo.errors import ProtocolError
from benmo.ledger.blocks import INTEGER_MAX, AppliedBlock, Outcome
from benmo.ledger.transfers import Run
from benmo.paxos.types import ChangeKind, NodeId

Place = tuple[int, int]
"""A transfer's slot, and its position in the block, from 0."""

_END = (INTEGER_MAX, 0)
_CONTRADICTION = "the blocks can't have led to the balances"


@dataclass(frozen=True, slots=True)
class AccountTransfer:
    """A decided transfer, as the account of one node sees it.

    slot        the slot of its block
    position    its place in the block, from 0
    time        when the block was proposed, by its proposer's clock, in seconds since 1970
    id          node 3's 17th transfer is "3-17"
    direction   "in": to this account; "out": from this account
    other_node  whose the other account is
    amount      what was to be paid, 1 or more
    outcome     "applied": it has moved money; "refused": it never does; "skipped": it is a
                duplicate, or out of order, and moves no money here
    balance     the account's balance after the transfer
    key, memo   None where there is none
    """

    slot: int
    position: int
    time: float
    id: str
    direction: Literal["in", "out"]
    other_node: NodeId
    amount: int
    outcome: Literal["applied", "refused", "skipped"]
    balance: int
    key: str | None = None
    memo: str | None = None

    @property
    def place(self) -> Place:
        return self.slot, self.position

    @property
    def change(self) -> int:
        """The amount that the transfer has added to the balance; below 0 if it took from it."""
        if self.outcome != "applied":
            return 0
        return self.amount if self.direction == "in" else -self.amount


async def oldest_first(
    blocks: AsyncIterator[AppliedBlock], node: NodeId, balance: int, after: Place = (0, 0)
) -> AsyncIterator[AccountTransfer]:
    """The account's transfers at places beyond `after`, in blocks that come oldest first.

    `balance` is the account's after the transfer at that place.
    """
    async for applied in blocks:
        block = _AccountBlock(applied, node)
        for position, run, index in block.transfers():
            if (applied.block.slot, position) > after:
                balance += block.change(position, run, index)
                yield block.transfer(position, run, index, balance)


async def newest_first(
    blocks: AsyncIterator[AppliedBlock], node: NodeId, balance: int, before: Place = _END
) -> AsyncIterator[AccountTransfer]:
    """The account's transfers at places below `before`, in blocks that come newest first.

    `balance` is the account's before the transfer at that place.
    """
    async for applied in blocks:
        block = _AccountBlock(applied, node)
        for position, run, index in reversed(block.transfers()):
            if (applied.block.slot, position) < before:
                yield block.transfer(position, run, index, balance)
                balance -= block.change(position, run, index)


def from_oldest(
    fetch: Fetch, node: NodeId, height: int, opening: int, after: AccountTransfer | None = None
) -> AsyncIterator[AccountTransfer]:
    """The account's transfers up to a height, the oldest first, from the one behind `after` on.

    `opening` is the account's balance before the first block.
    """
    if after is None:
        return oldest_first(forwards(fetch, 1, height), node, opening)
    return oldest_first(forwards(fetch, after.slot, height), node, after.balance, after.place)


def from_newest(
    fetch: Fetch, node: NodeId, height: int, balance: int, after: AccountTransfer | None = None
) -> AsyncIterator[AccountTransfer]:
    """The account's transfers up to a height, the newest first, from the one behind `after` on.

    `balance` is the account's at that height.
    """
    if after is None:
        return newest_first(backwards(fetch, height), node, balance)
    before = after.balance - after.change
    return newest_first(backwards(fetch, after.slot), node, before, after.place)


async def page_of(transfers: AsyncIterator[AccountTransfer], limit: int) -> list[AccountTransfer]:
    """The first `limit` transfers. Raises as `forwards`."""
    page: list[AccountTransfer] = []
    async for each in transfers:
        page.append(each)
        if len(page) == limit:
            break
    return page


async def balances_before(
    blocks: AsyncIterator[AppliedBlock], balances: Mapping[NodeId, int]
) -> dict[NodeId, int]:
    """The balances before all of these blocks, which come newest first; `balances` are after them.

    Raises `ProtocolError` if the blocks can't have led to these balances.
    """
    before = dict(balances)
    async for applied in blocks:
        try:
            _undo(applied, before)
        except KeyError:
            raise ProtocolError(_CONTRADICTION) from None
    if min(before.values()) < 0:
        raise ProtocolError(_CONTRADICTION)
    return before


def _undo(applied: AppliedBlock, balances: dict[NodeId, int]) -> None:
    """Turn the balances after a block into those before it.

    Raises `KeyError` if one is of an account that there can't have been, and `ProtocolError` if an
    account that the block opened wasn't empty.
    """
    change = None if applied.is_change_void else applied.block.change
    if change is not None and change.kind is ChangeKind.REMOVE:
        balances[change.node] = 0
    elif change is not None and change.kind is ChangeKind.ADD and balances.pop(change.node):
        raise ProtocolError(_CONTRADICTION)
    for debit, credit, amount in _moved(applied):
        balances[debit] += amount
        balances[credit] -= amount


def _moved(applied: AppliedBlock) -> Iterator[tuple[NodeId, NodeId, int]]:
    """The money that a block moved: from a node, to a node, how much; sums where all applied."""
    if not applied.refused and not applied.skipped:
        for run in applied.block.runs:
            for credit, amount in run.received().items():
                yield run.debit, credit, amount
        return
    for transfer, outcome in applied.outcomes():
        if outcome is Outcome.APPLIED:
            yield transfer.debit_node, transfer.credit_node, transfer.amount


class _AccountBlock:
    """A decided block as one account sees it."""

    def __init__(self, applied: AppliedBlock, node: NodeId) -> None:
        self._block = applied.block
        self._node = node
        self._refused = frozenset(applied.refused)
        self._skipped = frozenset(applied.skipped)

    def transfers(self) -> list[tuple[int, Run, int]]:
        """The account's transfers: the position in the block, the run, the index in the run."""
        found: list[tuple[int, Run, int]] = []
        start = 0
        for run in self._block.runs:
            if run.debit == self._node:
                found += [(start + index, run, index) for index in range(len(run))]
            elif self._node in run.credit:
                credits = enumerate(run.credit)
                found += [(start + index, run, index) for index, to in credits if to == self._node]
            start += len(run)
        return found

    def change(self, position: int, run: Run, index: int) -> int:
        """The amount that a transfer has added to the balance; below 0 if it took from it."""
        if position in self._refused or position in self._skipped:
            return 0
        return -run.amount[index] if run.debit == self._node else run.amount[index]

    def transfer(self, position: int, run: Run, index: int, balance: int) -> AccountTransfer:
        is_out = run.debit == self._node
        return AccountTransfer(
            self._block.slot,
            position,
            self._block.time,
            f"{run.debit}-{run.first + index}",
            "out" if is_out else "in",
            run.credit[index] if is_out else run.debit,
            run.amount[index],
            self._outcome(position),
            balance,
            (run.key[index] or None) if run.key else None,
            (run.memo[index] or None) if run.memo else None,
        )

    def _outcome(self, position: int) -> Literal["applied", "refused", "skipped"]:
        if position in self._refused:
            return "refused"
        return "skipped" if position in self._skipped else "applied"
