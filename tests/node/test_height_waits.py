"""Waits for a height end once the chain has grown to it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from math import inf
from typing import Any

from benmo.node.height_waits import HeightWaits


def in_a_loop(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30.0))


class Tower:
    """A chain of which only the height is known."""

    def __init__(self) -> None:
        self.height = 0
        self.heights = HeightWaits(lambda: self.height)

    async def grow(self, height: int) -> None:
        self.height = height
        self.heights.grown()
        for _ in range(3):
            await asyncio.sleep(0)


def test_a_height_that_is_reached_is_not_waited_for() -> None:
    async def test() -> None:
        tower = Tower()
        await tower.grow(3)
        assert await tower.heights.reached(3, 0.0)
        assert not await tower.heights.reached(4, 0.0)

    in_a_loop(test())


def test_each_waits_for_his_own_height() -> None:
    async def test() -> None:
        tower = Tower()
        two, five = (asyncio.ensure_future(tower.heights.reached(height, inf)) for height in (2, 5))
        await tower.grow(1)
        assert not two.done() and len(tower.heights) == 2
        await tower.grow(3)
        assert two.result() and not five.done() and len(tower.heights) == 1
        await tower.grow(9)
        assert five.result() and len(tower.heights) == 0

    in_a_loop(test())


def test_whoever_waits_for_a_height_no_more_leaves_nothing_behind() -> None:
    async def test() -> None:
        tower = Tower()
        assert not await tower.heights.reached(2, 0.001)
        gone = asyncio.ensure_future(tower.heights.reached(2, inf))
        stays = asyncio.ensure_future(tower.heights.reached(2, inf))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        assert len(tower.heights) == 1
        await tower.grow(2)
        assert stays.result() and len(tower.heights) == 0

    in_a_loop(test())
