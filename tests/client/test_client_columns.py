"""Payments as columns: paid as if one by one, of any kind that has an order."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from benmo.client import (
    Client,
    Payment,
    Refused,
)


def test_columns_pay_what_as_many_payments_pay(client: Client, key: str) -> None:
    before = client.balances(confirmed=True)
    keys = [f"{key} {place}" for place in range(40)]
    to, amounts = [2, 3] * 20, list(range(1, 41))
    receipts = client.transfer_columns(to, amounts, keys=keys, memos=["m"] * 40)
    assert receipts.is_decided and not receipts.refused and len(receipts) == 40
    payments = [Payment(*each) for each in zip(amounts, to, keys, ["m"] * 40, strict=True)]
    assert [receipt.payment for receipt in receipts] == payments
    assert client.transfer_many(payments) == list(receipts), "the same keys pay once"
    after = client.balances(confirmed=True)
    assert [after[node] - before[node] for node in (1, 2, 3)] == [-820, 400, 420]
    transfers = {each.id: each for block in client.chain() for each in block.transfers}
    for receipt in receipts:
        paid = transfers[receipt.id]
        assert (paid.key, paid.amount) == (receipt.payment.key, receipt.payment.amount)


@pytest.mark.parametrize(
    ("to", "amounts", "keys", "memos"),
    [
        ([2], [], [], []),
        ([2], [1, 1], [], []),
        ([2], [1], ["a", "b"], []),
        ([2], [1], [], ["", ""]),
    ],
)
def test_columns_of_different_lengths_are_a_mistake(
    client: Client, to: list[int], amounts: list[int], keys: list[str], memos: list[str]
) -> None:
    height = client.status().height
    with pytest.raises(ValueError, match="not of one length"):
        client.transfer_columns(to, amounts, keys=keys, memos=memos)
    assert client.status().height == height


@pytest.mark.parametrize(
    ("to", "amounts", "error"),
    [
        ([2, 2], [1, True], TypeError),
        ([2, "3"], [1, 1], TypeError),
        ([2, 2], [1, 2**63], Refused),
        ([2, 2], [1, 0], Refused),
        ([2, 1], [1, 1], Refused),
        ([2, 9], [1, 1], Refused),
        ([2, 2], [99_999, 99_999], Refused),
    ],
)
def test_of_columns_all_are_paid_or_none(
    client: Client, to: list[int], amounts: list[int], error: type[Exception]
) -> None:
    before = client.balances(confirmed=True)
    with pytest.raises(error):
        client.transfer_columns(to, amounts)
    assert client.balances(confirmed=True).by_node == before.by_node


class Column:
    """A column as NumPy's arrays are: it has no truth, and its items aren't Python's numbers."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Any]:
        return iter(map(Decimal, self.items))

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array is ambiguous")

    def tolist(self) -> list[Any]:
        return self.items


@pytest.mark.parametrize("column", [Column, partial(array, "q"), iter, deque, bytes])
def test_columns_of_any_kind_that_has_an_order_are_paid(
    client: Client, column: Callable[[list[int]], Iterable[int]]
) -> None:
    receipts = client.transfer_columns(column([2, 3, 2]), column([1, 2, 3]))
    payments = [receipt.payment for receipt in receipts]
    assert payments == [Payment(1, 2), Payment(2, 3), Payment(3, 2)]
    assert {type(payment.amount) for payment in payments} == {int}


def test_texts_may_be_in_such_a_column_too(client: Client, key: str) -> None:
    keys, memos = Column([key, ""]), Column(["", "rent"])
    receipts = client.transfer_columns(Column([2, 3]), Column([1, 2]), keys=keys, memos=memos)
    assert [each.payment for each in receipts] == [Payment(1, 2, key), Payment(2, 3, None, "rent")]


@pytest.mark.parametrize(
    ("to", "amounts", "keys", "text"),
    [
        ([2, 3], Column([1.0, 2.0]), (), "the amount must be a whole number, not 1.0"),
        ([2, 3], Column([[1, 2], [3, 4]]), (), r"must be a whole number, not \[1, 2\]"),
        ([2, 3], Column([1, float("nan")]), (), "must be a whole number, not nan"),
        ({2, 3}, [1, 2], (), "to is a list or another column with an order, not {2, 3}"),
        ([2, 3], {1: 5, 2: 6}, (), "amounts is a list or another column"),
        ([2, 3], [1, 2], "ab", "keys is a list or another column with an order, not 'ab'"),
        ([2, 3], [1, 2], Column(["a", None]), "a key is a text, not None"),
        (2, [1], (), "to is a list or another column with an order, not 2"),
    ],
)
def test_columns_of_something_else_are_refused_in_one_line(
    client: Client, to: Any, amounts: Any, keys: Any, text: str
) -> None:
    with pytest.raises(TypeError, match=text) as caught:
        client.transfer_columns(to, amounts, keys=keys)
    assert "\n" not in str(caught.value)
