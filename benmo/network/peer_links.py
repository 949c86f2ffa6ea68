"""A node's sockets: TLS, frames, and links to peers, which can be severed.

Each node dials every peer. It writes on the connections that it dialled, and reads on those that it
accepted; the link to a peer is up while both connections are. A connection under this node's own
certificate, or a client's, commands the node: the protocol that `control` makes takes what arrives
there, so none of that is ever decoded as a peer's message. All of it runs in one asyncio loop.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import cast

from benmo.cluster import Cluster, NodeAddress
from benmo.errors import ProtocolError
from benmo.network.certificates import (
    ClientIdentity,
    NodeIdentity,
    client_context,
    peer_identity,
    server_context,
    tls_trouble,
)
from benmo.network.frames import FrameReader, frame
from benmo.network.link import HANDSHAKE_TIMEOUT_S, Link
from benmo.network.listener import Listener, listen
from benmo.network.rights import Right
from benmo.network.wire import decode_message, encode_message
from benmo.notices import ConnectionDropped, Notice, PeerNotDialled, SlowPeerDropped
from benmo.paxos.messages import Message
from benmo.paxos.types import NodeId

SEND_BYTES_MAX = 24 << 20
"""How many bytes may wait for a peer to read them, before the connection to it is dropped."""
_FULL_BYTES = 256 << 10
"""While more bytes wait for a peer to read them, no blocks are read for it."""
_FLOOD_PAUSE_S = 0.005
"""How long a peer has to wait that sends more messages than are taken at once."""
_DIAL_PAUSE_MIN_S = 0.05
_DIAL_PAUSE_MAX_S = 1.0


class _AcceptedConnection(FrameReader):
    """A connection that this node accepted: from a peer, or from a commander of this node."""

    def __init__(self, owner: PeerLinks) -> None:
        super().__init__()
        self._owner = owner
        self.peer: NodeId | None = None
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
        if self.peer is not None and self.transport is not None:
            self._owner.on_message(self.peer, decode_message(payload))

    def on_misbehaviour(self, reason: str) -> None:
        self._owner.on_notice(ConnectionDropped(self.peer, reason))


class _DialledConnection(asyncio.Protocol):
    """A connection that this node dialled, and only writes on.

    `on_read` is called each time that the peer has read what made the connection full.
    """

    def __init__(self, on_read: Callable[[], None]) -> None:
        self.transport: asyncio.Transport | None = None
        self.is_full = False
        self._on_read = on_read
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=_FULL_BYTES)

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


class _PeerLink:
    """Both directions of one link, and how the user has severed or delayed them."""

    def __init__(self, address: NodeAddress) -> None:
        self.address = address
        self.outgoing: _DialledConnection | None = None
        self.incoming: _AcceptedConnection | None = None
        self.sends = True
        self.takes = True
        self.delay_s = 0.0
        self.delayed_bytes = 0
        self.was_up = False
        self.trouble = ""
        self.wake = asyncio.Event()

    @property
    def link(self) -> Link:
        if not (self.sends and self.takes):
            return Link.SEVERED
        is_up = self.outgoing is not None and self.incoming is not None
        return Link.UP if is_up else Link.DOWN


class PeerLinks:
    """The sockets of one node. The callbacks run in the loop's thread and must not block.

    on_message  takes a peer, and a message from it
    may_take    says whether messages may be taken now; if not, `take_more` is called later
    on_link     takes a peer, and whether the link to it is up now
    on_notice   takes what is to be reported to people
    on_read     is called once a peer has read most of what waited for it
    control     makes the protocol for a connection that commands this node, with this right

    Raises `StateError` if a file in `tls` is missing or damaged.
    """

    def __init__(
        self,
        cluster: Cluster,
        own: NodeIdentity,
        tls: Path,
        on_message: Callable[[NodeId, Message], None],
        may_take: Callable[[], bool],
        on_link: Callable[[NodeId, bool], None],
        on_notice: Callable[[Notice], None],
        on_read: Callable[[], None],
        control: Callable[[Right], FrameReader],
    ) -> None:
        self.on_message = on_message
        self.may_take = may_take
        self.on_notice = on_notice
        self._on_link = on_link
        self._on_read = on_read
        self._control = control
        self._cluster = cluster
        self._own = own
        self._server_context = server_context(tls)
        self._client_context = client_context(tls)
        self._listener: Listener | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._accepted: set[_AcceptedConnection] = set()
        self._encoded: tuple[Message | None, bytes] = (None, b"")
        self._peers = {
            address.node: _PeerLink(address)
            for address in cluster.addresses
            if address.node != own.node
        }

    async def start(self) -> None:
        """Listen, and begin to dial. Raises `OSError` if the node's address can't be used.

        No handshake begins before the caller awaits something.
        """
        loop = asyncio.get_running_loop()
        address = self._cluster.address(self._own.node)
        self._listener = await listen(
            address.host, address.port, self._server_context, lambda: _AcceptedConnection(self)
        )
        self._tasks = [loop.create_task(self._dial(node)) for node in self._peers]

    def give_up(self) -> None:
        """Begin no handshake any more; called right after `start`, it never begins one."""
        for task in self._tasks:
            task.cancel()
        if self._listener is not None:
            self._listener.give_up()

    def abort(self) -> None:
        """Drop every connection at once, with all bytes that have not left yet."""
        for peer in self._peers.values():
            if peer.outgoing is not None:
                peer.outgoing.abort()
        for accepted in list(self._accepted):
            accepted.abort()

    async def close(self) -> None:
        """Stop dialling and listening, and close all connections; bytes to peers still leave."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._listener is not None:
            await self._listener.close()
        for peer in self._peers.values():
            if peer.outgoing is not None and peer.outgoing.transport is not None:
                peer.outgoing.transport.close()
        for accepted in list(self._accepted):
            accepted.abort()

    def take_more(self) -> None:
        """Take the messages of peers that have waited."""
        for peer in self._peers.values():
            if peer.incoming is not None and peer.incoming.is_held:
                peer.incoming.take_more()

    def send(self, to: NodeId, message: Message) -> None:
        """Send a message to a peer; if the link is down or severed, the message is lost.

        A message that is sent to several peers in a row is encoded once.
        """
        peer = self._peers[to]
        if peer.outgoing is None or peer.outgoing.transport is None or not peer.sends:
            return
        if self._encoded[0] is not message:
            self._encoded = (message, frame(encode_message(message)))
        if not peer.delay_s:
            self._write(to, peer.outgoing, self._encoded[1])
        elif peer.delayed_bytes <= SEND_BYTES_MAX:
            peer.delayed_bytes += len(self._encoded[1])
            loop = asyncio.get_running_loop()
            loop.call_later(peer.delay_s, self._write_late, to, peer.outgoing, self._encoded[1])

    def is_full(self, to: NodeId) -> bool:
        """Whether blocks for a peer had better wait: it can't be sent any, or has many to read."""
        peer = self._peers[to]
        if peer.outgoing is None or not peer.sends:
            return True
        return peer.outgoing.is_full or peer.delayed_bytes > _FULL_BYTES

    def _write_late(self, to: NodeId, outgoing: _DialledConnection, data: bytes) -> None:
        self._peers[to].delayed_bytes -= len(data)
        self._write(to, outgoing, data)

    def _write(self, to: NodeId, outgoing: _DialledConnection, data: bytes) -> None:
        """Write to a connection, if it is still there."""
        transport = outgoing.transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        if transport.get_write_buffer_size() > SEND_BYTES_MAX:
            self.on_notice(SlowPeerDropped(to))
            transport.abort()

    # Links.

    def link(self, peer: NodeId) -> Link:
        return self._peers[peer].link

    def is_one_way(self, node: NodeId) -> bool:
        """Whether this node sends nothing to the peer, but takes what the peer sends."""
        return self._peers[node].takes and not self._peers[node].sends

    def delay_s(self, node: NodeId) -> float:
        """How much later than usual messages to the peer leave, in seconds."""
        return self._peers[node].delay_s

    def trouble(self, node: NodeId) -> str:
        """Why TLS with what answers at the peer's address fails; empty if it doesn't."""
        return self._peers[node].trouble

    def delay(self, node: NodeId, delay_s: float) -> None:
        """Send each message to the peer `delay_s` seconds late from now on; 0 for at once."""
        self._peers[node].delay_s = delay_s

    def sever(self, node: NodeId, one_way: bool) -> None:
        """Send nothing to the peer and, unless `one_way`, take nothing from it."""
        peer = self._peers[node]
        peer.sends = False
        peer.takes = one_way
        if peer.outgoing is not None:
            peer.outgoing.abort()
        if peer.incoming is not None and not one_way:
            peer.incoming.abort()
        self._link_may_have_changed(node)

    def restore(self, node: NodeId) -> None:
        """Send to the peer and take from it again: undo `sever`."""
        peer = self._peers[node]
        peer.sends = peer.takes = True
        peer.wake.set()
        self._link_may_have_changed(node)

    def drop(self, node: NodeId, reason: str) -> None:
        """Close the connection on which a peer writes that misbehaved, and report that."""
        self.on_notice(ConnectionDropped(node, reason))
        incoming = self._peers[node].incoming
        if incoming is not None:
            incoming.abort()

    def _link_may_have_changed(self, node: NodeId) -> None:
        peer = self._peers[node]
        is_up = peer.link is Link.UP
        if is_up != peer.was_up:
            peer.was_up = is_up
            self._on_link(node, is_up)

    # Connections that were accepted.

    def admit(self, accepted: _AcceptedConnection) -> NodeId | None:
        """Find out which peer a new connection comes from, and take it as that peer's.

        None for a commander, whose bytes another protocol takes from now on, and for a peer whose
        link is severed, which is dropped. Raises `ProtocolError` if the certificate names neither.
        """
        transport = accepted.transport
        assert transport is not None
        identity = peer_identity(transport.get_extra_info("peercert"))
        if identity.cluster != self._cluster.cluster:
            raise ProtocolError(f"its certificate is of cluster {identity.cluster[:8]}")
        self._accepted.add(accepted)
        if isinstance(identity, ClientIdentity):
            self._take_commander(accepted, identity.right_at(self._own.node))
            return None
        if identity == self._own:
            self._take_commander(accepted, Right.COMMAND)
            return None
        peer = self._peers.get(identity.node)
        if peer is None or identity.member != self._cluster.founder(identity.node):
            raise ProtocolError(f"node {identity.node} has no member {identity.member[:8]}")
        if not peer.takes:
            accepted.abort()
            return None
        if peer.incoming is not None:
            old, peer.incoming = peer.incoming, None
            old.abort()
            if peer.outgoing is not None:
                peer.outgoing.abort()  # the peer began anew: this leads to its old process
            self._link_may_have_changed(identity.node)
        peer.incoming = accepted
        peer.wake.set()
        self._link_may_have_changed(identity.node)
        return identity.node

    def _take_commander(self, accepted: _AcceptedConnection, right: Right) -> None:
        assert accepted.transport is not None
        accepted.commander = self._control(right)
        accepted.commander.connection_made(accepted.transport)

    def accepted_lost(self, accepted: _AcceptedConnection) -> None:
        self._accepted.discard(accepted)
        peer = self._peers.get(accepted.peer or 0)
        if peer is not None and peer.incoming is accepted:
            peer.incoming = None
            self._link_may_have_changed(peer.address.node)

    # Connections that are dialled.

    async def _dial(self, node: NodeId) -> None:
        peer = self._peers[node]
        loop = asyncio.get_running_loop()
        pause_s = _DIAL_PAUSE_MIN_S
        while True:
            peer.wake.clear()
            began = loop.time()
            if peer.sends:
                await self._connect(peer)
            if loop.time() - began > _DIAL_PAUSE_MAX_S:
                pause_s = _DIAL_PAUSE_MIN_S
            try:
                async with asyncio.timeout(pause_s * random.uniform(0.5, 1.0)):
                    await peer.wake.wait()
            except TimeoutError:
                pause_s = min(2 * pause_s, _DIAL_PAUSE_MAX_S)

    async def _connect(self, peer: _PeerLink) -> None:
        """Dial a peer once and, if that works, wait until the connection is lost."""
        node, address = peer.address.node, peer.address
        loop = asyncio.get_running_loop()
        dialled: _DialledConnection | None = None
        try:
            async with asyncio.timeout(2 * HANDSHAKE_TIMEOUT_S):
                transport, dialled = await loop.create_connection(
                    lambda: _DialledConnection(self._on_read),
                    address.host,
                    address.port,
                    ssl=self._client_context,
                    server_hostname="",
                    ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S,
                )
            identity = peer_identity(transport.get_extra_info("peercert"))
            member = self._cluster.founder(node)
            if identity != NodeIdentity(self._cluster.cluster, node, member):
                raise ProtocolError(f"{address} is not node {node}, but {identity}")
            if not peer.sends:
                return
            peer.outgoing = dialled
            self._link_may_have_changed(node)
            lost = await dialled.closed
            self._note_trouble(peer, tls_trouble(address, lost))
        except (OSError, TimeoutError, UnicodeError) as error:
            self._note_trouble(peer, tls_trouble(address, error))
        except ProtocolError as error:
            self._note_trouble(peer, str(error))
        finally:
            if dialled is not None:
                dialled.abort()
            peer.outgoing = None
            self._link_may_have_changed(node)

    def _note_trouble(self, peer: _PeerLink, trouble: str) -> None:
        """Report why a peer can't be dialled, once: it is dialled again and again."""
        if trouble and trouble != peer.trouble:
            self.on_notice(PeerNotDialled(peer.address.node, trouble))
        peer.trouble = trouble
