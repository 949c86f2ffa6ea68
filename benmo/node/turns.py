"""A node's turns: gathers the events of the node, and hands them to the engine all at once.

The events of one pass of the loop make one turn, so they share one fsync.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress

from benmo.engine.engine import Engine
from benmo.engine.events import Event, Received, Report
from benmo.engine.surroundings import DiskWait
from benmo.node.disk_pace import DiskPace
from benmo.paxos.messages import Accepted, Message
from benmo.paxos.types import MemberId, NodeId

_LATE_S = 0.005
"""The time for which a vote that decides nothing may wait for a turn."""

Turn = Generator[DiskWait, None, Report]

Publish = Callable[[Sequence[Event], Report, float], None]
"""Takes the events of a turn, what they led to, and when the turn began, in seconds."""


class _Ended(Exception):
    """The node failed while it published a turn's report, which ends the turn."""


class Turns:
    """Runs the engine's turns, from `begin` to `end`, in the loop's thread.

    now      gives the node's time, in seconds
    publish  is called in each turn, as soon as its effects are durable and may be reported
    failed   is called with the exception if a turn fails
    aside    does work in another thread; its future
    pace     learns how long each wait for the disk takes

    The loop waits for a quick disk, which costs least. While the disk is slow, each turn waits in
    another thread, and the loop answers what needs no disk: see `on_slow_turn`.
    """

    def __init__(
        self,
        engine: Engine,
        loop: asyncio.AbstractEventLoop,
        now: Callable[[], float],
        publish: Publish,
        failed: Callable[[BaseException], None],
        aside: Callable[[DiskWait], asyncio.Future[None]],
        pace: DiskPace,
    ) -> None:
        self.on_slow_turn: Callable[[bool], None] = lambda _begins: None
        """Called with True before a turn of which nothing may be seen until it is over, and with
        False then."""
        self._engine = engine
        self._loop = loop
        self._now = now
        self._publish = publish
        self._failed = failed
        self._aside = aside
        self._pace = pace
        self._events: list[Event] = []
        self._is_scheduled = False
        self._is_on = False
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = math.inf
        self._late: asyncio.TimerHandle | None = None
        self._between: list[asyncio.Future[None]] = []
        """Done once the turn that is under way, or else the next, is over."""
        self._awaited: dict[asyncio.Future[None], Callable[[], bool]] = {}
        """The conditions that somebody waits for."""
        self._slow: asyncio.Future[None] | None = None
        """Done once the turn is over that waits for a slow disk."""
        self._is_due = False
        """Whether another turn is due once that one is over."""
        self._waits_since: float | None = None
        self._is_dropped = False

    @property
    def is_on(self) -> bool:
        return self._is_on

    def begin(self) -> None:
        self._is_on = True
        self.happened(None)

    def end(self) -> None:
        """Begin no turn any more; a turn under way ends once its report is published."""
        self._is_on = False
        if self._timer is not None:
            self._timer.cancel()

    def drop(self) -> None:
        """End at once: of a turn that waits for the disk, nothing more happens."""
        self.end()
        self._is_dropped = True

    @property
    def is_slow(self) -> bool:
        """Whether a turn is under way that waits for a slow disk."""
        return self._slow is not None

    @property
    def disk_wait_s(self) -> float:
        """The time, in seconds, for which a thread has now waited for the disk for this turn."""
        return 0.0 if self._waits_since is None else time.monotonic() - self._waits_since

    def wait_between(self, wait: DiskWait) -> None:
        """Wait for the disk as in a turn, unless a turn is under way or due."""
        if self._is_on and not self._is_scheduled and self._slow is None:
            self._begin(_without_events(wait))

    async def until_over(self) -> None:
        """Wait until no turn waits for a slow disk; called after `end`."""
        if self._slow is not None:
            await asyncio.shield(self._slow)

    def happened(self, event: Event | None) -> None:
        """Let a turn come soon that deals with this event and with all that is due by then."""
        if event is not None:
            self._events.append(event)
        if self._slow is not None:
            self._is_due = True
        elif not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._turn)

    def received(self, sender: NodeId, message: Message, member: MemberId) -> None:
        """Let a turn come that deals with this message; soon, unless it decides nothing.

        A vote that decides nothing yet, or nothing any more, may wait for other events.
        """
        if self._is_scheduled or not isinstance(message, Accepted):
            self.happened(Received(sender, message, member))
            return
        self._events.append(Received(sender, message, member))
        if self._engine.may_decide(message, len(self._events)):
            self.happened(None)
        elif self._late is None:
            self._late = self._loop.call_later(_LATE_S, self.happened, None)

    async def until_settled(self) -> None:
        """Wait until the node's state has every event before this call, and all of it is durable.

        Votes that decide nothing may be left out. When this returns, no turn is under way: that
        holds until the caller awaits something.
        """
        if self._slow is not None:
            await self._until_between()
        if self._is_scheduled:
            await self._until_between()

    async def _until_between(self) -> None:
        between: asyncio.Future[None] = self._loop.create_future()
        self._between.append(between)
        await between

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for a condition on this node's state; False if it isn't true within `timeout_s`."""
        if condition():
            return True
        met: asyncio.Future[None] = self._loop.create_future()
        self._awaited[met] = condition
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await met
        finally:
            del self._awaited[met]
        return met.done() and not met.cancelled()

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
            self._wake()
            if not self._is_on:
                raise _Ended

        self._begin(self._engine.turn_in_parts(events, now, publish))

    def _begin(self, turn: Turn) -> None:
        if self._pace.is_slow:
            self._slow = self._loop.create_future()
            self._is_due = False
            self.on_slow_turn(True)
        self._go_on(turn)

    def _go_on(self, turn: Turn) -> None:
        """Go on with a turn, to its end or until it waits for a slow disk."""
        try:
            for wait in turn:
                if self._slow is not None:
                    self._wait_aside(turn, wait)
                    return
                began = time.monotonic()
                wait()
                self._pace.took(time.monotonic() - began)
            self._arm()
        except _Ended:
            pass
        except Exception as error:  # noqa: BLE001 - any error must stop the node, which says why
            self._failed(error)
        self._is_over()

    def _is_over(self) -> None:
        slow, self._slow = self._slow, None
        between, self._between = self._between, []
        for waiting in between:  # first: so they are woken before the next turn can begin
            if not waiting.done():
                waiting.set_result(None)
        if slow is not None:
            slow.set_result(None)
            self.on_slow_turn(False)
            if self._is_due:
                self.happened(None)

    def _wait_aside(self, turn: Turn, wait: DiskWait) -> None:
        """Let another thread wait for the disk, and go on with the turn then."""
        self._waits_since = time.monotonic()
        report = self._loop.call_later(self._pace.report_at_s, self._report_wait)

        def waited(done: asyncio.Future[None]) -> None:
            report.cancel()
            took_s, self._waits_since = self.disk_wait_s, None
            if self._is_dropped or done.cancelled():
                return
            self._pace.took(took_s)
            error = done.exception()
            if error is not None:
                self._failed(error)
            else:
                self._go_on(turn)

        self._aside(wait).add_done_callback(waited)

    def _report_wait(self) -> None:
        self._pace.took(self.disk_wait_s)

    def _wake(self) -> None:
        """Wake those whose condition is met."""
        for met, condition in self._awaited.items():
            if not met.done() and condition():
                met.set_result(None)

    def _arm(self) -> None:
        """Set the timer for when a turn is due; a timer that rings too early costs little."""
        deadline = self._engine.deadline
        if deadline < self._armed_for:
            if self._timer is not None:
                self._timer.cancel()
            self._armed_for = deadline
            self._timer = self._loop.call_later(max(0.0, deadline - self._now()), self._ring)

    def _ring(self) -> None:
        self._armed_for = math.inf
        self.happened(None)


def _without_events(wait: DiskWait) -> Turn:
    yield wait
    return Report()
