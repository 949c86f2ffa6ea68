"""Tells which record of a node led to what it does next, by the order in which an engine works."""

from __future__ import annotations

from math import inf
from types import NoneType

from benmo.engine.engine import Engine
from benmo.engine.events import ChangeRequested, Event, Hurried, Received, Submitted
from benmo.paxos.messages import Blocks, Message
from benmo.paxos.step import Step
from benmo.paxos.types import NodeId

_STEPS: dict[type[Event | None], int] = {Submitted: 0, ChangeRequested: 0, Hurried: 2}
"""The number of steps that an event leads to by itself, at most, unless it is 1."""


class Causes:
    """What leads to what in one process of a node, as numbers of its records; 0 if unknown.

    An engine queues payments of several events, and makes a step for them after the last of these.
    Of what the queue leads to, the cause is the last request by which the queue grew.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = 0
        """The event that the engine has turned to; 0 as long as it isn't recorded."""
        self.queued = 0
        """The last request by which the queue grew."""
        self.kept = 0
        """The event that led to the last record for the disk."""
        self.refused: list[int] = []
        """The messages of this turn that no correct peer sends."""
        self.decided: dict[int, int] = {}
        """By slot, what led to decisions that have yet to be applied."""
        self.asked: dict[int, int] = {}
        """By ticket, this turn's requests to pay."""
        self.changes: dict[int, int] = {}
        """By ticket, this turn's requests for a change."""
        self.confirmed: dict[int, int] = {}
        """By ticket, what led to this turn's confirmations."""
        self._messages: dict[tuple[NodeId, int], int] = {}
        """By receiver and identity, what led to messages that wait for the disk or a slow link."""
        self._blocks: dict[NodeId, int] = {}
        """By receiver, what led to blocks that have yet to be read."""
        self._going_on: int | None = None
        """The event after which the engine has had more to do; None if it has no more to do."""
        self._event: type[Event | None] = NoneType
        self._steps = 0
        """The number of steps that the event may still lead to by itself."""
        self._queue_end: float = inf
        """The end of the queue before the request that the engine has turned to."""

    def turns_to(self, event: Event | None) -> None:
        """Note that the engine turns to an event, or to what is due or left to do."""
        self.note_queued()
        goes_on = self.going_on()
        self._going_on = None if event is None else goes_on
        self.now = goes_on or 0 if event is None else 0
        self._event, self._steps = type(event), _STEPS.get(type(event), 1)
        if isinstance(event, Submitted):
            self._queue_end = self.engine.queue.own.end
        elif isinstance(event, ChangeRequested):
            self._queue_end = -inf

    def going_on(self) -> int | None:
        """The event after which the engine has more to do, at once; None if there is no more."""
        if self.engine.deadline > -inf:
            return None
        return self.now if self._going_on is None else self._going_on

    @property
    def is_refused(self) -> bool:
        """Whether the engine turned to a message, and then to something else without a step."""
        return self._event is Received and self._steps > 0

    def note_refused(self) -> None:
        """Note that the message is one that no correct peer sends."""
        self.refused.append(self.now)
        self._event = NoneType

    def note_queued(self) -> None:
        """Note whether the queue grew by the request that the engine has turned to."""
        if self.engine.queue.own.end > self._queue_end:
            self.queued = self.now
        self._queue_end = inf

    def step_begins(self) -> None:
        """Note that the engine makes a step, for the event or else for the queue."""
        self.note_queued()
        if not self._steps:
            self.now = self.queued

    def step_ends(self, step: Step) -> None:
        """Note what this step leads to later; it is told of once it has happened."""
        self._steps = max(0, self._steps - 1)
        self._messages.update(((to, id(message)), self.now) for to, message in step.messages)
        self._blocks.update((wanted.to, self.now) for wanted in step.reads)
        self.confirmed.update((each.ticket, self.now) for each in step.confirmations)

    def turn_ends(self) -> None:
        """Forget what only one turn is about."""
        for each in (self.asked, self.changes, self.confirmed):
            each.clear()
        self.refused.clear()

    def of_message(self, to: NodeId, message: Message, is_late: bool = False) -> int:
        """What led to a message that leaves now; `is_late` if it has perhaps waited on its link.

        Of blocks that have waited, it isn't known which question they answer.
        """
        if isinstance(message, Blocks):
            return 0 if is_late else self._blocks.pop(to, 0)
        return self._messages.pop((to, id(message)), 0)
