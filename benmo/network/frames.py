"""Frames: a length (4 bytes, big-endian), and that many bytes of msgpack."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import cast

from benmo.errors import ProtocolError

FRAME_BYTES_MAX = 16 << 20
FRAME_TIMEOUT_S = 30.0
"""How long a frame may take to arrive, from its first byte to its last."""
_LENGTH_BYTES = 4


def frame(payload: bytes) -> bytes:
    """Put the length before a payload. Raises `ValueError` above `FRAME_BYTES_MAX` bytes."""
    if len(payload) > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {len(payload)} bytes is too long")
    return len(payload).to_bytes(_LENGTH_BYTES, "big") + payload


def _length(data: bytes | bytearray) -> int:
    """The length that a frame's first 4 bytes give; meaningless if there are fewer bytes."""
    return int.from_bytes(data[:_LENGTH_BYTES], "big")


class FrameReader(asyncio.Protocol, ABC):
    """Cuts the bytes of a connection into frames, and drops the connection if they are none.

    Subclasses say what a frame means, in `on_frame`. If `unread_bytes_max` is a number, the
    connection is dropped, too, once more bytes than that wait for the other end to read them.
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
            if is_one and not self._buffer:  # the most frequent case
                self.on_frame(data[_LENGTH_BYTES:])
            else:
                self._buffer += data
                self._take_frames()
        except ProtocolError as error:
            self.abort()
            self.on_misbehaviour(str(error))

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
        waiting = self.transport.get_write_buffer_size()
        if self.unread_bytes_max is not None and waiting > self.unread_bytes_max:
            self.abort()

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
