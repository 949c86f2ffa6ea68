"""Deadlines: who is late is called, once, never early; who was discarded isn't."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable
from math import inf

import pytest

from benmo.deadlines import Deadlines

TICK_S = 0.01
DEADLINE_S = 180.0


class _Clock:
    """The items that were late, in order, each with the time on the loop's clock."""

    def __init__(self) -> None:
        self.late: list[tuple[str, float]] = []
        self.deadlines = Deadlines(self.on_late)
        self.added: dict[str, float] = {}

    def on_late(self, item: str) -> None:
        self.late.append((item, asyncio.get_running_loop().time()))

    def add(self, item: str, after_s: float) -> int:
        self.added[item] = asyncio.get_running_loop().time() + after_s
        return self.deadlines.add(item, after_s)

    async def until_nobody_waits(self) -> list[str]:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.deadlines):
                await asyncio.sleep(TICK_S)
        return [item for item, _ in self.late]


def run(test: Callable[[_Clock], Awaitable[None]]) -> None:
    async def main() -> None:
        await test(_Clock())

    asyncio.run(main())


def test_each_is_late_once_in_order_and_never_early() -> None:
    async def test(clock: _Clock) -> None:
        for item, after_s in {"c": 0.09, "a": 0.0, "d": 0.12, "b": 0.05}.items():
            clock.add(item, after_s)
        assert await clock.until_nobody_waits() == ["a", "b", "c", "d"]
        assert all(at >= clock.added[item] for item, at in clock.late)

    run(test)


def test_what_is_discarded_is_never_late_and_leaves_nothing() -> None:
    async def test(clock: _Clock) -> None:
        ticks = {item: clock.add(item, 0.02) for item in "abc"}
        clock.deadlines.discard("b", ticks["b"])
        clock.deadlines.discard("b", ticks["b"])
        assert await clock.until_nobody_waits() == ["a", "c"]
        for item in "xyz":
            clock.deadlines.discard(item, clock.add(item, 0.5))
        assert len(clock.deadlines) == 0
        clock.add("last", 0.01)
        assert await clock.until_nobody_waits() == ["a", "c", "last"]

    run(test)


def test_one_that_is_late_may_discard_and_add_others() -> None:
    async def test(clock: _Clock) -> None:
        ticks: dict[str, int] = {}
        said: list[str] = []

        def late(item: str) -> None:
            said.append(item)
            if item == "a":
                deadlines.discard("b", ticks["b"])
                deadlines.add("c", 0.0)

        deadlines = Deadlines(late)
        ticks = {item: deadlines.add(item, 0.02) for item in "ab"}
        async with asyncio.timeout(DEADLINE_S):
            while "c" not in said:
                await asyncio.sleep(TICK_S)
        assert said in (["a", "c"], ["a", "b", "c"]) and len(deadlines) == 0
        assert said == ["a", "c"] or ticks["a"] != ticks["b"]

    run(test)


def test_long_limits_that_are_kept_take_no_memory() -> None:
    async def test(clock: _Clock) -> None:
        clock.add("last", 0.02)
        tracemalloc.start()
        for n in range(20_000):
            clock.deadlines.discard("kept", clock.add("kept", 3600.0 + n))
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert taken < 100_000
        assert await clock.until_nobody_waits() == ["last"]

    run(test)


def test_a_limit_that_has_passed_is_late_at_once_even_where_another_is_being_called() -> None:
    async def test(clock: _Clock) -> None:
        said: list[str] = []

        def late(item: str) -> None:
            said.append(item)
            if item == "a":
                deadlines.add("past", -5.0)

        deadlines = Deadlines(late)
        deadlines.add("a", 0.01)
        async with asyncio.timeout(DEADLINE_S):
            while "past" not in said:
                await asyncio.sleep(TICK_S)
        assert said == ["a", "past"] and len(deadlines) == 0

    run(test)


def test_one_that_is_late_may_wait_anew_while_idle_ticks_are_thrown_away() -> None:
    async def test(clock: _Clock) -> None:
        said: list[str] = []

        def late(item: str) -> None:
            said.append(item)
            if item == "first":
                deadlines.add("again", 0.05)

        deadlines = Deadlines(late)
        deadlines.add("first", 0.02)
        deadlines.add("second", 0.03)
        kept = {str(n): deadlines.add(str(n), 1 + n / 50) for n in range(150)}
        for item, tick in kept.items():
            deadlines.discard(item, tick)
        async with asyncio.timeout(DEADLINE_S):
            while len(said) < 3:
                await asyncio.sleep(TICK_S)
        assert said == ["first", "second", "again"] and len(deadlines) == 0

    run(test)


def test_an_error_keeps_nobody_else_waiting() -> None:
    async def test(clock: _Clock) -> None:
        seen: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, found: seen.append("error"))

        def late(item: str) -> None:
            seen.append(item)
            if item == "bad":
                raise ValueError(item)

        deadlines = Deadlines(late)
        for item in ("bad", "good"):
            deadlines.add(item, 0.02)
        async with asyncio.timeout(DEADLINE_S):
            while len(deadlines) or "good" not in seen:
                await asyncio.sleep(TICK_S)
        assert seen == ["bad", "error", "good"]

    run(test)


@pytest.mark.parametrize("for_ever", [inf, 1e300])
def test_one_may_wait_for_ever(for_ever: float) -> None:
    async def test(clock: _Clock) -> None:
        clock.add("patient", for_ever)
        clock.add("hasty", 0.01)
        async with asyncio.timeout(DEADLINE_S):
            while not clock.late:
                await asyncio.sleep(TICK_S)
        assert [item for item, _ in clock.late] == ["hasty"]
        assert len(clock.deadlines) == 1

    run(test)
