"""The receipts of many payments, kept as columns: a `Receipt` is made only when asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, pairwise, starmap
from typing import overload

from benmo.client.errors import Inconsistent
from benmo.client.values import Outcome, Payment, Receipt
from benmo.control.requests import DecidedRange, Paid
from benmo.ledger.transfers import Payments
from benmo.paxos.types import NodeId


class Receipts(Sequence[Receipt]):
    """A sequence of the receipts of one request, in the order of its payments.

    is_decided  whether the outcome of every receipt is "decided" or "refused", and none "queued"
    refused     how many payments are refused
    slots       the slots of the blocks in which payments are decided, in order, each once
    """

    def __init__(self, node: NodeId, payments: Payments, paid: Paid) -> None:
        """Raises `Inconsistent` if `paid` is no answer to `payments`."""
        self._node = node
        self._payments = payments
        self._ranges = paid.transfers
        self._ends = list(accumulate(end - first for first, end in self._ranges))
        count = self._ends[-1] if self._ends else 0
        if count != len(payments) or any(first >= end for first, end in self._ranges):
            raise Inconsistent(f"{count} answers to {len(payments)} payments")
        self._decided: list[tuple[int, int, int]] = []
        self._refused: set[int] = set()
        for each in paid.decided:
            if not _is_possible(each):
                raise Inconsistent(f"{each} can't be")
            self._decided.append((each.first, each.end, each.slot))
            self._refused.update(each.refused)
        if len(self._ranges) > 1 or len(self._decided) > 1:
            self._decided.sort()
            if _overlap(sorted(self._ranges)) or _overlap([each[:2] for each in self._decided]):
                raise Inconsistent("two answers to one payment")
        self.slots = tuple(sorted({slot for _, _, slot in self._decided}))
        self.is_decided = all(starmap(self._is_range_decided, self._ranges))
        self.refused = len(self._numbers(self._refused)) if self._refused else 0

    def __repr__(self) -> str:
        state = "decided" if self.is_decided else "not all decided"
        return f"<{len(self)} receipts of node {self._node}, {state}, {self.refused} refused>"

    def __len__(self) -> int:
        return len(self._payments)

    @overload
    def __getitem__(self, place: int) -> Receipt: ...

    @overload
    def __getitem__(self, place: slice) -> list[Receipt]: ...

    def __getitem__(self, place: int | slice) -> Receipt | list[Receipt]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(f"there are {len(self)} receipts")
        place %= len(self)
        index = bisect_right(self._ends, place)
        number = self._ranges[index][1] - (self._ends[index] - place)
        return self._receipt(place, number)

    def __iter__(self) -> Iterator[Receipt]:
        numbers = chain.from_iterable(starmap(range, self._ranges))
        return (self._receipt(place, number) for place, number in enumerate(numbers))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the transfers, in the order of the payments."""
        return tuple(receipt.id for receipt in self)

    def queued(self) -> list[Receipt]:
        """The receipts of the payments that are queued, and not known to be decided."""
        return [] if self.is_decided else [each for each in self if each.outcome == "queued"]

    def _receipt(self, place: int, number: int) -> Receipt:
        payments = self._payments
        key = payments.key[place] if payments.key else ""
        memo = payments.memo[place] if payments.memo else ""
        payment = Payment(payments.amount[place], payments.credit[place], key or None, memo or None)
        slot = self._slot(number)
        outcome: Outcome = "queued" if slot is None else "decided"
        if number in self._refused:
            outcome = "refused"
        return Receipt(f"{self._node}-{number}", payment, outcome, slot)

    def _slot(self, number: int) -> int | None:
        index = bisect_right(self._decided, number, key=lambda each: each[0]) - 1
        if index < 0 or number >= self._decided[index][1]:
            return None
        return self._decided[index][2]

    def _is_range_decided(self, first: int, end: int) -> bool:
        """Whether the decided ranges cover the numbers `first` to `end` - 1 without a gap."""
        for start, stop, _ in self._decided:
            if start <= first < stop:
                first = stop
        return first >= end

    def _numbers(self, among: set[int]) -> list[int]:
        """The numbers in `among` that transfers of this request have."""
        return [each for each in among if any(first <= each < end for first, end in self._ranges)]


def _is_possible(decided: DecidedRange) -> bool:
    """Whether one block can have decided a range like this."""
    first, end, refused = decided.first, decided.end, decided.refused
    is_within = not refused or first <= min(refused) <= max(refused) < end
    return first < end and decided.slot >= 1 and is_within


def _overlap(ranges: Sequence[tuple[int, int]]) -> bool:
    """Whether any number is in two of these ranges, which are in order."""
    return len(ranges) > 1 and any(end > first for (_, end), (first, _) in pairwise(ranges))
