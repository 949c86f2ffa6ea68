"""Commanding a running node over its port: what `benmo attach` speaks.

Frames of msgpack, as between nodes; the connection is under the node's own certificate.

    attach                                        node
      |  ["run", number, line, format]             |
      |------------------------------------------->|
      |        ["answer", number, status, output, leaves]
      |<-------------------------------------------|
      |  ["watch"]                                 |
      |------------------------------------------->|
      |        ["notice", kind, text]   as they come
      |        ["toolbar", fields]      four times a second
      |<-------------------------------------------|
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict

from benmo.codec import pack, unpack
from benmo.commands import execute
from benmo.errors import ProtocolError
from benmo.frames import FRAME_BYTES_MAX, FrameReader, frame
from benmo.output import Status
from benmo.paxos import Notice
from benmo.service import Service

_TOOLBAR_EVERY_S = 0.25
_BACKLOG_BYTES_MAX = 4 << 20


class ControlServer(FrameReader):
    """The node's end of one such connection."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop_watching: Callable[[], None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._stop_watching is not None:
            self._stop_watching()
        for task in self._tasks:
            task.cancel()

    def on_misbehaviour(self, reason: str) -> None:
        self.abort()

    def on_frame(self, payload: bytes) -> None:
        match unpack(payload):
            case ["run", int(number), str(line), str(output_format)]:
                self._start(self._run(number, line, output_format))
            case ["watch"] if self._stop_watching is None:
                self._stop_watching = self._service.watch(self._on_notice)
                self._start(self._show_toolbar())
            case _:
                raise ProtocolError("that is no request")

    def _start(self, coroutine: object) -> None:
        assert asyncio.iscoroutine(coroutine)
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, number: int, line: str, output_format: str) -> None:
        answer = await execute(self._service, line, output_format)
        payload = pack(["answer", number, answer.status, answer.output, answer.leaves])
        if len(payload) > FRAME_BYTES_MAX:
            refused = (Status.REFUSED, "that is too much for one answer", False)
            payload = pack(["answer", number, *refused])
        self._write(payload)

    async def _show_toolbar(self) -> None:
        while True:
            if self._service.toolbar is not None:
                self._write(pack(["toolbar", asdict(self._service.toolbar)]))
            await asyncio.sleep(_TOOLBAR_EVERY_S)

    def _on_notice(self, notice: Notice) -> None:
        """A reader that is too slow for the notices loses some, rather than the node its memory."""
        transport = self.transport
        if transport is not None and transport.get_write_buffer_size() < _BACKLOG_BYTES_MAX:
            self._write(pack(["notice", notice.kind, notice.text]))

    def _write(self, payload: bytes) -> None:
        if self.transport is not None:
            with suppress(ConnectionError):
                self.transport.write(frame(payload))
