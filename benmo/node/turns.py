"""A node's turns: gathers what happens to it, and lets the engine deal with that, all at once.

What comes in one pass of the loop is one turn, so one fsync.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import suppress

from benmo.engine.engine import Engine
from benmo.engine.events import Event, Received, Report
from benmo.paxos.messages import Accepted, Message
from benmo.paxos.types import NodeId

_LATE_S = 0.005
"""How long a vote that decides nothing may wait for other work."""

Publish = Callable[[Sequence[Event], Report, float], None]
"""Takes the events of a turn, what it led to, and when it began."""


class _Ended(Exception):
    """The node failed while it published a turn's report: the turn ends there."""


class Turns:
    """Runs the engine from `begin` to `end`, in the loop's thread. `now` gives the node's time.

    `publish` is called in a turn, as soon as what it led to may be told; `failed`, when one fails.
    """

    def __init__(
        self,
        engine: Engine,
        loop: asyncio.AbstractEventLoop,
        now: Callable[[], float],
        publish: Publish,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._engine = engine
        self._loop = loop
        self._now = now
        self._publish = publish
        self._failed = failed
        self._events: list[Event] = []
        self._is_scheduled = False
        self._is_on = False
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = math.inf
        self._late: asyncio.TimerHandle | None = None
        self._turned: asyncio.Future[None] = loop.create_future()
        """Done once the next turn is over."""

    @property
    def is_on(self) -> bool:
        return self._is_on

    def begin(self) -> None:
        self._is_on = True
        self.happened(None)

    def end(self) -> None:
        """Take no turn any more, and go on with none."""
        self._is_on = False
        if self._timer is not None:
            self._timer.cancel()

    def happened(self, event: Event | None) -> None:
        """Deal with an event, or only with what is due, in a turn that comes soon."""
        if event is not None:
            self._events.append(event)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._turn)

    def received(self, sender: NodeId, message: Message) -> None:
        """Deal with a message; a vote that decides nothing yet, or nothing any more, can wait."""
        if self._is_scheduled or not isinstance(message, Accepted):
            self.happened(Received(sender, message))
            return
        self._events.append(Received(sender, message))
        if self._engine.may_decide(message, len(self._events)):
            self.happened(None)
        elif self._late is None:
            self._late = self._loop.call_later(_LATE_S, self.happened, None)

    async def until_settled(self) -> None:
        """Wait until everything that happened before this call is in the node's state."""
        if self._is_scheduled:
            await asyncio.shield(self._turned)

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for a condition on this node's state; False if the time was up before."""
        end = self._loop.time() + timeout_s
        while not condition():
            left_s = end - self._loop.time()
            if left_s <= 0:
                return False
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await asyncio.shield(self._turned)
        return True

    def _turn(self) -> None:
        self._is_scheduled = False
        if not self._is_on:
            return
        events, self._events = self._events, []
        if self._late is not None:
            self._late.cancel()
            self._late = None
        now = self._now()

        def publish(report: Report) -> None:
            self._publish(events, report, now)
            turned, self._turned = self._turned, self._loop.create_future()
            turned.set_result(None)
            if not self._is_on:
                raise _Ended

        try:
            self._engine.turn(events, now, publish)
        except _Ended:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the node must stop, and says why
            self._failed(error)
            return
        self._arm()

    def _arm(self) -> None:
        """Set the timer for when a turn is due; one more turn, earlier, costs little."""
        deadline = self._engine.deadline
        if deadline < self._armed_for:
            if self._timer is not None:
                self._timer.cancel()
            self._armed_for = deadline
            self._timer = self._loop.call_later(max(0.0, deadline - self._now()), self._ring)

    def _ring(self) -> None:
        self._armed_for = math.inf
        self.happened(None)
