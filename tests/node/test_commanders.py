"""How the commanders of a node share its memory and its time."""

from __future__ import annotations

import asyncio
import math

import pytest

from benmo.errors import ProtocolError
from benmo.network.frames import SMALL_BYTES
from benmo.network.rights import Right
from benmo.node import commanders as module
from benmo.node.commanders import (
    ANSWER_BYTES_MIN,
    CONNECTIONS_MAX,
    FRAMES_BYTES_MAX,
    REQUESTS_BYTES_MAX,
    SHARE_BYTES_MIN,
    Commanders,
)


class Connection:
    """Notes when it may take more, and wants to go on `times` times."""

    def __init__(
        self,
        commanders: Commanders,
        name: str,
        log: list[str],
        times: int = 0,
        held: Right = Right.COMMAND,
    ) -> None:
        self.commanders = commanders
        self.name = name
        self.log = log
        self.times = times
        commanders.join(self, held)

    def take_more(self) -> None:
        self.log.append(self.name)
        if self.times > 0:
            self.times -= 1
            self.commanders.take_more_soon(self)


async def _passes() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_all_shares_together_are_bounded_however_many_connections_there_are() -> None:
    commanders = Commanders()
    log: list[str] = []
    joined = [Connection(commanders, str(number), log) for number in range(256)]
    assert commanders.share_bytes == SHARE_BYTES_MIN
    assert commanders.share_bytes * CONNECTIONS_MAX[Right.COMMAND] <= 2 * REQUESTS_BYTES_MAX
    assert commanders.answer_bytes == ANSWER_BYTES_MIN
    with pytest.raises(ProtocolError, match="256 connections command this node already"):
        Connection(commanders, "one more", log)
    for each in joined[1:]:
        commanders.leave(each)
    assert commanders.share_bytes == REQUESTS_BYTES_MAX


def test_readers_leave_room_for_payers_and_payers_for_the_operator() -> None:
    commanders, log = Commanders(), list[str]()
    for held, before in ((Right.READ, 0), (Right.PAY, 128), (Right.COMMAND, 192)):
        for number in range(before, CONNECTIONS_MAX[held]):
            Connection(commanders, str(number), log, held=held)
        with pytest.raises(ProtocolError, match="connections command this node already"):
            Connection(commanders, "one more", log, held=held)


def test_one_that_leaves_or_lets_others_through_wakes_them() -> None:
    """Else a connection that was let through would wait for ever."""

    async def scenario() -> None:
        commanders, log = Commanders(), list[str]()
        first, second, third = (Connection(commanders, name, log) for name in "123")
        assert commanders.may_gather(first, FRAMES_BYTES_MAX)
        assert not commanders.may_gather(second, FRAMES_BYTES_MAX)
        assert not commanders.may_gather(third, 1)
        log.clear()
        commanders._frames_bytes -= FRAMES_BYTES_MAX - 1  # most of it is carried out
        commanders.leave(second)
        await _passes()
        assert log == ["3"]
        assert commanders.is_gathering(third)

    asyncio.run(scenario())


def test_long_frames_are_let_through_in_the_order_in_which_they_came() -> None:
    async def scenario() -> None:
        commanders, log = Commanders(), list[str]()
        first, second, third, fourth = (Connection(commanders, name, log) for name in "1234")
        long_bytes = FRAMES_BYTES_MAX - 1
        assert commanders.may_gather(first, 2 * FRAMES_BYTES_MAX), "one alone may be of any length"
        assert not commanders.may_gather(second, long_bytes)
        assert not commanders.may_gather(third, 10)
        assert not commanders.may_gather(fourth, 1)
        log.clear()
        commanders.free_frame(commanders.gathered(first, 0))
        await _passes()
        assert log == ["2"], "a short one doesn't overtake"
        assert commanders.may_gather(second, long_bytes)
        assert not commanders.may_gather(third, 10)
        commanders.leave(second)
        await _passes()
        assert log == ["2", "3", "4"]

    asyncio.run(scenario())


def test_each_connection_takes_a_turn_before_one_takes_another() -> None:
    async def scenario() -> None:
        commanders, log = Commanders(), list[str]()
        for name in "abc":
            commanders.take_more_soon(Connection(commanders, name, log, times=2))
        await _passes()
        assert log == list("abcabcabc")

    asyncio.run(scenario())


def test_no_frame_is_taken_once_a_pass_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        commanders, log = Commanders(), list[str]()
        greedy = Connection(commanders, "greedy", log, times=3)
        other = Connection(commanders, "other", log)
        assert commanders.has_time()
        commanders.spend(math.inf)
        assert not commanders.has_time()
        commanders.take_more_soon(greedy)
        commanders.take_more_soon(other)
        assert log == []
        monkeypatch.setattr(module, "_PASS_S", 60.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert log == ["greedy", "other", "greedy", "greedy", "greedy"]

    asyncio.run(scenario())


def test_a_long_frame_counts_as_what_it_was_decoded_into_until_it_is_carried_out() -> None:
    async def scenario() -> None:
        commanders, log = Commanders(), list[str]()
        first, second = (Connection(commanders, name, log) for name in "12")
        assert commanders.may_gather(first, 20_000)
        room = commanders.gathered(first, FRAMES_BYTES_MAX)
        assert not commanders.may_gather(second, 20_000)
        commanders.free_frame(room)
        assert commanders.may_gather(second, 20_000)
        commanders.leave(second)
        assert commanders._frames_bytes == 0

    asyncio.run(scenario())


def test_few_short_ones_of_the_long_frames_are_gathered_at_a_time() -> None:
    """All of them together may be decoded before the first is carried out."""

    async def scenario() -> None:
        commanders, log = Commanders(), list[str]()
        asked = [Connection(commanders, str(number), log) for number in range(20)]
        let_through = [each for each in asked if commanders.may_gather(each, SMALL_BYTES + 1)]
        assert let_through == asked[:8]

    asyncio.run(scenario())
