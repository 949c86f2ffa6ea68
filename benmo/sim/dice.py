"""Chance, drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """One stream of chance. Uses `Random.random` alone, which is the same on every Python."""

    def __init__(self, seed: int, stream: str) -> None:
        self._random = Random(f"{seed}/{stream}")

    def share(self) -> float:
        """Draw a number from 0 to 1."""
        return self._random.random()

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._random.random()

    def small(self, low: float, high: float) -> float:
        """Draw a number mostly near the low end, now and then near the high one."""
        return low + (high - low) * self._random.random() ** 4

    def whole(self, low: int, high: int) -> int:
        """Draw a whole number, both ends included."""
        return low + int(self._random.random() * (high - low + 1))

    def pick(self, things: Sequence[T]) -> T:
        return things[int(self._random.random() * 2520) % len(things)]

    def times(self, count: int, end_s: float) -> list[float]:
        """Draw `count` times from 0 on, some close together: nodes then get in each other's way."""
        times = [self.between(0.0, end_s) for _ in range(count)]
        for later in range(1, count):
            if self.chance(0.3):
                times[later] = min(times[later - 1] + self.small(0.0, 0.5), end_s)
        return times
