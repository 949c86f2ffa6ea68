"""Frames: a 4-byte length, big-endian, and that many bytes of msgpack."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import cast

from benmo.errors import ProtocolError

FRAME_BYTES_MAX = 16 << 20
FRAME_TIMEOUT_S = 30.0
_LENGTH_BYTES = 4


def frame(payload: bytes) -> bytes:
    """A payload with its length before it."""
    if len(payload) > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {len(payload)} bytes is too long")
    return len(payload).to_bytes(_LENGTH_BYTES, "big") + payload


def _length(data: bytes | bytearray) -> int:
    """What the first bytes of a frame say; nonsense, if there are not enough."""
    return int.from_bytes(data[:_LENGTH_BYTES], "big")


class FrameReader(asyncio.Protocol, ABC):
    """Cuts what arrives into frames; drops the connection on whatever is none.

    Subclasses say what a frame means, and may raise `ProtocolError`. Whoever reads so little of
    what is sent that `unread_bytes_max` wait is dropped, too.
    """

    unread_bytes_max: int | None = None

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._is_sending = False
        self._buffer = bytearray()
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._stop_deadline()

    def data_received(self, data: bytes) -> None:
        try:
            is_one = _LENGTH_BYTES + _length(data) == len(data) <= FRAME_BYTES_MAX
            if is_one and not self._buffer:  # as mostly
                self.on_frame(data[_LENGTH_BYTES:])
            else:
                self._buffer += data
                self._take_frames()
        except ProtocolError as error:
            self.abort()
            self.on_misbehaviour(str(error))

    def send(self, payload: bytes) -> None:
        """Send a frame, if there is still a connection.

        The first of one pass of the loop leaves at once, the others together after it.
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
        waiting = self.transport.get_write_buffer_size()
        if self.unread_bytes_max is not None and waiting > self.unread_bytes_max:
            self.abort()

    def abort(self) -> None:
        """Close the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    @abstractmethod
    def on_frame(self, payload: bytes) -> None:
        """A whole frame came. May raise `ProtocolError`."""

    @abstractmethod
    def on_misbehaviour(self, reason: str) -> None:
        """What came was no frame, or one that it mustn't be: the connection is being dropped."""

    def _take_frames(self) -> None:
        start = 0
        while len(self._buffer) - start >= _LENGTH_BYTES:
            length = _length(self._buffer[start : start + _LENGTH_BYTES])
            if length > FRAME_BYTES_MAX:
                raise ProtocolError(f"a frame of {length} bytes is too long")
            end = start + _LENGTH_BYTES + length
            if len(self._buffer) < end:
                break
            payload = bytes(memoryview(self._buffer)[start + _LENGTH_BYTES : end])
            start = end
            self._stop_deadline()
            self.on_frame(payload)
        del self._buffer[:start]
        if self._buffer and self._deadline is None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(FRAME_TIMEOUT_S, self.abort)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
