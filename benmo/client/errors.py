"""What can go wrong with a request: of a payment, exactly one of three."""

from __future__ import annotations


class ClientError(Exception):
    """Any of the errors below."""


class Refused(ClientError):
    """The node refused: what was asked for never applies. The text says why."""


class QueueFull(Refused):
    """Nothing was queued, as there is no room in the node's queue: ask again later."""


class OutcomeUnknown(ClientError):
    """The payment was sent, and what became of it isn't known: it may apply, now or later.

    Ask again with the same key, which pays once at most. Without a key, look for it in the chain.

    keys  the keys of the payments that this is about, as far as they have any
    ids   the ids that they are queued under, if that is known
    """

    def __init__(self, reason: str, keys: tuple[str, ...] = (), ids: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.keys = keys
        self.ids = ids


class NotConnected(ClientError):
    """The node can't be reached. Nothing was sent, so nothing will come of it."""


class Unavailable(ClientError):
    """What was to be read could not be had in time, or the node went. Nothing is changed by it."""


class Inconsistent(ClientError):
    """What the node sent contradicts itself, or what it sent before: don't trust it."""
