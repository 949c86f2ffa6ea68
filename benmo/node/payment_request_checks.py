"""Estimates the memory of a request to pay, and checks that its columns can be those of one."""

from __future__ import annotations

from sys import getsizeof

from benmo.errors import NotUnderstood, Refused
from benmo.ledger.transfers import Payments

_PAY_BYTES = 8 << 10
"""More than a request to pay takes beside its payments: a block may answer all in one turn."""
_PAYMENT_BYTES = 110
"""Of a payment, without its texts: its places in four columns, and what the queue adds."""


def bytes_of(payments: Payments) -> int:
    """About how much memory a request to pay takes until it is decided."""
    bytes_ = _PAY_BYTES + _PAYMENT_BYTES * len(payments.amount)
    if payments.memo or payments.key:
        bytes_ += sum(map(getsizeof, payments.memo)) + sum(map(getsizeof, payments.key))
    return bytes_


def require_columns(payments: Payments) -> None:
    """Raise `Refused` for columns of several lengths, or for more than one request may hold."""
    count = len(payments.amount)
    memos, keys = len(payments.memo), len(payments.key)
    if len(payments.credit) != count or memos not in (0, count) or keys not in (0, count):
        raise NotUnderstood("the columns of the payments are not of one length")
    too_much = payments.why_too_much()
    if too_much is not None:
        raise Refused(too_much)
