"""The agenda: calls that are due, and when.

One queue, sorted by time and, at equal times, by the order in which calls were put there. Nothing
else decides which call comes next, so a plan has one outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from benmo.sim.violation import Finding, Violation

_EVENTS_MAX_PER_S = 1_000
"""The limit of events a second, besides those that `expect` adds. The busiest of thousands of runs
has half as many: only a storm of messages exceeds it, and is a violation."""

_LOOK_EVERY_S = 0.25


class Agenda:
    """A queue of calls. `now` is the true time in seconds; it moves from one call to the next.

    `progress` says what the calls have led to, for the sentence about a storm of them.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.progress: Callable[[], str] = str
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0
        self._expected = 0

    @property
    def events(self) -> int:
        """The number of calls that were put here so far."""
        return self._order

    def expect(self, events: int) -> None:
        """Allow this many events more, since a user's request leads to them."""
        self._expected += events

    def at(self, when: float, what: Callable[..., None], *arguments: Any) -> None:
        """Let something happen at a time, or now if that time is past."""
        self._order += 1
        heappush(self._queue, (max(when, self.now), self._order, what, arguments))

    def after(self, wait_s: float, what: Callable[..., None], *arguments: Any) -> None:
        """Let something happen in `wait_s` seconds."""
        self.at(self.now + wait_s, what, *arguments)

    def run_until(
        self,
        end: float,
        is_done: Callable[[], bool] | None = None,
        look_every_s: float = _LOOK_EVERY_S,
    ) -> None:
        """Make the calls up to a time, or until `is_done()`, asked every `look_every_s` seconds."""
        next_look = self.now
        while self._queue and self._queue[0][0] <= end:
            self.now, _, what, arguments = heappop(self._queue)
            what(*arguments)
            if self._order > _EVENTS_MAX_PER_S * (self.now + 10.0) + self._expected:
                count = f"{self._order:,} events in {self.now:.0f} seconds"
                sentence = f"messages don't end: {count}, {self.progress()}"
                raise Violation(Finding("chatter", sentence, "promise 7"))
            if is_done is not None and self.now >= next_look:
                if is_done():
                    return
                next_look = self.now + look_every_s
        self.now = max(self.now, end)
