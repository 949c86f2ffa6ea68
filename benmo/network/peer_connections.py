"""The two kinds of connection between nodes: those that a node accepts, and those that it dials.

A node reads on connections that it accepted, and writes on those that it dialled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from benmo.errors import ProtocolError
from benmo.network.certificates import NodeIdentity
from benmo.network.frames import FrameReader
from benmo.network.wire import decode_message
from benmo.notices import ConnectionDropped, Notice
from benmo.paxos.messages import Message
from benmo.paxos.types import MemberId, NodeId

FULL_BYTES = 256 << 10
"""While more bytes wait for a peer to read them, no blocks are read for it."""
_FLOOD_PAUSE_S = 0.005
"""How long a peer has to wait that sends more messages than are taken at once."""


class ConnectionOwner(Protocol):
    """Accepts connections: decides who speaks on each, and takes what peers say."""

    on_message: Callable[[NodeId, Message, MemberId], None]
    may_take: Callable[[], bool]
    on_notice: Callable[[Notice], None]

    def admit(self, accepted: AcceptedConnection) -> NodeIdentity | None:
        """The peer that speaks on a new connection; None if no peer does, or none that is heard.

        Raises `ProtocolError` if it must be dropped and that reported.
        """

    def accepted_lost(self, accepted: AcceptedConnection) -> None: ...


class AcceptedConnection(FrameReader):
    """A connection that this node accepted: from a peer, or from a commander of this node."""

    def __init__(self, owner: ConnectionOwner) -> None:
        super().__init__()
        self._owner = owner
        self.peer: NodeIdentity | None = None
        self.commander: FrameReader | None = None
        """The protocol that takes what arrives, if the connection may command this node."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        try:
            self.peer = self._owner.admit(self)
        except ProtocolError as error:
            self.abort()
            self._owner.on_notice(ConnectionDropped(None, str(error)))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._owner.accepted_lost(self)
        if self.commander is not None:
            self.commander.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.commander is not None:
            self.commander.data_received(data)
        else:
            super().data_received(data)

    def may_take(self) -> bool:
        return self._owner.may_take()

    def take_more_soon(self) -> None:
        asyncio.get_running_loop().call_later(_FLOOD_PAUSE_S, self.take_more)

    def pause_writing(self) -> None:
        if self.commander is not None:
            self.commander.pause_writing()

    def resume_writing(self) -> None:
        if self.commander is not None:
            self.commander.resume_writing()

    def on_frame(self, payload: bytes) -> None:
        peer = self.peer
        if peer is not None and self.transport is not None:
            self._owner.on_message(peer.node, decode_message(payload), peer.member)

    def on_misbehaviour(self, reason: str) -> None:
        node = None if self.peer is None else self.peer.node
        self._owner.on_notice(ConnectionDropped(node, reason))


class DialledConnection(asyncio.Protocol):
    """A connection that this node dialled, and only writes on.

    `on_read` is called each time that the peer has read what made the connection full.
    """

    def __init__(self, on_read: Callable[[], None]) -> None:
        self.transport: asyncio.Transport | None = None
        self.member: MemberId | None = None
        """The member that answered, once its certificate is known."""
        self.is_full = False
        self._on_read = on_read
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=FULL_BYTES)

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        self._on_read()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if not self.closed.done():
            self.closed.set_result(exc)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()
