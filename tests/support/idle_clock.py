"""An event loop whose clock moves only while the loop is idle.

However long the machine stops a test, no time limit in it passes sooner than what is to be done
before: all that is ready is carried out first, and then the clock jumps to the next timer. It is
for tests without sockets, pipes or threads, since it doesn't wait for those.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from math import inf, nextafter
from typing import Any, TypeVar

T = TypeVar("T")


class IdleClockLoop(asyncio.SelectorEventLoop):
    _ready: Any  # asyncio's own, which its stubs leave out
    _scheduled: Any

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__()

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready:
            timers = [timer.when() for timer in self._scheduled if not timer.cancelled()]
            if timers:
                self._now = max(self._now, nextafter(min(timers), inf))
        super()._run_once()  # type: ignore[misc]


def run_on_idle_clock(test: Coroutine[Any, Any, T]) -> T:
    """Run it to its end, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=IdleClockLoop) as runner:
        return runner.run(test)
