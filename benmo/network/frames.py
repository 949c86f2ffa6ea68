"""Frames: a length (4 bytes, big-endian), and that many bytes of msgpack."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import cast

from benmo.errors import ProtocolError

FRAME_BYTES_MAX = 16 << 20
FRAME_TIMEOUT_S = 30.0
"""The time limit of a frame's arrival, from its first byte to its last."""
LENGTH_BYTES = 4
SMALL_BYTES = 16 << 10
"""A longer frame has to be allowed before its bytes are gathered."""


def frame(payload: bytes) -> bytes:
    """Put the length before a payload. Raises `ValueError` above `FRAME_BYTES_MAX` bytes."""
    if len(payload) > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {len(payload)} bytes is too long")
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


def _length(data: bytes | bytearray) -> int:
    """The length that a frame's first 4 bytes give; meaningless if there are fewer bytes."""
    return int.from_bytes(data[:LENGTH_BYTES], "big")


class FrameReader(asyncio.Protocol, ABC):
    """Cuts the bytes of a connection into frames, and drops the connection if they are none.

    Subclasses say what a frame means, in `on_frame`. They may hold the next frame back, in
    `may_take` and `may_gather`: then nothing more is read, so that the other end has to wait, until
    the subclass calls `take_more`.
    """

    frame_bytes_max = FRAME_BYTES_MAX
    """A longer frame drops the connection before the frame is read."""

    frames_at_once = 64
    """The limit of frames taken from a connection before the loop turns to the other ones."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._is_sending = False
        self._buffer = bytearray()
        self._is_held = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._buffer.clear()
        self._stop_deadline()

    def data_received(self, data: bytes) -> None:
        length = len(data) - LENGTH_BYTES
        is_one = not self._buffer and _length(data) == length <= self.frame_bytes_max
        if is_one and length > SMALL_BYTES:
            is_one = self.may_gather(length)
        if not is_one or not self.may_take():
            self._buffer += data
            self.take_more()
            return
        try:  # the most frequent case
            self.on_frame(data[LENGTH_BYTES:])
        except ProtocolError as error:
            self._drop(error)

    def take_more(self) -> None:
        """Take the frames that have come, as many as may be taken now; read on if that is all."""
        try:
            self._take_frames()
        except ProtocolError as error:
            self._drop(error)

    def _drop(self, error: ProtocolError) -> None:
        self.abort()
        self.on_misbehaviour(str(error))

    @property
    def _is_closing(self) -> bool:
        return self.transport is not None and self.transport.is_closing()

    @property
    def is_held(self) -> bool:
        """Whether frames are held back, so that nothing is read."""
        return self._is_held

    def send(self, payload: bytes) -> None:
        """Send a payload as a frame; without a connection, it is lost.

        The first frame of a pass of the loop leaves at once, all others together after the pass.
        Raises `ValueError` above `FRAME_BYTES_MAX` bytes.
        """
        self._unsent.append(frame(payload))
        if not self._is_sending:
            self._is_sending = True
            self._send()
            asyncio.get_running_loop().call_soon(self._send_rest)

    def _send_rest(self) -> None:
        self._is_sending = False
        self._send()

    def _send(self) -> None:
        data, self._unsent = b"".join(self._unsent), []
        if not data or self.transport is None or self.transport.is_closing():
            return
        with suppress(ConnectionError):
            self.transport.write(data)

    def abort(self) -> None:
        """Close the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    @abstractmethod
    def on_frame(self, payload: bytes) -> None:
        """Take the payload of a whole frame. A `ProtocolError` drops the connection."""

    @abstractmethod
    def on_misbehaviour(self, reason: str) -> None:
        """Learn that the connection is being dropped, since a frame was too long or wrong."""

    def may_take(self) -> bool:
        """Whether the next frame may be taken now; if not, `take_more` is called later."""
        return True

    def may_gather(self, frame_bytes: int) -> bool:
        """Whether a long frame of this many bytes may be gathered; else as with `may_take`."""
        return True

    def take_more_soon(self) -> None:
        """Call `take_more` once other connections had their turn."""
        asyncio.get_running_loop().call_soon(self.take_more)

    def _take_frames(self) -> None:
        start, taken, is_held = 0, 0, False
        while len(self._buffer) - start >= LENGTH_BYTES and not self._is_closing:
            length = int.from_bytes(self._buffer[start : start + LENGTH_BYTES], "big")
            if length > self.frame_bytes_max:
                raise ProtocolError(f"a frame of {length} bytes is too long")
            if length > SMALL_BYTES and not self.may_gather(length):
                is_held = True
                break
            end = start + LENGTH_BYTES + length
            if len(self._buffer) < end:
                break
            if taken == self.frames_at_once:
                is_held = True
                self.take_more_soon()
                break
            if not self.may_take():
                is_held = True
                break
            payload = bytes(memoryview(self._buffer)[start + LENGTH_BYTES : end])
            start = end
            taken += 1
            self._stop_deadline()
            self.on_frame(payload)
        del self._buffer[:start]
        self._hold(is_held)

    def _hold(self, is_held: bool) -> None:
        """Stop or resume reading; a frame that isn't held back has to be whole in time."""
        if self.transport is not None and is_held != self._is_held:
            self._is_held = is_held
            if is_held:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()
        if is_held or not self._buffer:
            self._stop_deadline()
        elif self._deadline is None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(FRAME_TIMEOUT_S, self.abort)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
