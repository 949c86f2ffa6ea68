"""The kinds of error: a peer's (`ProtocolError`), the user's (`Refused`), and a `Failure`.

Any other exception that nothing handles is a bug of Benmo's, and ends the process.
"""

from benmo.paxos.types import ProtocolError

__all__ = [
    "CannotStart",
    "Failure",
    "NoRoom",
    "NotUnderstood",
    "ProtocolError",
    "Refused",
    "StateError",
]


class Failure(Exception):
    """A program can't do what it was asked: the text is one line, why and what to do."""


class StateError(Failure):
    """A file of a node is missing, damaged or another node's: the node stops, and doesn't vote.

    The text names the file (and the line, where there is one) and says what to do.
    """


class CannotStart(Failure):
    """A node can't be started here: its port is in use, or a package or an option is wrong."""


class Refused(Exception):
    """A user's request can't be done: the text is one line, why or what to type instead."""


class NoRoom(Refused):
    """A user's request can't be done now, for want of room; the user may ask again later."""


class NotUnderstood(Refused):
    """A user's request makes no sense: an unknown command, a missing or malformed argument."""
