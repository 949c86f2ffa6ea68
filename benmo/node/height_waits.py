"""Waits until a node's chain has reached a height."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress


class HeightWaits:
    """Waits for heights of a chain; a block wakes only those whose height is reached.

    `height` gives the chain's height.
    """

    def __init__(self, height: Callable[[], int]) -> None:
        self._height = height
        self._waiting: dict[int, set[asyncio.Future[None]]] = {}

    async def reached(self, height: int, timeout_s: float) -> bool:
        """Wait until the chain has this height; False if it hasn't after `timeout_s` seconds."""
        if self._height() >= height:
            return True
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(height, set())
        waiting.add(reached)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await reached
        finally:
            waiting.discard(reached)
            if not waiting and self._waiting.get(height) is waiting:
                del self._waiting[height]
        return self._height() >= height

    def grown(self) -> None:
        """Wake the waits whose height is reached, now that the chain has grown."""
        height = self._height()
        for each in [each for each in self._waiting if each <= height]:
            for reached in self._waiting.pop(each):
                if not reached.done():
                    reached.set_result(None)

    def __len__(self) -> int:
        """Count the waits."""
        return sum(map(len, self._waiting.values()))
