"""The kinds of error: a peer's (`ProtocolError`), the user's (`Refused`), and a `Failure`.

Any other exception that nothing handles is a bug of Benmo's, and ends the process.
"""

from __future__ import annotations

from enum import StrEnum

from benmo.paxos.types import MemberId, NodeId, ProtocolError

__all__ = [
    "CannotStart",
    "Failure",
    "NoRoom",
    "NotUnderstood",
    "ProtocolError",
    "Reason",
    "RefusalText",
    "Refused",
    "Retired",
    "StateError",
]


class Failure(Exception):
    """A program can't do what it was asked: the text is one line, why and what to do."""


class StateError(Failure):
    """A file of a node is missing, damaged or another node's: the node stops, and doesn't vote.

    The text names the file (and the line, where there is one) and says what to do.
    """


class Retired(Failure):
    """A node's member was replaced or removed by the chain: its directory takes no part any more.

    slot       whose block retired it
    by         the peer that says so; None if this node's own chain does
    successor  the member that took its place, empty if the node was removed; None if not known
    """

    def __init__(
        self,
        node: NodeId,
        slot: int,
        by: NodeId | None = None,
        successor: MemberId | None = None,
    ) -> None:
        said = "" if by is None else f", as node {by} says"
        what, next_step = _fate(node, successor)
        super().__init__(
            f"{what} in slot {slot}{said}: this directory takes no part any more. {next_step}"
        )


def _fate(node: NodeId, successor: MemberId | None) -> tuple[str, str]:
    """Say what became of a retired member, and what is left to do."""
    if successor is None:
        return (
            f"node {node}'s member was replaced or removed",
            "Nothing to do if that was meant: printMembers at another node shows who votes now",
        )
    if not successor:
        return f"node {node} was removed", "Nothing to do: benmo add makes a new node, if need be"
    return (
        f"node {node}'s member was replaced",
        f"Nothing to do: node {node} has a new member, {successor[:8]}",
    )


class CannotStart(Failure):
    """A node can't be started here: its port is in use, or a package or an option is wrong."""


class Reason(StrEnum):
    """The reasons for which a payment or request is refused, for programs to tell apart."""

    NOT_COVERED = "not covered"
    """The node's balance, without what waits in its queue, doesn't cover the payment."""
    VOID = "void"
    """The transfer was decided, and moves no money: the node could no longer pay by then."""
    UNKNOWN_NODE = "unknown node"
    OWN_NODE = "own node"
    """A node would pay itself."""
    BAD_AMOUNT = "bad amount"
    BAD_KEY = "bad key"
    BAD_MEMO = "bad memo"
    KEY_CONFLICT = "key conflict"
    """The key was used for another payment, or twice in one request."""
    TOO_MANY = "too many"
    """There are more payments than a request or a queue ever takes."""
    QUEUE_FULL = "queue full"
    NO_VOTE = "no vote"
    """The queue has no room now; the same request may succeed later."""
    NOT_ALLOWED = "not allowed"
    """The certificate gives no right to that."""
    OTHER = "other"


class RefusalText(str):
    """A line for the user that says why something is refused, with the `Reason` for programs."""

    reason: Reason

    def __new__(cls, text: str, reason: Reason) -> RefusalText:
        made = super().__new__(cls, text)
        made.reason = reason
        return made


def reason_of(text: str) -> Reason:
    """The `Reason` of a `RefusalText`; of any other text, `OTHER`."""
    return text.reason if isinstance(text, RefusalText) else Reason.OTHER


class Refused(Exception):
    """A user's request can't be done: the text is one line, why or what to type instead.

    reason  the `Reason`, if that line is a `RefusalText`; else `OTHER`
    """

    def __init__(self, text: str) -> None:
        super().__init__(str(text))
        self.reason = reason_of(text)


class NoRoom(Refused):
    """A user's request can't be done now, for want of room; the user may ask again later."""


class NotUnderstood(Refused):
    """A user's request makes no sense: an unknown command, a missing or malformed argument."""
