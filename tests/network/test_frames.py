"""Frames that may not be taken yet: nothing more is read until they may."""

from __future__ import annotations

import asyncio
from typing import cast

from benmo.network.frames import FRAME_BYTES_MAX, FrameReader, frame


class Transport:
    """Where a reader reads from, as far as the reader knows."""

    def __init__(self) -> None:
        self.is_paused = False
        self.is_aborted = False

    def pause_reading(self) -> None:
        assert not self.is_paused
        self.is_paused = True

    def resume_reading(self) -> None:
        assert self.is_paused
        self.is_paused = False

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


class Reader(FrameReader):
    """Takes as many frames as there is room for."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.gathers = True
        self.taken: list[bytes] = []
        self.reasons: list[str] = []
        self.from_transport = Transport()
        self.connection_made(cast(asyncio.Transport, self.from_transport))

    def may_take(self) -> bool:
        return len(self.taken) < self.room

    def may_gather(self, frame_bytes: int) -> bool:
        return self.gathers

    def on_frame(self, payload: bytes) -> None:
        self.taken.append(payload)

    def on_misbehaviour(self, reason: str) -> None:
        self.reasons.append(reason)


def _payloads(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


async def _read(reader: Reader, data: bytes, piece_bytes: int) -> None:
    for start in range(0, len(data), piece_bytes):
        reader.data_received(data[start : start + piece_bytes])
    for _ in range(100):
        await asyncio.sleep(0)


def test_frames_without_room_stay_with_the_other_end_until_there_is_room() -> None:
    async def scenario() -> None:
        for piece_bytes in (1, 5, 1000):
            reader = Reader(room=3)
            await _read(reader, b"".join(map(frame, _payloads(8))), piece_bytes)
            assert (reader.taken, reader.from_transport.is_paused) == (_payloads(3), True)
            reader.room = 8
            reader.take_more()
            assert reader.taken == _payloads(8) and not reader.from_transport.is_paused

    asyncio.run(scenario())


def test_a_flood_of_frames_is_taken_in_order_a_few_at_a_time() -> None:
    async def scenario() -> None:
        reader = Reader(room=1000)
        reader.data_received(b"".join(map(frame, _payloads(1000))))
        assert 0 < len(reader.taken) < 100
        assert reader.from_transport.is_paused
        await _read(reader, b"", 1)
        assert reader.taken == _payloads(1000) and not reader.from_transport.is_paused

    asyncio.run(scenario())


def test_a_long_frame_is_not_gathered_before_it_may_be() -> None:
    async def scenario() -> None:
        reader = Reader(room=9)
        reader.gathers = False
        payload = bytes(1 << 20)
        data = frame(b"short") + frame(payload)
        reader.data_received(data[:1000])
        assert (reader.taken, reader.from_transport.is_paused) == ([b"short"], True)
        reader.gathers = True
        reader.take_more()
        assert not reader.from_transport.is_paused
        await _read(reader, data[1000:], 1 << 16)
        assert reader.taken == [b"short", payload]

    asyncio.run(scenario())


def test_nothing_is_taken_after_a_frame_that_is_too_long() -> None:
    async def scenario() -> None:
        reader = Reader(room=1)
        reader.data_received(frame(b"first") + frame(b"second"))
        reader.data_received((FRAME_BYTES_MAX + 1).to_bytes(4, "big"))
        reader.room = 9
        reader.take_more()
        assert reader.taken == [b"first", b"second"] and reader.from_transport.is_aborted
        assert reader.reasons == [f"a frame of {FRAME_BYTES_MAX + 1} bytes is too long"]
        reader.take_more()
        assert len(reader.reasons) == 1

    asyncio.run(scenario())
