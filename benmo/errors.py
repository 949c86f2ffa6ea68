"""The kinds of error: a peer's (`ProtocolError`), the user's (`Refused`), and a `Failure`.

Anything else that is raised is a bug of ours and ends the process.
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
    """What somebody wants can't be done: one line that says why, and what to do about it."""


class StateError(Failure):
    """What is on disk is missing, damaged or foreign: the node stops and does not vote.

    The text says which file (and line, where there is one) and what to do about it.
    """


class CannotStart(Failure):
    """A node can't be started here: its port is in use, or a package or an option is wrong."""


class Refused(Exception):
    """The user's request can't be done: one line that says why, or what to type instead."""


class NoRoom(Refused):
    """The user's request can't be done now, and may be done later, when there is room again."""


class NotUnderstood(Refused):
    """The user's request isn't one: an unknown command, a missing or malformed argument."""
