"""What one connection may have under way and unread before its next request has to wait."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from benmo.control.requests import REQUEST_BYTES_MAX
from benmo.network.frames import SMALL_BYTES, frame
from benmo.network.rights import Right
from benmo.node.commander_connection import CommanderConnection
from benmo.node.commanders import ANSWER_BYTES_MAX, REQUESTS_BYTES_MAX, Commanders
from tests.network.test_frames import Transport


class Unread(Transport):
    """The other end reads only when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.unread_bytes = 0

    def set_write_buffer_limits(self, high: int) -> None:
        """The test calls `pause_writing` and `resume_writing` itself."""

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes


class Worker(CommanderConnection):
    """Carries out each request in a task that ends when the test says so."""

    def __init__(self, commanders: Commanders) -> None:
        super().__init__(commanders, Right.COMMAND)
        self.begun: list[bytes] = []
        self.may_end = asyncio.Event()
        self.to_transport = Unread()
        self.connection_made(cast(asyncio.Transport, self.to_transport))

    def on_frame(self, payload: bytes) -> None:
        self.begun.append(payload)
        self.start(self._work(), payload)

    async def _work(self) -> None:
        await self.may_end.wait()

    def on_misbehaviour(self, reason: str) -> None:
        raise AssertionError(reason)


async def _passes() -> None:
    for _ in range(500):
        await asyncio.sleep(0)


async def _end(*workers: Worker) -> None:
    for worker in workers:
        worker.connection_lost(None)
    await _passes()


def test_requests_under_way_are_bounded_and_the_rest_waits_in_order() -> None:
    async def scenario() -> None:
        worker = Worker(Commanders())
        asked = [b"%d" % number for number in range(3000)]
        worker.data_received(b"".join(map(frame, asked)))
        await _passes()
        begun = len(worker.begun)
        assert 0 < begun <= REQUESTS_BYTES_MAX // (32 << 10)
        assert worker.is_held
        worker.may_end.set()
        while len(worker.begun) < len(asked):
            await _passes()
        assert worker.begun == asked
        await _passes()
        assert not worker.is_held

    asyncio.run(scenario())


def test_a_greedy_connection_takes_no_room_from_another() -> None:
    async def scenario() -> None:
        commanders = Commanders()
        greedy, modest = Worker(commanders), Worker(commanders)
        greedy.data_received(b"".join(frame(b"%d" % number) for number in range(3000)))
        await _passes()
        assert greedy.is_held
        modest.data_received(frame(b"only"))
        await _passes()
        assert modest.begun == [b"only"]
        begun = len(greedy.begun)
        await _end(greedy, modest)
        assert len(greedy.begun) == begun, "nothing is begun for who is gone"

    asyncio.run(scenario())


def test_who_does_not_read_answers_is_not_read_either() -> None:
    async def scenario() -> None:
        worker = Worker(Commanders())
        worker.pause_writing()
        worker.data_received(frame(b"later"))
        await _passes()
        assert (worker.begun, worker.is_held) == ([], True)
        worker.resume_writing()
        await _passes()
        assert worker.begun == [b"later"] and not worker.is_held
        await _end(worker)

    asyncio.run(scenario())


def test_long_answers_are_made_one_at_a_time_and_each_connection_has_its_turn() -> None:
    async def scenario() -> None:
        commanders = Commanders()
        greedy, modest = Worker(commanders), Worker(commanders)
        made: list[str] = []

        async def answer(name: str, worker: Worker) -> None:
            async with worker.long_answer():
                made.append(f"{name} begins")
                await asyncio.sleep(0)
                made.append(f"{name} ends")

        works = [answer(f"greedy {number}", greedy) for number in range(3)]
        await asyncio.gather(*works, answer("modest", modest))
        order = ["greedy 0", "modest", "greedy 1", "greedy 2"]
        assert made == [f"{name} {what}" for name in order for what in ("begins", "ends")]

    asyncio.run(scenario())


def test_a_very_long_answer_is_read_before_the_next_is_made() -> None:
    async def scenario() -> None:
        commanders = Commanders()
        slow, other = Worker(commanders), Worker(commanders)
        made: list[str] = []

        async def answer_slowly() -> None:
            async with slow.long_answer():
                slow.to_transport.unread_bytes = 3 * ANSWER_BYTES_MAX
                slow.pause_writing()

        async def answer() -> None:
            async with other.long_answer():
                made.append("other")

        answers = asyncio.gather(answer_slowly(), answer())
        await _passes()
        assert made == []
        slow.resume_writing()
        await answers
        assert made == ["other"]

    asyncio.run(scenario())


def test_a_lost_connection_leaves_no_room_taken() -> None:
    async def scenario() -> None:
        commanders = Commanders()
        long = frame(bytes(20_000))
        for _ in range(300):
            lost = Worker(commanders)
            lost.data_received(long + long[:5000])
            await asyncio.sleep(0)
            assert lost.begun == [bytes(20_000)]
            lost.connection_lost(None)
        await _passes()
        assert commanders.may_gather(Worker(commanders), 4 << 20)

    asyncio.run(scenario())


def test_a_long_frame_that_was_let_through_is_taken_whatever_else_waits() -> None:
    """Else a reader that reads no more would keep the room of all long frames for ever."""

    async def scenario() -> None:
        commanders = Commanders()
        greedy, other = Worker(commanders), Worker(commanders)
        long_bytes = 4 << 20
        payload = frame(b"x" * long_bytes)
        greedy.data_received(payload[:100])
        assert commanders.is_gathering(greedy)
        greedy.pause_writing()  # it reads none of its answers
        other.data_received(payload[:100])
        await _passes()
        assert not commanders.is_gathering(other), "there is room for one"
        greedy.data_received(payload[100:])
        await _passes()
        assert greedy.begun == [b"x" * long_bytes]
        greedy.may_end.set()
        await _passes()
        assert commanders.is_gathering(other)
        await _end(greedy, other)

    asyncio.run(scenario())


def test_a_frame_at_the_limit_of_a_short_one_keeps_no_room() -> None:
    """Room that is taken and never given back would let this connection through for ever."""

    async def scenario() -> None:
        commanders = Commanders()
        worker = Worker(commanders)
        worker.may_end.set()
        for length in range(SMALL_BYTES - 6, SMALL_BYTES + 6):
            worker.data_received(frame(b"x" * length))
            await _passes()
            assert not commanders.is_gathering(worker), length
        assert commanders._frames_bytes == 0
        assert len(worker.begun) == 12
        await _end(worker)

    asyncio.run(scenario())


def test_a_request_that_is_longer_than_any_may_be_is_not_read() -> None:
    async def scenario() -> None:
        worker = Worker(Commanders())
        with pytest.raises(AssertionError, match="a frame of 6291457 bytes is too long"):
            worker.data_received((REQUEST_BYTES_MAX + 1).to_bytes(4, "big") + b"x")
        assert worker.to_transport.is_aborted and worker.begun == []

    asyncio.run(scenario())
