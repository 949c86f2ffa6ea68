"""The part of a node's memory and time that its commanders may take, all of them together.

Memory is counted in bytes. Each connection has a share of what requests under way may take, so that
nobody's requests wait for room that another connection has. A request that finds no room waits with
the other end: its connection isn't read meanwhile. Frames and answers that are too long for a share
are let through one after another.

The loop's time is dealt out in passes: in each, the connections take some frames in turn until the
time is up. Between two passes, the node hears its peers and votes.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from benmo.errors import ProtocolError
from benmo.network.rights import Right

CONNECTIONS_MAX = {Right.READ: 128, Right.PAY: 192, Right.COMMAND: 256}
"""The limit of connections for one more of this right: readers leave room for payers, and payers
for the node's operator."""
REQUESTS_BYTES_MAX = 16 << 20
"""The limit of memory for the requests under way, all connections together."""
SHARE_BYTES_MIN = 128 << 10
FRAMES_BYTES_MAX = 4 << 20
"""The limit of bytes in long frames that are gathered or carried out at a time.

A frame that was gathered counts as what it is decoded into, if that is more.
"""
_FRAME_BYTES_MIN = FRAMES_BYTES_MAX // 8
"""A long frame being gathered counts as so many at least: it may be decoded into far more."""
ANSWERS_BYTES_MAX = 8 << 20
ANSWER_BYTES_MIN, ANSWER_BYTES_MAX = 64 << 10, 1 << 20
"""About how many bytes of blocks an answer holds: fewer, the more connections there are."""
_PASS_S = 0.01


class Connection(Protocol):
    """A connection that has frames to be taken."""

    def take_more(self) -> None: ...


class OneAtATime:
    """Lets tasks of the loop through one at a time, in the order in which they came.

    Use as `async with`. A task that is cancelled while it waits is passed over.
    """

    def __init__(self) -> None:
        self._free: asyncio.Queue[None] = asyncio.Queue(1)
        self._free.put_nowait(None)

    async def __aenter__(self) -> None:
        await self._free.get()

    async def __aexit__(self, *_: object) -> None:
        self._free.put_nowait(None)


class Commanders:
    """Shares out memory and time among the connections that command a node."""

    def __init__(self) -> None:
        self.share_bytes = REQUESTS_BYTES_MAX
        """The limit of memory for the requests of one connection."""
        self.answer_bytes = ANSWER_BYTES_MAX
        """About how many bytes of blocks an answer may hold."""
        self.long_answers = OneAtATime()
        """Makes answers that take long, or much memory."""
        self._connections: set[Connection] = set()
        self._ready: dict[Connection, None] = {}
        self._pass_ends_at = 0.0
        self._is_in_pass = False
        self._frames_bytes = 0
        self._gathering: dict[Connection, int] = {}
        self._waiting: dict[Connection, int] = {}

    def join(self, connection: Connection, held: Right) -> None:
        """Count a new connection. Raises `ProtocolError` if there are too many."""
        count = len(self._connections)
        if count >= CONNECTIONS_MAX[held]:
            raise ProtocolError(f"{count} connections command this node already")
        self._connections.add(connection)
        self._share_out()

    def leave(self, connection: Connection) -> None:
        """Forget a connection, and what it waits for."""
        self._connections.discard(connection)
        self._ready.pop(connection, None)
        self._waiting.pop(connection, None)
        self._frames_bytes -= self._gathering.pop(connection, 0)
        self._let_through()
        self._share_out()

    def _share_out(self) -> None:
        count = max(1, len(self._connections))
        self.share_bytes = max(SHARE_BYTES_MIN, REQUESTS_BYTES_MAX // count)
        share = ANSWERS_BYTES_MAX // count
        self.answer_bytes = min(max(ANSWER_BYTES_MIN, share), ANSWER_BYTES_MAX)

    # Long frames.

    def is_gathering(self, connection: Connection) -> bool:
        """Whether a long frame of this connection was let through, and isn't carried out yet."""
        return connection in self._gathering

    def may_gather(self, connection: Connection, frame_bytes: int) -> bool:
        """Let a long frame be gathered; if there is no room, `take_more` is called once it may."""
        if connection in self._gathering:
            return True
        self._waiting.setdefault(connection, max(frame_bytes, _FRAME_BYTES_MIN))
        self._let_through(connection)
        return connection in self._gathering

    def gathered(self, connection: Connection, request_bytes: int) -> int:
        """Hand over the room of a long frame that was gathered, and decoded; 0 for a short frame.

        `request_bytes` is what it was decoded into. Returns the room in bytes.
        """
        frame_bytes = self._gathering.pop(connection, 0)
        if not frame_bytes:
            return 0
        room_bytes = max(frame_bytes, request_bytes)
        self._frames_bytes += room_bytes - frame_bytes
        return room_bytes

    def free_frame(self, frame_bytes: int) -> None:
        """Free the room of a long frame, once its request was carried out."""
        if frame_bytes:
            self._frames_bytes -= frame_bytes
            self._let_through()

    def _let_through(self, asking: Connection | None = None) -> None:
        """Let those that have waited longest gather their frames; one alone may have any length.

        Each may take more when its turn comes, but for the one that is asking, which goes on.
        """
        through: list[Connection] = []
        for connection, frame_bytes in self._waiting.items():
            if self._frames_bytes and self._frames_bytes + frame_bytes > FRAMES_BYTES_MAX:
                break
            self._gathering[connection] = frame_bytes
            self._frames_bytes += frame_bytes
            through.append(connection)
        for connection in through:
            del self._waiting[connection]
            if connection is not asking:
                self.take_more_soon(connection)

    # Time.

    def has_time(self) -> bool:
        """Whether a frame may be taken in this pass."""
        if not self._is_in_pass:
            self._is_in_pass = True
            self._pass_ends_at = time.monotonic() + _PASS_S
            asyncio.get_running_loop().call_soon(self._next_pass)
        return time.monotonic() < self._pass_ends_at

    def spend(self, seconds: float) -> None:
        """Count the time that a frame will take after this pass."""
        self._pass_ends_at -= seconds

    def take_more_soon(self, connection: Connection) -> None:
        """Let a connection take frames when its turn comes."""
        self._ready[connection] = None
        self.has_time()

    def _next_pass(self) -> None:
        self._is_in_pass = False
        while self._ready and self.has_time():
            connection = next(iter(self._ready))
            del self._ready[connection]
            connection.take_more()
