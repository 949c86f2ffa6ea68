"""A connection that commands a node: its requests are taken while there is room and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benmo.control.requests import REQUEST_BYTES_MAX
from benmo.network.frames import SMALL_BYTES, FrameReader
from benmo.network.rights import Right
from benmo.node.commanders import ANSWER_BYTES_MAX, Commanders, OneAtATime

_TASK_BYTES = 32 << 10
"""Several times the memory of a task, for all tasks may have to be woken in one pass."""
_DECODED_BYTES = 8
"""The factor by which a decoded request may be longer than its bytes in a frame."""
_TASK_S = 0.0001
_UNREAD_BYTES_MAX = 64 << 10
"""Once more bytes wait for the other end to read them, none of its requests is taken."""
_STALLED_S = 10.0
"""The time for which a very long answer may keep other long answers waiting for its reader."""
_UNREAD_ANSWER_BYTES_MAX = 2 * ANSWER_BYTES_MAX


@dataclass(slots=True)
class Room:
    """The memory that a request takes under way; `frame_bytes` is 0 unless its frame is long."""

    request_bytes: int
    frame_bytes: int


class CommanderConnection(FrameReader):
    """Holds back the requests of one connection that finds no room or time; see `commanders`."""

    frame_bytes_max = REQUEST_BYTES_MAX
    frames_at_once = 512
    """As many as a program may have under way: they share a turn, and one wait for the disk."""

    def __init__(self, commanders: Commanders, held: Right) -> None:
        super().__init__()
        self._commanders = commanders
        self._held = held
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests_bytes = 0
        self._frames_bytes = 0
        self._is_read = asyncio.Event()
        """Set while the other end reads what it is sent."""
        self._is_read.set()
        self._long_answers = OneAtATime()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._commanders.join(self, self._held)
        assert self.transport is not None
        self.transport.set_write_buffer_limits(high=_UNREAD_BYTES_MAX)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._commanders.leave(self)
        frames_bytes, self._frames_bytes = self._frames_bytes, 0
        self._commanders.free_frame(frames_bytes)
        for task in self._tasks:
            task.cancel()

    def pause_writing(self) -> None:
        self._is_read.clear()

    def resume_writing(self) -> None:
        self._is_read.set()
        self.take_more_soon()

    def may_take(self) -> bool:
        commanders = self._commanders
        if not (self._has_room() or commanders.is_gathering(self)):
            return False
        if commanders.has_time():
            return True
        self.take_more_soon()
        return False

    def may_gather(self, frame_bytes: int) -> bool:
        """Let a long frame be gathered if there is room; what was let through isn't held back.

        So its room is free again in the time that a frame may take, whatever else the other end
        leaves undone.
        """
        if self._commanders.is_gathering(self):
            return True
        return self._has_room() and self._commanders.may_gather(self, frame_bytes)

    def take_more_soon(self) -> None:
        self._commanders.take_more_soon(self)

    def _has_room(self) -> bool:
        is_within_share = self._requests_bytes < self._commanders.share_bytes
        return is_within_share and self._is_read.is_set()

    def take_room(self, payload: bytes, request_bytes: int) -> Room:
        """Take the room of a request, of this many bytes in memory, while it is under way."""
        room = Room(request_bytes, 0)
        if len(payload) > SMALL_BYTES:
            room.frame_bytes = self._commanders.gathered(self, request_bytes)
            self._frames_bytes += room.frame_bytes
        self._requests_bytes += room.request_bytes
        return room

    def free_frame(self, room: Room) -> None:
        """Free the room of a long frame, whose content isn't needed any more."""
        long_bytes, room.frame_bytes = min(room.frame_bytes, self._frames_bytes), 0
        self._frames_bytes -= long_bytes
        self._commanders.free_frame(long_bytes)

    def free_room(self, room: Room) -> None:
        """Free a request's room once the request is carried out."""
        if room.frame_bytes:
            self.free_frame(room)
        self._requests_bytes -= room.request_bytes
        if self.is_held:
            self.take_more_soon()

    def start(self, coroutine: Coroutine[None, None, None], payload: bytes = b"") -> None:
        """Carry out a request in a task of its own, which the loss of the connection cancels."""
        decoded_bytes = _DECODED_BYTES * min(len(payload), SMALL_BYTES)
        room = self.take_room(payload, _TASK_BYTES + decoded_bytes)
        self._commanders.spend(_TASK_S)
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self.free_room(room)

        task.add_done_callback(ended)

    @property
    def is_read(self) -> bool:
        """Whether the other end reads what it is sent."""
        return self._is_read.is_set()

    @asynccontextmanager
    async def long_answer(self) -> AsyncIterator[None]:
        """Make and send one long answer at a time: of this connection, and of all in turn.

        It waits until the other end has read the earlier ones. An answer much longer than others
        keeps the next from being made until it is read; who doesn't read it in time is dropped.
        """
        async with self._long_answers:
            await self._is_read.wait()
            async with self._commanders.long_answers:
                yield
                await self._until_short()

    async def _until_short(self) -> None:
        transport = self.transport
        if transport is None or transport.get_write_buffer_size() <= _UNREAD_ANSWER_BYTES_MAX:
            return
        try:
            async with asyncio.timeout(_STALLED_S):
                await self._is_read.wait()
        except TimeoutError:
            self.abort()
