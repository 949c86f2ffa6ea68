"""The errors that a client raises.

A payment raises one of three: `Refused`, `OutcomeUnknown` or `NotConnected`. A read raises
`NotConnected`, `Unavailable` or `Inconsistent`. Any call raises `Misconfigured` if the
client can't work as it was set up.
"""

from __future__ import annotations

from benmo.errors import Reason


class ClientError(Exception):
    """The base class of the errors below."""


class Refused(ClientError):
    """A payment or request is refused, and never applies. The text says why, for people.

    reason  why, for programs: `error.reason is Reason.NOT_COVERED`
    """

    def __init__(self, text: str, reason: Reason = Reason.OTHER) -> None:
        super().__init__(text)
        self.reason = reason


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
    """The node can't be reached now. Nothing was sent, so the request will have no effect."""


class Misconfigured(ClientError):
    """The state directory, its certificate or the node's address is wrong. Nothing was sent.

    It isn't a `NotConnected`, since asking again won't help until somebody mends what the text
    names.
    """


class Unavailable(ClientError):
    """A read failed: the node did not answer in time, could not, or went. Nothing was changed."""


class Inconsistent(ClientError):
    """The node's answers contradict themselves, or one another: trust none of them."""
