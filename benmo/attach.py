"""The other end of `benmo.control`: a running node's commands in another process."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import msgspec

from benmo.certificates import client_context, peer_identity
from benmo.cluster import StateDirectory
from benmo.codec import pack, unpack
from benmo.commands import is_crash, patience_s
from benmo.errors import ProtocolError, StateError
from benmo.frames import FrameReader, frame
from benmo.listener import HANDSHAKE_TIMEOUT_S
from benmo.output import Rendered, Status
from benmo.paxos import NodeId, Notice, NoticeKind
from benmo.shell import NodeGone
from benmo.toolbar import Toolbar


class AttachedNode:
    """A connection to a running node. Raises `StateError` if it can't be reached."""

    def __init__(self, state: StateDirectory, node: NodeId) -> None:
        self._cluster = state.load_node(node)
        self._node = node
        self._option = "" if state.path == Path("state") else f" --state-dir {state.path}"
        self.toolbar: Toolbar | None = None
        self._context = client_context(state.tls(node))
        self._numbers = itertools.count(1)
        self._answers: dict[int, Future[Rendered]] = {}
        self._watcher: Callable[[Notice], None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="attach", daemon=True)
        self._thread.start()
        try:
            self._client = asyncio.run_coroutine_threadsafe(self._connect(), self._loop).result()
        except BaseException:
            self._end()
            raise

    @property
    def node(self) -> NodeId:
        return self._node

    def run(self, line: str, output_format: str) -> Rendered:
        number = next(self._numbers)
        future: Future[Rendered] = Future()
        self._loop.call_soon_threadsafe(self._ask, number, future, line, output_format)
        try:
            return future.result(timeout=patience_s(line))
        except TimeoutError:
            raise NodeGone(f"node {self._node} does not answer") from None
        except NodeGone:
            if is_crash(line):
                return Rendered(Status.DONE, f"node {self._node} crashed", leaves=True)
            raise

    def watch(self, watcher: Callable[[Notice], None]) -> None:
        self._watcher = watcher
        self._loop.call_soon_threadsafe(self._client.send, ("watch",))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._client.abort)
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    # In the loop's thread.

    def _run(self) -> None:
        self._loop.run_forever()
        for _ in range(3):  # what was aborted takes a few passes of the loop to be closed
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def on_frame(self, payload: bytes) -> None:
        match unpack(payload):
            case ["answer", int(number), int(status), str(output), bool(leaves)]:
                future = self._answers.pop(number)
                future.set_result(Rendered(Status(status), output, leaves))
            case ["notice", str(kind), str(text)]:
                if self._watcher is not None:
                    self._watcher(Notice(NoticeKind(kind), text))
            case ["toolbar", fields]:
                self.toolbar = msgspec.convert(fields, Toolbar)
            case _:
                raise ProtocolError("that is no answer")

    def on_lost(self) -> None:
        answers, self._answers = self._answers, {}
        for future in answers.values():
            future.set_exception(NodeGone(f"node {self._node} is gone: it did not answer"))

    def _ask(self, number: int, future: Future[Rendered], line: str, output_format: str) -> None:
        self._answers[number] = future
        if self._client.transport is None:
            self.on_lost()
        else:
            self._client.send(("run", number, line, output_format))

    async def _connect(self) -> _Client:
        address = self._cluster.address(self._node)
        try:
            async with asyncio.timeout(2 * HANDSHAKE_TIMEOUT_S):
                transport, client = await self._loop.create_connection(
                    lambda: _Client(self),
                    address.host,
                    address.port,
                    ssl=self._context,
                    server_hostname="",
                )
        except ConnectionRefusedError as error:
            raise StateError(
                f"node {self._node} is not running at {address}: "
                f"start it with python -m benmo.node {self._node}{self._option}"
            ) from error
        except TimeoutError as error:
            raise StateError(f"node {self._node} at {address} does not answer") from error
        except OSError as error:
            raise StateError(
                f"what listens at {address} is not node {self._node} of this cluster: {error}"
            ) from error
        identity = peer_identity(transport.get_extra_info("peercert"))
        if (identity.cluster, identity.node) != (self._cluster.cluster, self._node):
            transport.abort()
            raise StateError(f"{address} is not node {self._node} of this cluster")
        return client


class _Client(FrameReader):
    """The socket's protocol."""

    def __init__(self, owner: AttachedNode) -> None:
        super().__init__()
        self._owner = owner

    def send(self, request: tuple[object, ...]) -> None:
        if self.transport is not None:
            with suppress(ConnectionError):
                self.transport.write(frame(pack(request)))

    def on_frame(self, payload: bytes) -> None:
        self._owner.on_frame(payload)

    def on_misbehaviour(self, reason: str) -> None:
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._owner.on_lost()
