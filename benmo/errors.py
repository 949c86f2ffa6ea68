"""The three kinds of error: a peer's (`ProtocolError`), the disk's, the user's.

Anything else that is raised is a bug of ours and ends the process.
"""

from benmo.paxos.types import ProtocolError

__all__ = ["NoRoom", "NotUnderstood", "ProtocolError", "Refused", "StateError"]


class StateError(Exception):
    """What is on disk is missing, damaged or foreign: the node stops and does not vote.

    The text says which file (and line, where there is one) and what to do about it.
    """


class Refused(Exception):
    """The user's request can't be done: one line that says why, or what to type instead."""


class NoRoom(Refused):
    """The user's request can't be done now, and may be done later, when there is room again."""


class NotUnderstood(Refused):
    """The user's request isn't one: an unknown command, a missing or malformed argument."""
