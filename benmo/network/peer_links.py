"""A node's sockets: TLS, frames, and links to peers, which can be severed.

Each node dials every peer. It writes on the connections that it dialled, and reads on those that it
accepted; the link to a peer is up while both connections are. A connection under this node's own
certificate, or a client's, commands the node: the protocol that `control` makes takes what arrives
there, so none of that is ever decoded as a peer's message. All of it runs in one asyncio loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from benmo.cluster import Cluster, NodeAddress
from benmo.errors import ProtocolError
from benmo.network.certificates import (
    ClientIdentity,
    NodeIdentity,
    client_context,
    peer_identity,
    server_context,
)
from benmo.network.frames import FrameReader, frame
from benmo.network.link import Link
from benmo.network.listener import Listener, listen
from benmo.network.listening import encode_listens
from benmo.network.peer_connections import AcceptedConnection, LinkTape
from benmo.network.peer_link import Dialler, PeerLink
from benmo.network.rights import Right
from benmo.network.wire import encode_message
from benmo.notices import ConnectionDropped, Notice, RetiredTurnedAway
from benmo.paxos.membership import Membership
from benmo.paxos.messages import Message
from benmo.paxos.types import MemberId, NodeId


class PeerLinks:
    """The sockets of one node. The callbacks run in the loop's thread and must not block.

    Each node of the membership has a link, and so has each that `cluster.json` lists and of which
    the membership doesn't know; one that the chain has removed has none.

    on_message  takes a peer, a message from it, and the member that the peer's certificate names
    may_take    says whether messages may be taken now; if not, `take_more` is called later
    on_link     takes a peer, and whether the link to it is up now
    on_retired  takes the slot in which this node's member was retired, and the peer that says so;
                raises `ProtocolError` if that isn't so
    on_notice   takes what is to be reported to people
    on_read     is called once a peer has read most of what waited for it
    control     makes the protocol for a connection that commands this node, with this right

    Raises `StateError` if a file in `tls` is missing or damaged.
    """

    def __init__(
        self,
        cluster: Cluster,
        membership: Membership,
        own: NodeIdentity,
        tls: Path,
        on_message: Callable[[NodeId, Message, MemberId], None],
        may_take: Callable[[], bool],
        on_link: Callable[[NodeId, bool], None],
        on_retired: Callable[[int, NodeId], None],
        on_notice: Callable[[Notice], None],
        on_read: Callable[[], None],
        control: Callable[[Right], FrameReader],
    ) -> None:
        self.on_message = on_message
        self.may_take = may_take
        self.on_notice = on_notice
        self._control = control
        self._cluster = cluster
        self._membership = membership
        self._own = own
        self._server_context = server_context(tls)
        self._listener: Listener | None = None
        self._accepted: set[AcceptedConnection] = set()
        self._encoded: tuple[Message | None, bytes] = (None, b"")
        self._dialler = Dialler(
            own.node,
            cluster.cluster,
            client_context(tls),
            on_link,
            on_notice,
            on_read,
            on_retired,
            self._retired_in,
            encode_listens(cluster.address(own.node)),
        )
        self._listening: dict[NodeId, NodeAddress] = {}
        self._is_dialling = False
        self._turned_away: set[MemberId] = set()
        self._links: dict[NodeId, PeerLink] = {}
        self.follow(membership)

    @property
    def tape(self) -> LinkTape | None:
        """Records what leaves and what comes, while somebody wants that."""
        return self._dialler.tape

    @tape.setter
    def tape(self, tape: LinkTape | None) -> None:
        self._dialler.tape = tape

    async def start(self) -> None:
        """Listen, and begin to dial. Raises `OSError` if the node's address can't be used.

        No handshake begins before the caller awaits something.
        """
        address = self._cluster.address(self._own.node)
        self._listener = await listen(
            address.host, address.port, self._server_context, lambda: AcceptedConnection(self)
        )
        self._is_dialling = True
        for link in self._links.values():
            link.begin()

    def follow(self, membership: Membership) -> None:
        """Let the links lead to the members that vote now; called after each change of them.

        A node that was added is dialled, one that moved or has a new member is dialled at its new
        address, and the link to one that was removed is closed.
        """
        self._membership = membership
        gone = {member.node for member in membership.all} - set(membership.nodes)
        for node, link in self._links.items():
            for member in link.turn_retired_away():
                self._report_turned_away(node, member)
        for node in gone.intersection(self._links):
            link = self._links.pop(node)
            link.give_up()
            link.abort()
        for node in {*membership.nodes, *self._cluster.ids} - {*gone, self._own.node}:
            self._link_to(node).dial_at(self._addresses(node))

    def _addresses(self, node: NodeId) -> tuple[NodeAddress, ...]:
        """The addresses of a node: the chain's, former ones, `cluster.json`'s, and what it says."""
        voter = self._membership.voters.get(node)
        told: list[tuple[str, int]] = []
        if voter is not None and voter.host:
            told = [(voter.host, voter.port), *self._cluster.former_places(voter)]
        listed = [(each.host, each.port) for each in self._cluster.addresses if each.node == node]
        known = tuple(NodeAddress(node, *place) for place in dict.fromkeys(told + listed))
        said = self._listening.get(node)
        return known if said is None or said in known else (*known, said)

    def _link_to(self, node: NodeId) -> PeerLink:
        """The link to a node, which is made if there is none yet."""
        link = self._links.get(node)
        if link is None:
            link = self._links[node] = PeerLink(node, self._dialler)
            if self._is_dialling:
                link.begin()
        return link

    def give_up(self) -> None:
        """Begin no handshake any more; called right after `start`, it never begins one."""
        self._is_dialling = False
        for link in self._links.values():
            link.give_up()
        if self._listener is not None:
            self._listener.give_up()

    def abort(self) -> None:
        """Drop every connection at once, with all bytes that have not left yet."""
        for link in self._links.values():
            link.abort_outgoing()
        for accepted in list(self._accepted):
            accepted.abort()

    async def close(self) -> None:
        """Stop dialling and listening, and close all connections; bytes to peers still leave."""
        self._is_dialling = False
        tasks = [task for link in self._links.values() if (task := link.give_up()) is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._listener is not None:
            await self._listener.close()
        for link in self._links.values():
            link.close_outgoing()
        for accepted in list(self._accepted):
            accepted.abort()

    def take_more(self) -> None:
        """Take the messages of peers that have waited."""
        for link in self._links.values():
            link.take_more()

    def send(self, to: NodeId, message: Message) -> None:
        """Send a message to a peer; if the link is down or severed, the message is lost.

        A message that is sent to several peers in a row is encoded once.
        """
        link = self._links.get(to)
        outgoing = None if link is None else link.outgoing
        if link is None or outgoing is None or outgoing.transport is None or not link.sends:
            if self.tape is not None:
                is_cut = link is not None and not link.sends
                self.tape.dropped(to, message, "cut" if is_cut else "down")
            return
        if self._encoded[0] is not message:
            self._encoded = (message, frame(encode_message(message)))
        if link.delay_s:
            link.send_late(outgoing, message, self._encoded[1])
        else:
            link.write(outgoing, message, self._encoded[1])

    def is_full(self, to: NodeId) -> bool:
        """Whether blocks for a peer had better wait: it can't be sent any, or has many to read."""
        link = self._links.get(to)
        return link is None or link.is_full

    # Links.

    def link(self, peer: NodeId) -> Link:
        found = self._links.get(peer)
        return Link.DOWN if found is None else found.link

    def is_one_way(self, node: NodeId) -> bool:
        """Whether this node sends nothing to the peer, but takes what the peer sends."""
        link = self._links.get(node)
        return link is not None and link.takes and not link.sends

    def delay_s(self, node: NodeId) -> float:
        """Tell how much later than usual messages to the peer leave, in seconds."""
        link = self._links.get(node)
        return 0.0 if link is None else link.delay_s

    def trouble(self, node: NodeId) -> str:
        """Say why TLS with what answers at the peer's address fails; empty if it doesn't."""
        link = self._links.get(node)
        return "" if link is None else link.trouble

    def delay(self, node: NodeId, delay_s: float) -> None:
        """Send each message to the peer `delay_s` seconds late from now on; 0 for at once."""
        self._link_to(node).delay_s = delay_s

    def sever(self, node: NodeId, one_way: bool) -> None:
        """Send nothing to the peer and, unless `one_way`, take nothing from it."""
        self._link_to(node).sever(one_way)

    def restore(self, node: NodeId) -> None:
        """Send to the peer and take from it again: undo `sever`."""
        self._link_to(node).restore()

    def drop(self, node: NodeId, reason: str) -> None:
        """Close the connection on which a peer writes that misbehaved, and report that."""
        self.on_notice(ConnectionDropped(node, reason))
        self._link_to(node).abort_incoming()

    # Connections that were accepted.

    def admit(self, accepted: AcceptedConnection) -> NodeIdentity | None:
        """Find out which peer a new connection comes from, and take it as that peer's.

        None for a commander, whose bytes another protocol takes from now on, for a peer whose link
        is severed, which is dropped, and for a member that is retired, which is told so. A member
        of which this node doesn't know is heard: the chain may be ahead of this node. Raises
        `ProtocolError` if the certificate is another cluster's, or another member's of this node.
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
        slot = self._retired_in(identity.member)
        if slot is not None:
            accepted.turn_away(slot)
            self._report_turned_away(identity.node, identity.member)
            return None
        if identity.node == self._own.node:
            raise ProtocolError(f"it is another member of this node, {identity.member[:8]}")
        link = self._link_to(identity.node)
        if not link.takes:
            accepted.abort()
            return None
        link.take(accepted, identity.member)
        return identity

    def _retired_in(self, member: MemberId) -> int | None:
        known = self._membership.find(member)
        return None if known is None else known.until

    def _report_turned_away(self, node: NodeId, member: MemberId) -> None:
        """Report once that a retired member speaks: it dials again and again until it is told."""
        slot = self._retired_in(member)
        if slot is not None and member not in self._turned_away:
            self._turned_away.add(member)
            self.on_notice(RetiredTurnedAway(node, member, slot))

    def _take_commander(self, accepted: AcceptedConnection, right: Right) -> None:
        assert accepted.transport is not None
        accepted.commander = self._control(right)
        accepted.commander.connection_made(accepted.transport)

    def on_listens(self, address: NodeAddress) -> None:
        """Dial a peer where it says that it listens, too: this chain may be behind its move."""
        self._listening[address.node] = address
        self._link_to(address.node).dial_at(self._addresses(address.node))

    def accepted_lost(self, accepted: AcceptedConnection) -> None:
        """Note that a connection is closed."""
        self._accepted.discard(accepted)
        if accepted.peer is not None and accepted.peer.node in self._links:
            self._links[accepted.peer.node].lost(accepted, accepted.peer.member)
