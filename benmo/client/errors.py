"""The errors that a client raises.

A payment raises one of three: `Refused`, `OutcomeUnknown` or `NotConnected`. A read raises
`NotConnected`, `Unavailable` or `Inconsistent`.
"""

from __future__ import annotations


class ClientError(Exception):
    """The base class of the errors below."""


class Refused(ClientError):
    """A payment is refused, and never applies. The text says why."""


class QueueFull(Refused):
    """Nothing was queued, since there is no room in the node's queue now: ask again later."""


class OutcomeUnknown(ClientError):
    """The payment was sent, and what became of it isn't known: it may apply, now or later.

    Pay again with the same key, which pays once at most. Without a key, look for the payment in the
    chain.

    keys  the keys of the payments of the request; a payment without a key has none here
    ids   the ids of the transfers, if the payments are known to be queued; else empty
    """

    def __init__(self, reason: str, keys: tuple[str, ...] = (), ids: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.keys = keys
        self.ids = ids


class NotConnected(ClientError):
    """The node can't be reached. Nothing was sent, so the request will have no effect."""


class Unavailable(ClientError):
    """A read failed: the node did not answer in time, could not, or went. Nothing was changed."""


class Inconsistent(ClientError):
    """The node's answers contradict themselves, or one another: trust none of them."""
