"""The link to one other node: it dials the node, and keeps the connections in both directions."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from benmo.cluster import NodeAddress
from benmo.errors import ProtocolError
from benmo.network.certificates import is_node, peer_identity, tls_trouble
from benmo.network.link import HANDSHAKE_TIMEOUT_S, Link
from benmo.network.peer_connections import (
    FULL_BYTES,
    AcceptedConnection,
    DialledConnection,
    LinkTape,
)
from benmo.notices import Notice, PeerNotDialled, SlowPeerDropped, TwoProcessesSpeak
from benmo.paxos.messages import Message
from benmo.paxos.types import MemberId, NodeId

SEND_BYTES_MAX = 24 << 20
"""The limit of bytes that wait for a peer to read them, before the connection to it is dropped."""
_DIAL_PAUSE_MIN_S = 0.05
_DIAL_PAUSE_MAX_S = 1.0
_RIVALS = 5
"""After how many connections that each took the place of a live one two processes are at work."""
_RIVALS_WITHIN_S = 30.0
_REPORT_RIVALS_EVERY_S = 60.0


@dataclass(slots=True)
class Dialler:
    """The things that all links of a node have in common, and those whom they report to.

    on_link      takes a peer, and whether the link to it is up now
    on_notice    takes what is to be reported to people
    on_read      is called once a peer has read most of what waited for it
    on_retired   takes the slot in which this node's member was retired, and the peer that says so;
                 raises `ProtocolError` if that isn't so
    retired_in   the slot in which a member was retired; None if this node doesn't know that it was
    listens      the frame that says where this node listens
    """

    node: NodeId
    cluster: str
    context: ssl.SSLContext
    on_link: Callable[[NodeId, bool], None]
    on_notice: Callable[[Notice], None]
    on_read: Callable[[], None]
    on_retired: Callable[[int, NodeId], None]
    retired_in: Callable[[MemberId], int | None]
    listens: bytes
    tape: LinkTape | None = None
    """Records what leaves and what comes, while somebody wants that."""


class PeerLink:
    """Both directions of one link, and how the user has severed or delayed them."""

    def __init__(self, node: NodeId, dialler: Dialler) -> None:
        self.node = node
        self.sends = True
        self.takes = True
        self.delay_s = 0.0
        self.outgoing: DialledConnection | None = None
        """The connection to write on."""
        self._addresses: tuple[NodeAddress, ...] = ()
        """Addresses to dial in turn, until one of the node's members answers."""
        self._dialled: NodeAddress | None = None
        """The address that is dialled now, or was last."""
        self._troubles: dict[NodeAddress, str] = {}
        self._dialler = dialler
        self._incoming: dict[MemberId, AcceptedConnection] = {}
        """By the members of the node that speak to this one: more than one while they change."""
        self._replaced_at: deque[float] = deque(maxlen=_RIVALS)
        self._report_rivals_at = -inf
        self._delayed_bytes = 0
        self._was_up = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def link(self) -> Link:
        if not (self.sends and self.takes):
            return Link.SEVERED
        is_up = self.outgoing is not None and bool(self._incoming)
        return Link.UP if is_up else Link.DOWN

    @property
    def trouble(self) -> str:
        """Say why TLS with what answers at the peer's address fails; empty if it doesn't."""
        return next(filter(None, self._troubles.values()), "")

    def dial_at(self, addresses: tuple[NodeAddress, ...]) -> None:
        """Dial the node at these addresses from now on, and at the first of them as soon as may be.

        A connection to the first one stays.
        """
        if addresses == self._addresses:
            return
        self._addresses, self._troubles = addresses, {}
        if self._task is not None and self._dialled not in addresses[:1]:
            self._task.cancel()
            self.begin()

    def begin(self) -> None:
        """Begin to dial."""
        self._task = asyncio.get_running_loop().create_task(self._dial())

    def give_up(self) -> asyncio.Task[None] | None:
        """Dial no more; the task that still ends, if there is one."""
        if self._task is not None:
            self._task.cancel()
        return self._task

    def abort(self) -> None:
        """Drop the connections in both directions, with all bytes that have not left yet."""
        self.abort_outgoing()
        self.abort_incoming()

    def abort_outgoing(self) -> None:
        if self.outgoing is not None:
            self.outgoing.abort()

    def abort_incoming(self) -> None:
        for accepted in list(self._incoming.values()):
            accepted.abort()

    # What leaves.

    def send_late(self, outgoing: DialledConnection, message: Message, data: bytes) -> None:
        """Send a frame as much later as the link is delayed, if not too much waits already."""
        if self._delayed_bytes <= SEND_BYTES_MAX:
            self._delayed_bytes += len(data)
            loop = asyncio.get_running_loop()
            late_s = self.delay_s
            loop.call_later(late_s, self._write_late, outgoing, message, data, late_s)
        elif self._dialler.tape is not None:
            self._dialler.tape.dropped(self.node, message, "too much waits")

    @property
    def is_full(self) -> bool:
        """Whether blocks had better wait: the peer can't be sent any, or has many to read."""
        if self.outgoing is None or not self.sends:
            return True
        return self.outgoing.is_full or self._delayed_bytes > FULL_BYTES

    def _write_late(
        self, outgoing: DialledConnection, message: Message, data: bytes, late_s: float
    ) -> None:
        self._delayed_bytes -= len(data)
        self.write(outgoing, message, data, late_s)

    def write(
        self, outgoing: DialledConnection, message: Message, data: bytes, late_s: float = 0.0
    ) -> None:
        """Write a message's frame to a connection, if it is still there."""
        transport, tape = outgoing.transport, self._dialler.tape
        if transport is None or transport.is_closing():
            if tape is not None:
                tape.dropped(self.node, message, "down")
            return
        outgoing.messages += 1
        if tape is not None:  # before the write: it must not be recorded after it has arrived
            port = transport.get_extra_info("sockname")[1]
            frame = f"{self._dialler.node}:{port}:{outgoing.messages}"
            tape.sent(self.node, message, frame, late_s)
        transport.write(data)
        if transport.get_write_buffer_size() > SEND_BYTES_MAX:
            self._dialler.on_notice(SlowPeerDropped(self.node))
            transport.abort()

    def close_outgoing(self) -> None:
        """Close the connection to the peer once all bytes have left."""
        if self.outgoing is not None and self.outgoing.transport is not None:
            self.outgoing.transport.close()

    # What comes.

    def take(self, accepted: AcceptedConnection, member: MemberId) -> None:
        """Hear a member of the node on a new connection, in the place of the member's old one."""
        old = self._incoming.pop(member, None)
        if old is not None:
            old.abort()
            if self.outgoing is not None and self.outgoing.member == member:
                self.outgoing.abort()  # the peer began anew: this leads to its old process
            self._note_rivals(member)
            self._may_have_changed()
        self._incoming[member] = accepted
        self._wake.set()
        self._may_have_changed()

    def turn_retired_away(self) -> list[MemberId]:
        """Speak and listen no more to members that are retired by now, whom the link returns."""
        retired = [each for each in self._incoming if self._dialler.retired_in(each) is not None]
        for member in retired:
            slot = self._dialler.retired_in(member)
            assert slot is not None
            self._incoming.pop(member).turn_away(slot)
        outgoing = self.outgoing
        if outgoing is not None and self._dialler.retired_in(outgoing.member or "") is not None:
            outgoing.abort()
        self._may_have_changed()
        return retired

    def lost(self, accepted: AcceptedConnection, member: MemberId) -> None:
        """Note that a connection on which a member was heard is closed."""
        if self._incoming.get(member) is accepted:
            del self._incoming[member]
            self._may_have_changed()

    def take_more(self) -> None:
        """Take the messages that have waited."""
        for accepted in list(self._incoming.values()):
            if accepted.is_held:
                accepted.take_more()

    def _note_rivals(self, member: MemberId) -> None:
        """Report that two processes speak as one member, if that has shown.

        A process dials anew only once its connection is lost, which this node learns first, unless
        the other machine lost power. That doesn't happen again and again within seconds. Two
        processes do that, for each takes the other's place.
        """
        now, times = asyncio.get_running_loop().time(), self._replaced_at
        times.append(now)
        if now < self._report_rivals_at or len(times) < _RIVALS:
            return
        if now - times[0] < _RIVALS_WITHIN_S:
            self._report_rivals_at = now + _REPORT_RIVALS_EVERY_S
            self._dialler.on_notice(TwoProcessesSpeak(self.node, member))

    # Severing.

    def sever(self, one_way: bool) -> None:
        """Send nothing to the peer and, unless `one_way`, take nothing from it."""
        self.sends = False
        self.takes = one_way
        self.abort_outgoing()
        if not one_way:
            self.abort_incoming()
        self._may_have_changed()

    def restore(self) -> None:
        """Send to the peer and take from it again: undo `sever`."""
        self.sends = self.takes = True
        self._wake.set()
        self._may_have_changed()

    def _may_have_changed(self) -> None:
        is_up = self.link is Link.UP
        if is_up != self._was_up:
            self._was_up = is_up
            self._dialler.on_link(self.node, is_up)

    # Dialling.

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s, turn = _DIAL_PAUSE_MIN_S, 0
        while True:
            self._wake.clear()
            began = loop.time()
            if self.sends and self._addresses:
                self._dialled = self._addresses[turn % len(self._addresses)]
                if not await self._connect(self._dialled):
                    turn += 1
            if loop.time() - began > _DIAL_PAUSE_MAX_S:
                pause_s = _DIAL_PAUSE_MIN_S
            try:
                async with asyncio.timeout(pause_s * random.uniform(0.5, 1.0)):
                    await self._wake.wait()
            except TimeoutError:
                pause_s = min(2 * pause_s, _DIAL_PAUSE_MAX_S)

    async def _connect(self, address: NodeAddress) -> bool:
        """Dial the peer once; if that works, wait until the connection is lost, and return True."""
        dialled: DialledConnection | None = None
        has_worked = False
        try:
            async with asyncio.timeout(2 * HANDSHAKE_TIMEOUT_S):
                transport, dialled = await asyncio.get_running_loop().create_connection(
                    lambda: DialledConnection(self._dialler.on_read, self._on_retired),
                    address.host,
                    address.port,
                    ssl=self._dialler.context,
                    server_hostname="",
                    ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S,
                )
            dialled.is_of(self._member_at(address, transport))
            if not self.sends:
                return True
            transport.write(self._dialler.listens)
            has_worked, self.outgoing = True, dialled
            self._may_have_changed()
            lost = await dialled.closed
            if isinstance(lost, ProtocolError):
                raise lost
            self._note_trouble(address, tls_trouble(address, lost))
        except (OSError, TimeoutError, UnicodeError) as error:
            self._note_trouble(address, tls_trouble(address, error))
        except ProtocolError as error:
            self._note_trouble(address, str(error))
        finally:
            if dialled is not None:
                dialled.abort()
            if self.outgoing is dialled:
                self.outgoing = None
            self._may_have_changed()
        return has_worked

    def _member_at(self, address: NodeAddress, transport: asyncio.Transport) -> MemberId:
        """The member that answers at an address.

        Raises `ProtocolError` if another node does, or a member that is retired.
        """
        identity = peer_identity(transport.get_extra_info("peercert"))
        if not is_node(identity, self._dialler.cluster, self.node):
            raise ProtocolError(f"{address} is not node {self.node}, but {identity}")
        slot = self._dialler.retired_in(identity.member)
        if slot is not None:
            whose = f"node {self.node}'s member {identity.member[:8]}"
            raise ProtocolError(f"what answers at {address} is {whose}, retired in slot {slot}")
        return identity.member

    def _on_retired(self, slot: int) -> None:
        self._dialler.on_retired(slot, self.node)

    def _note_trouble(self, address: NodeAddress, trouble: str) -> None:
        """Report why the peer can't be dialled, once: it is dialled again and again."""
        if trouble and trouble != self._troubles.get(address):
            self._dialler.on_notice(PeerNotDialled(self.node, trouble))
        self._troubles[address] = trouble
