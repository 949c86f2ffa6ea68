"""The two kinds of connection between nodes: those that a node accepts, and those that it dials.

A node reads on connections that it accepted, and writes on those that it dialled; but for one thing
that the node which is dialled may say (`benmo.network.retirement`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from benmo.cluster import NodeAddress
from benmo.errors import ProtocolError
from benmo.network.certificates import NodeIdentity
from benmo.network.frames import FrameReader
from benmo.network.listening import decode_listens
from benmo.network.retirement import RETIRED_BYTES_MAX, decode_retired, encode_retired
from benmo.network.wire import decode_message
from benmo.notices import ConnectionDropped, Notice
from benmo.paxos.messages import Message
from benmo.paxos.types import MemberId, NodeId

FULL_BYTES = 256 << 10
"""While more bytes wait for a peer to read them, no blocks are read for it."""
_TURNED_AWAY_S = 1.0
"""The time that a retired member has to close a connection itself."""
_FLOOD_PAUSE_S = 0.005
"""The wait of a peer that sends more messages than are taken at once."""


class LinkTape(Protocol):
    """Is told of the messages that leave and arrive: see `benmo.tape`.

    A message's `frame` is `dialler:port:number`, the same at both its ends: which node dialled the
    connection, from which port, and the how-manieth message on it this is.
    """

    def sent(self, to: NodeId, message: Message, frame: str, late_s: float) -> None:
        """A message leaves, `late_s` seconds later than it could have."""

    def dropped(self, to: NodeId, message: Message, why: str) -> None:
        """A message is lost: its link is down, or was severed."""

    def arrived(self, message: Message, frame: str) -> None:
        """A message came; the engine has yet to turn to it."""


class ConnectionOwner(Protocol):
    """Accepts connections: decides who speaks on each, and takes what peers say."""

    on_message: Callable[[NodeId, Message, MemberId], None]
    may_take: Callable[[], bool]
    on_notice: Callable[[Notice], None]
    tape: LinkTape | None

    def admit(self, accepted: AcceptedConnection) -> NodeIdentity | None:
        """The peer that speaks on a new connection; None if no peer does, or none that is heard.

        Raises `ProtocolError` if it must be dropped and that reported.
        """

    def accepted_lost(self, accepted: AcceptedConnection) -> None: ...

    def on_listens(self, address: NodeAddress) -> None:
        """Take where a peer says that it listens."""


class AcceptedConnection(FrameReader):
    """A connection that this node accepted: from a peer, or from a commander of this node."""

    def __init__(self, owner: ConnectionOwner) -> None:
        super().__init__()
        self._owner = owner
        self.peer: NodeIdentity | None = None
        self._is_first = True
        self.commander: FrameReader | None = None
        """The protocol that takes what arrives, if the connection may command this node."""
        self._messages = 0
        """The count of messages that have arrived."""

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
        if peer is None or self.transport is None:
            return
        if self._is_first:
            self._is_first = False
            address = decode_listens(peer.node, payload)
            if address is not None:
                self._owner.on_listens(address)
                return
        message = decode_message(payload)
        self._messages += 1
        tape = self._owner.tape
        if tape is not None:
            port = self.transport.get_extra_info("peername")[1]
            tape.arrived(message, f"{peer.node}:{port}:{self._messages}")
        self._owner.on_message(peer.node, message, peer.member)

    def turn_away(self, slot: int) -> None:
        """Tell the member at the other end that it was retired in this slot; hear it no more."""
        self.peer = None
        if self.transport is not None:
            self.transport.write(encode_retired(slot))
            # The member closes it once it has read that; what it says before must not reset it.
            asyncio.get_running_loop().call_later(_TURNED_AWAY_S, self.transport.close)

    def on_misbehaviour(self, reason: str) -> None:
        node = None if self.peer is None else self.peer.node
        self._owner.on_notice(ConnectionDropped(node, reason))


class DialledConnection(asyncio.Protocol):
    """A connection that this node dialled, and only writes on.

    on_read     is called each time that the peer has read what made the connection full
    on_retired  takes the slot in which this node's member was retired, as the peer says; raises
                `ProtocolError` if that isn't so
    """

    def __init__(self, on_read: Callable[[], None], on_retired: Callable[[int], None]) -> None:
        self.transport: asyncio.Transport | None = None
        self.member: MemberId | None = None
        """The member that answered, once its certificate has been read."""
        self.is_full = False
        self.messages = 0
        """The count of messages that have left."""
        self._on_read = on_read
        self._on_retired = on_retired
        self._said = b""
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=FULL_BYTES)

    def data_received(self, data: bytes) -> None:
        self._said += data
        if self.member is not None or len(self._said) > RETIRED_BYTES_MAX:
            self._hear()

    def is_of(self, member: MemberId) -> None:
        """Note which member has answered, and hear what it has said already."""
        self.member = member
        if self._said:
            self._hear()

    def _hear(self) -> None:
        try:
            slot = decode_retired(self._said)
            if slot is not None:
                self._on_retired(slot)
                self.abort()
        except ProtocolError as error:
            self._close(error)

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        self._on_read()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._close(exc)

    def _close(self, error: Exception | None) -> None:
        self.abort()
        if not self.closed.done():
            self.closed.set_result(error)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()
