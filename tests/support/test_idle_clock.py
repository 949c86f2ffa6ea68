"""On the idle clock no pause of the machine makes a time limit pass."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.support.idle_clock import run_on_idle_clock


def test_what_is_ready_comes_before_a_limit_however_slow_it_is() -> None:
    async def slowly() -> str:
        for _ in range(3):
            time.sleep(0.05)
            await asyncio.sleep(0)
        return "done"

    assert run_on_idle_clock(asyncio.wait_for(slowly(), 0.01)) == "done"


def test_a_limit_passes_at_once_where_nothing_else_is_to_be_done() -> None:
    async def never() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(TimeoutError):
        run_on_idle_clock(asyncio.wait_for(never(), 1e9))


def test_timers_ring_in_their_order() -> None:
    async def test() -> list[int]:
        rung: list[int] = []
        loop = asyncio.get_running_loop()
        loop.call_later(1.0, rung.append, 1).cancel()
        for after in (3, 2):
            loop.call_later(after, rung.append, after)
        await asyncio.sleep(2.5)
        assert loop.time() == pytest.approx(2.5)
        await asyncio.sleep(2.5)
        return rung

    assert run_on_idle_clock(test()) == [2, 3]
