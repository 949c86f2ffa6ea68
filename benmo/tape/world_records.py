"""Records of what is done to nodes and links, and of what is said of a run; `i` is 0 in them.

A supervisor writes them, the simulated world, a checker, or a teacher.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from benmo.paxos.types import Ballot, NodeId
from benmo.tape.facts import SHORT_NAMES
from benmo.tape.record import Record


class ProcessEvent(StrEnum):
    """An event of a node's process, or of its disk."""

    STARTS = "starts"
    RESTARTED = "restarted"
    """A supervisor has started it again."""
    ENDS = "ends"
    """By itself: `status` is its exit status, or its last words."""
    KILLED = "killed"
    LOSES_POWER = "loses power"
    """The power is cut: what wasn't durable is gone."""
    LOSES_DISK = "loses its disk"
    STANDS_STILL = "stands still"
    """By itself; `GOES_ON` ends it."""
    GOES_ON = "goes on"
    PAUSED = "paused"
    """By a supervisor; `WOKEN` ends it."""
    WOKEN = "woken"
    NOT_REACHED = "not reached"
    """The recorder can't tell whether the node runs."""


class ProcessRecord(Record, frozen=True, tag="process"):
    """A supervisor, or the simulated world, tells of a node's process or disk.

    `of_life` is the life of the process; 0 if it isn't known, for the latest one.
    """

    of: NodeId
    event: ProcessEvent
    of_life: int = 0
    status: str = ""


Way = tuple[NodeId, NodeId]
"""From one node to another."""


class CutRecord(Record, frozen=True, tag="cut"):
    """Nothing passes on these ways, until the `healed` of this `fault`. `shape` names the cut."""

    fault: int
    ways: tuple[Way, ...]
    shape: str = ""


class SlowedRecord(Record, frozen=True, tag="slowed"):
    """Messages on these ways are held back, until the `healed` of this `fault`."""

    fault: int
    ways: tuple[Way, ...]
    delay_ms: float


class HealedRecord(Record, frozen=True, tag="healed"):
    """The cut, or the slowing, of these ways is over."""

    fault: int
    ways: tuple[Way, ...]


class LostRecord(Record, frozen=True, tag="lost"):
    """The message that was sent in this frame was lost on its way: `why` says how."""

    frame: str
    why: str


class WorldRecord(Record, frozen=True, tag="world"):
    """Something else happened in the simulated world, of which no other kind tells."""

    text: str


class DidRecord(Record, frozen=True, tag="did"):
    """Somebody typed or clicked a command; `where` is the node that it was for, 0 for all.

    `by` says where the command came from: `prompt`, `page` or `script`.
    """

    line: str
    where: NodeId = 0
    by: str = ""


class RecordPlace(msgspec.Struct, frozen=True, rename=SHORT_NAMES):
    """A record's place in a trace."""

    node: NodeId
    life: int
    number: int


class ViolationRecord(Record, frozen=True, tag="violation"):
    """A checker found a broken rule, or a broken promise.

    `of`, `slot` and `ballot` are what the sentence is about; 0 and ZERO where it is about none.
    `about` names the records in which it shows, the last one first.
    """

    checker: str
    sentence: str
    of: NodeId = 0
    slot: int = 0
    ballot: Ballot = Ballot.ZERO
    about: tuple[RecordPlace, ...] = ()


class NoteRecord(Record, frozen=True, tag="note"):
    """A teacher's words for this moment."""

    text: str
