"""Converts between the values that programs see and the messages that a node sends and gets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from operator import index
from typing import Literal, TypeVar

from benmo.client.errors import Inconsistent, QueueFull, Refused, Unavailable
from benmo.client.values import (
    Block,
    MembershipChange,
    Outcome,
    Payment,
    Receipt,
    Status,
    Transfer,
)
from benmo.commands.answers import Status as ExitStatus
from benmo.control.chain_reads import decoded
from benmo.control.requests import BlockRead, Found, NotDone, Ran
from benmo.errors import ProtocolError, Reason
from benmo.ledger.blocks import Outcome as LedgerOutcome
from benmo.ledger.transfers import Payments
from benmo.ledger.transfers import Transfer as LedgerTransfer
from benmo.ledger.visible_text import (
    KEY_CHARACTERS_MAX,
    MEMO_CHARACTERS_MAX,
    why_column_not_shown,
    why_not_shown,
)
from benmo.paxos.types import Change, ChangeKind, NodeId
from benmo.typed_json import from_json

T = TypeVar("T")

_NO_COLUMNS = (str, Set, Mapping)
_EMPTY = "a {0} has at least one character: leave {0} out, or None, for a payment without one"
_INTEGER_MAX = 2**63

_OUTCOMES: dict[LedgerOutcome, Literal["applied", "refused", "skipped"]] = {
    LedgerOutcome.APPLIED: "applied",
    LedgerOutcome.REFUSED: "refused",
    LedgerOutcome.SKIPPED: "skipped",
}

_KINDS: dict[ChangeKind, Literal["replace", "add", "remove", "move"]] = {
    ChangeKind.REPLACE: "replace",
    ChangeKind.ADD: "add",
    ChangeKind.REMOVE: "remove",
    ChangeKind.MOVE: "move",
}


def payments_of(payments: Sequence[Payment]) -> Payments:
    """Payments as columns.

    Raises `TypeError` for a value of another type, and `Refused` for a number or text that no node
    would take, or for more payments or text than one request holds.
    """
    for payment in payments:
        if not isinstance(payment, Payment):
            raise TypeError(f"a payment is a benmo.client.Payment, not {payment!r}")
    keys = [payment.key for payment in payments]
    memos = [payment.memo for payment in payments]
    _require_not_empty(keys, memos)
    return columns_of(
        [payment.to for payment in payments],
        [payment.amount for payment in payments],
        [key if key is not None else "" for key in keys] if set(keys) - {None} else (),
        [memo if memo is not None else "" for memo in memos] if set(memos) - {None} else (),
    )


def payment_of(payment: Payment) -> Payments:
    """One payment as columns, in less time than `payments_of` takes. Raises as `payments_of`."""
    _require_not_empty((payment.key,), (payment.memo,))
    amount = _number(payment.amount, "amount", Reason.BAD_AMOUNT)
    to = _number(payment.to, "node", Reason.UNKNOWN_NODE)
    keys = (payment.key,) if payment.key is not None else ()
    memos = (payment.memo,) if payment.memo is not None else ()
    _require_texts(keys, "key", KEY_CHARACTERS_MAX, Reason.BAD_KEY)
    _require_texts(memos, "memo", MEMO_CHARACTERS_MAX, Reason.BAD_MEMO)
    return Payments((to,), (amount,), memos, keys)


def columns_of(
    to: Iterable[int], amounts: Iterable[int], keys: Iterable[str], memos: Iterable[str]
) -> Payments:
    """Check columns. Raises as `payments_of`, and `ValueError` if their lengths differ."""
    credit, amount = _column(to, "to"), _column(amounts, "amounts")
    key, memo = _column(keys, "keys"), _column(memos, "memos")
    count = len(amount)
    if any(len(column) != count for column in (credit, key or amount, memo or amount)):
        raise ValueError("the columns are not of one length")
    amount = _numbers(amount, "amount", Reason.BAD_AMOUNT)
    credit = _numbers(credit, "node", Reason.UNKNOWN_NODE)
    _require_texts(key, "key", KEY_CHARACTERS_MAX, Reason.BAD_KEY)
    _require_texts(memo, "memo", MEMO_CHARACTERS_MAX, Reason.BAD_MEMO)
    payments = Payments(credit, amount, memo if any(memo) else (), key if any(key) else ())
    too_much = payments.why_too_much()
    if too_much is not None:
        raise Refused(str(too_much), too_much.reason)
    return payments


def _column(column: Iterable[T], what: str) -> tuple[T, ...]:
    """A column as a tuple; `tolist` makes Python's own numbers and texts of an array's."""
    if isinstance(column, _NO_COLUMNS) or not isinstance(column, Iterable):
        raise TypeError(f"{what} is a list or another column with an order, not {column!r}")
    tolist = getattr(column, "tolist", None)
    return tuple(column if tolist is None else tolist())


def _numbers(column: tuple[int, ...], what: str, reason: Reason) -> tuple[int, ...]:
    are_whole = set(map(type, column)) <= {int}  # a bool is no number
    if are_whole and (not column or -_INTEGER_MAX <= min(column) <= max(column) < _INTEGER_MAX):
        return column
    return tuple(_number(number, what, reason) for number in column)


def _number(number: int, what: str, reason: Reason) -> int:
    """A whole number as an `int`; other programs' whole numbers have `__index__`."""
    if type(number) is not int:
        if isinstance(number, bool) or not hasattr(number, "__index__"):
            raise TypeError(f"the {what} must be a whole number, not {number!r}")
        number = index(number)
    if not -_INTEGER_MAX <= number < _INTEGER_MAX:
        raise Refused(f"there is no {what} {number}", reason)
    return number


def _require_not_empty(keys: Sequence[str | None], memos: Sequence[str | None]) -> None:
    """Refuse an empty key, with which a node could pay twice, and an empty memo alike."""
    if "" in keys:
        raise Refused(_EMPTY.format("key"), Reason.BAD_KEY)
    if "" in memos:
        raise Refused(_EMPTY.format("memo"), Reason.BAD_MEMO)


def _require_texts(column: Sequence[str], what: str, characters_max: int, reason: Reason) -> None:
    for text in column:
        if not isinstance(text, str):
            raise TypeError(f"a {what} is a text, not {text!r}")
    why_not = why_column_not_shown(column, what, characters_max)
    if why_not is not None:
        raise Refused(why_not, reason)


def require_key(key: str) -> None:
    """Raises `ValueError` for a text that can't be a key."""
    reason = why_not_shown(key, "key", KEY_CHARACTERS_MAX)
    if reason is not None or not key:
        raise ValueError(reason or "a key has at least one character")


def found_receipt(node: NodeId, key: str, answer: Found) -> Receipt | None:
    """The receipt of the payment that was found under a key; None if none was found."""
    found = answer.found
    if found is None:
        return None
    payment = Payment(found.amount, found.credit, key, found.memo or None)
    if not found.slot:
        return Receipt(f"{node}-{found.transfer}", payment, "queued", None)
    outcome: Outcome = "refused" if found.is_refused else "decided"
    return Receipt(f"{node}-{found.transfer}", payment, outcome, found.slot)


def block_of(read: BlockRead, slot: int, previous: str | None) -> Block:
    """Decode the block that a node sent for a slot; `previous` is the hash before it, if known.

    Raises `Inconsistent` if the block is malformed, of another slot, or doesn't continue
    `previous`.
    """
    try:
        applied = decoded(read, slot, previous)
    except ProtocolError as error:
        raise Inconsistent(str(error)) from error
    block = applied.block
    transfers = tuple(_transfer_of(transfer, outcome) for transfer, outcome in applied.outcomes())
    ballot = (block.ballot.round, block.ballot.node)
    change = None if block.change is None else _change_of(block.change, applied.is_change_void)
    return Block(slot, ballot, block.previous, block.hash, block.time, transfers, change)


def _change_of(change: Change, is_void: bool) -> MembershipChange:
    return MembershipChange(
        _KINDS[change.kind],
        change.node,
        "refused" if is_void else "applied",
        change.replaces,
        change.member,
        change.host,
        change.port,
    )


def _transfer_of(transfer: LedgerTransfer, outcome: LedgerOutcome) -> Transfer:
    return Transfer(
        transfer.id,
        transfer.amount,
        transfer.debit_node,
        transfer.credit_node,
        _OUTCOMES[outcome],
        transfer.key or None,
        transfer.memo or None,
    )


def status_of(answer: Ran) -> Status:
    """Decode the answer to `printStatus`. Raises `Unavailable` or `Inconsistent`."""
    if answer.status != ExitStatus.DONE:
        raise Unavailable(answer.output)
    try:
        return from_json(answer.output.encode(), Status)
    except ValueError as error:
        raise Inconsistent(f"printStatus: {error}") from error


def refusal_of(answer: NotDone) -> Refused:
    """The error for a payment that was refused: `QueueFull` if it may be asked for later."""
    kind = Refused if answer.is_final else QueueFull
    is_known = answer.code in Reason._value2member_map_
    return kind(answer.reason, Reason(answer.code) if is_known else Reason.OTHER)
