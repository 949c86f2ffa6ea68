"""Counts what one node's engine and links do, while there is too much of it to be recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benmo.engine.events import Event, Received, Report
from benmo.paxos.messages import Heartbeat, Message
from benmo.paxos.step import Step
from benmo.paxos.types import NodeId
from benmo.storage.journal import JournalRecord


class TapeCounter:
    """A tape in place of a `Recorder`, which costs next to nothing.

    `missed` takes how many records a recorder would have made, but for those that it makes by
    comparing the node with how it was: roles, leaders, countdowns, and what was due.
    """

    def __init__(self, missed: Callable[[int], None]) -> None:
        self._missed = missed

    # What an engine tells its tape.

    def happens(self, event: Event | None, now: float) -> None:
        is_beat = isinstance(event, Received) and isinstance(event.message, Heartbeat)
        if event is not None and not is_beat:
            self._missed(1)

    def recorded(self, records: Sequence[JournalRecord]) -> None:
        self._missed(len(records))

    def stepped(self, step: Step) -> None:
        if step.notices:
            self._missed(len(step.notices))

    def durable(self) -> None:
        self._missed(1)

    def told(self, report: Report) -> None:
        answers = len(report.admissions) + len(report.change_answers) + len(report.confirmations)
        count = answers + len(report.applied) + len(report.misbehaved)
        if count:
            self._missed(count)

    # What links tell their tape.

    def arrived(self, message: Message, frame: str) -> None:
        """The engine counts a message once it turns to it."""

    def sent(self, to: NodeId, message: Message, frame: str, late_s: float) -> None:
        if not isinstance(message, Heartbeat):
            self._missed(1)

    def dropped(self, to: NodeId, message: Message, why: str, frame: str = "") -> None:
        if not isinstance(message, Heartbeat):
            self._missed(1)
