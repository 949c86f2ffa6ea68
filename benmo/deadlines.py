"""Time limits of many waits at once, of which nearly all end before their time is up.

A timer of asyncio's for each would be among the largest costs of a payment: a heap of objects that
compare in Python. Here limits within a hundredth of a second share an entry, and all share a timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")

_TICKS_PER_S = 100
_LONGEST_S = 1e9
_IDLE_TICKS_MAX = 100
"""The number of ticks that are kept beyond twice those that somebody waits for."""


class Deadlines(Generic[T]):
    """Calls `late` with each item whose time is up, at most a hundredth of a second later.

    Items are hashable, and each is in at most once. All of it runs in one asyncio loop.
    """

    def __init__(self, late: Callable[[T], object]) -> None:
        self._late = late
        self._waiting: dict[int, dict[T, None]] = {}
        """By tick, the items whose time is up then."""
        self._ticks: list[int] = []
        """A heap of the ticks of `_waiting`, and of some that have gone from it."""
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Count the items that wait."""
        return sum(map(len, self._waiting.values()))

    def add(self, item: T, after_s: float) -> int:
        """Let the time of an item be up in `after_s` seconds; returns the tick for `discard`."""
        now_s = asyncio.get_running_loop().time()
        tick = int((now_s + min(max(after_s, 0.0), _LONGEST_S)) * _TICKS_PER_S) + 1
        items = self._waiting.get(tick)
        if items is None:
            items = self._waiting[tick] = {}
            self._push(tick)
        items[item] = None
        return tick

    def discard(self, item: T, tick: int) -> None:
        """Forget an item that doesn't wait any more; `tick` is what `add` returned for it."""
        items = self._waiting.get(tick)
        if items is not None:
            items.pop(item, None)
            if not items:
                del self._waiting[tick]

    def _push(self, tick: int) -> None:
        if len(self._ticks) > 2 * len(self._waiting) + _IDLE_TICKS_MAX:
            self._ticks = sorted(self._waiting)
        else:
            heappush(self._ticks, tick)
        if tick == self._ticks[0]:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._ticks and self._ticks[0] not in self._waiting:
            heappop(self._ticks)
        if self._ticks:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._ticks[0] / _TICKS_PER_S, self._ring)

    def _ring(self) -> None:
        now = asyncio.get_running_loop().time() * _TICKS_PER_S
        try:
            while self._ticks and self._ticks[0] <= now:
                self._pass(self._ticks[0])
        finally:
            self._set_timer()

    def _pass(self, tick: int) -> None:
        """Call `late` with all that wait for the first tick; it may discard and add others.

        The tick stays the first of the heap until all are called: `late` may raise.
        """
        while items := self._waiting.get(tick):
            item = next(iter(items))
            del items[item]
            self._late(item)
        if items is not None:
            del self._waiting[tick]
        if self._ticks[0] == tick:
            heappop(self._ticks)
