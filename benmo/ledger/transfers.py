"""Transfers, one by one and as runs: columns of one debit node's, so that work is done per run.

A node spends only its own money, so a queue is one run, and a block is the runs of one or more
nodes.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import accumulate, compress, repeat
from typing import Annotated

import msgspec

from benmo.errors import Reason, RefusalText
from benmo.ledger.visible_text import escaped
from benmo.paxos.types import NodeId

BLOCK_TRANSFERS_MAX = 20_000
"""The most transfers in a block; so a request to pay holds no more, either."""

BLOCK_CHARACTERS_MAX = 1_200_000
"""The most characters of memos and keys in a block, a message or a request to pay.

As JSON, they have up to 6 bytes each.
"""

_COLUMN = msgspec.Meta(max_length=1 << 17)
"""The longest column of payments that is decoded."""

_PASSES_MAX = 6
"""A run with up to this many credit nodes is summed up in a pass for each of them."""

_SELECTORS = tuple(bytes(each == credit for each in range(256)) for credit in range(256))
"""By credit node, for `bytes.translate`: 1 in its place, 0 in that of any other."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Debit node `debit_node`'s `number`-th transfer pays `amount` to `credit_node`.

    `memo` is for people; `key` is the payer's own name for the transfer, under which the node pays
    only once. Both may be empty.
    """

    debit_node: NodeId
    number: int
    credit_node: NodeId
    amount: int
    memo: str = ""
    key: str = ""

    @property
    def id(self) -> str:
        return f"{self.debit_node}-{self.number}"

    def __str__(self) -> str:
        payment = f"{self.amount} from node {self.debit_node} to node {self.credit_node}"
        memo = f": {escaped(self.memo)}" if self.memo else ""
        return f"{self.id} ({payment}{memo})"


class Payments(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Payments that a node is asked to make, before they have numbers: the columns of a run."""

    credit: Annotated[tuple[NodeId, ...], _COLUMN]
    amount: Annotated[tuple[int, ...], _COLUMN]
    memo: Annotated[tuple[str, ...], _COLUMN] = ()
    key: Annotated[tuple[str, ...], _COLUMN] = ()

    @classmethod
    def of(cls, *payments: tuple[NodeId, int]) -> Payments:
        """Make payments of (credit node, amount) pairs, without memos and keys."""
        return cls(tuple(credit for credit, _ in payments), tuple(amount for _, amount in payments))

    def __len__(self) -> int:
        return len(self.amount)

    @property
    def characters(self) -> int:
        """How many characters the memos and keys have together."""
        return _characters(self.memo) + _characters(self.key)

    def why_too_much(self) -> RefusalText | None:
        """Why these are more than one request may hold, or None; it holds what a block holds."""
        if len(self.amount) <= BLOCK_TRANSFERS_MAX and self.characters <= BLOCK_CHARACTERS_MAX:
            return None
        text = (
            f"at most {BLOCK_TRANSFERS_MAX:,} payments, or {BLOCK_CHARACTERS_MAX:,} characters of "
            f"memos and keys, go into one request: send them in parts"
        )
        return RefusalText(text, Reason.TOO_MANY)

    def numbered(self, debit: NodeId, first: int, member: int = 0) -> Run:
        """The payments as transfers `first`, `first + 1`, … of node `debit`.

        `member` is as in `Run`.
        """
        memo, key = _used(self.memo), _used(self.key)
        return Run(debit, first, self.credit, self.amount, memo, key, member)

    def without(self, positions: Container[int]) -> Payments:
        """The payments but for those at these positions, from 0."""
        kept = [place for place in range(len(self)) if place not in positions]
        return Payments(
            tuple(self.credit[place] for place in kept),
            tuple(self.amount[place] for place in kept),
            tuple(self.memo[place] for place in kept) if self.memo else (),
            tuple(self.key[place] for place in kept) if self.key else (),
        )


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Consecutive transfers of one debit node: number `first`, `first + 1`, … as columns.

    The columns `memo` and `key` are there only if a transfer has one, and hold "" for the others.
    `member` says which member of the node queued them, counted from 0. A member's transfers are
    skipped once another has taken its place.
    """

    debit: NodeId
    first: int
    credit: tuple[NodeId, ...]
    amount: tuple[int, ...]
    memo: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    member: int = 0

    def __len__(self) -> int:
        return len(self.amount)

    @property
    def end(self) -> int:
        """The number after the last transfer's."""
        return self.first + len(self.amount)

    def since(self, number: int) -> Run:
        """The transfers from this number on; perhaps none."""
        start = max(0, number - self.first)
        return self if start == 0 else self._part(slice(start, None), self.first + start)

    def upto(self, length: int) -> Run:
        """The first `length` transfers."""
        return self if length >= len(self) else self._part(slice(length), self.first)

    def _part(self, part: slice, first: int) -> Run:
        return Run(
            self.debit,
            first,
            self.credit[part],
            self.amount[part],
            _used(self.memo[part]),
            _used(self.key[part]),
            self.member,
        )

    @property
    def characters(self) -> int:
        """How many characters the memos and keys have together."""
        return _characters(self.memo) + _characters(self.key)

    def fitting(self, length: int, characters: int) -> Run:
        """The longest beginning of the run within `length` transfers and `characters` of text."""
        run = self.upto(length)
        if run.characters <= characters:
            return run
        texts = zip(run.memo or repeat(""), run.key or repeat(""), strict=False)
        sizes = accumulate(len(memo) + len(key) for memo, key in texts)
        return run.upto(sum(size <= characters for size in sizes))

    def joined(self, later: Run) -> Run:
        """This run, continued by one that begins in this run or right behind it."""
        end = self.end
        assert self.debit == later.debit and self.member == later.member
        assert self.first <= later.first <= end
        new = later if later.first == end else later.since(end)
        has_memo, has_key = self.memo or new.memo, self.key or new.key
        return Run(
            self.debit,
            self.first,
            self.credit + new.credit,
            self.amount + new.amount,
            self._full(self.memo) + new._full(new.memo) if has_memo else (),
            self._full(self.key) + new._full(new.key) if has_key else (),
            self.member,
        )

    def _full(self, column: tuple[str, ...]) -> tuple[str, ...]:
        """An optional column in full length: of "" for each transfer if it isn't there."""
        return column or ("",) * len(self)

    def received(self) -> dict[NodeId, int]:
        """How much each credit node gets. All amounts are 1 or more.

        A few passes over whole columns in the interpreter's C code take half the time of a loop.
        """
        credits = sorted(set(self.credit))
        if len(credits) > _PASSES_MAX or not 0 <= credits[0] <= credits[-1] < len(_SELECTORS):
            received = dict.fromkeys(credits, 0)
            for credit, amount in zip(self.credit, self.amount, strict=True):
                received[credit] += amount
            return received
        column = bytes(self.credit)
        received = {
            credit: sum(compress(self.amount, column.translate(_SELECTORS[credit])))
            for credit in credits[1:]
        }
        return {credits[0]: sum(self.amount) - sum(received.values()), **received}

    def transfer(self, number: int) -> Transfer:
        """The transfer of this number, which must be in the run."""
        place = number - self.first
        memo = self.memo[place] if self.memo else ""
        key = self.key[place] if self.key else ""
        return Transfer(self.debit, number, self.credit[place], self.amount[place], memo, key)

    def transfers(self) -> Iterator[Transfer]:
        memos = self.memo or repeat("", len(self))
        keys = self.key or repeat("", len(self))
        columns = zip(self.credit, self.amount, memos, keys, strict=True)
        for number, (credit, amount, memo, key) in enumerate(columns, self.first):
            yield Transfer(self.debit, number, credit, amount, memo, key)


def _characters(column: tuple[str, ...]) -> int:
    return sum(map(len, column)) if column else 0


def _used(column: tuple[str, ...]) -> tuple[str, ...]:
    """An optional column, or none if all of its texts are empty."""
    return column if any(column) else ()
