"""Requests about a running node's tape, and their answers: see `benmo.tape`."""

from __future__ import annotations

from benmo.control.control_message import ControlMessage


class Listen(ControlMessage, frozen=True, tag=True):
    """Send this node's records from now on: any number of `Taped`, or `NotDone`.

    The first record is the node's state. A further `Listen` on the connection asks for that anew,
    which makes up for records that were lost. Of heartbeats, only those are recorded of which
    something comes, unless somebody who listens asks for all `heartbeats`: then all get them.
    """

    number: int
    heartbeats: bool = False


class Taped(ControlMessage, frozen=True, tag=True):
    """Records, each a JSON object; perhaps none, which says that there were none.

    Their times are those of the monotonic clock of the machine `boot`. It shows `now` as this
    leaves, or showed it at a record that has yet to come, if there was too much for one answer;
    `wall` is the same moment in seconds since 1970.
    """

    number: int
    records: tuple[bytes, ...]
    boot: str
    now: float
    wall: float
