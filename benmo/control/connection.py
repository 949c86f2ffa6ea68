"""A connection over which `attach`, the demo or a program commands a running node."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable
from pathlib import Path

from benmo.cluster import NodeAddress, StateDirectory
from benmo.commands.node_status import NodeSnapshot
from benmo.control.requests import (
    REQUEST_BYTES_MAX,
    AnsweredRequest,
    ControlAnswer,
    Hurry,
    NotDone,
    Shown,
    Told,
    Watch,
    decode_answer,
    encode,
)
from benmo.control.tape_requests import Listen, Taped
from benmo.deadlines import Deadlines
from benmo.errors import Failure, ProtocolError, Reason, RefusalText, Refused, StateError
from benmo.network.certificates import (
    NodeIdentity,
    client_context,
    is_node,
    peer_identity,
    require_client,
    require_node,
    tls_trouble,
)
from benmo.network.frames import FrameReader
from benmo.network.link import HANDSHAKE_TIMEOUT_S
from benmo.notices import Watcher
from benmo.paxos.types import NodeId


class NodeGone(Failure):
    """A request was sent and has no answer: the node or the connection ended, or time ran out."""


class NotReached(Failure):
    """The node can't be reached, so nothing was sent to it."""


class WrongNode(NotReached):
    """Another than the node answers at its address: trying again won't help."""


class NodeConnection(FrameReader):
    """Sends requests to one node, any number of them at a time. `connect` makes it.

    All of it runs in one asyncio loop. `snapshot` is the node's state of a moment ago, once `watch`
    was called; None before that, and once the connection is lost.
    """

    def __init__(self, node: NodeId, cluster: str) -> None:
        super().__init__()
        self.node = node
        self.cluster = cluster
        self.snapshot: NodeSnapshot | None = None
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[ControlAnswer]] = {}
        self._deadlines = Deadlines(_time_out)
        self._watcher: Watcher | None = None
        self._lost: Callable[[], None] | None = None
        self._listener: Callable[[Taped], None] | None = None
        self._refused: Callable[[str], None] | None = None
        self._listening = 0
        """The number of the request to listen."""

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def next_number(self) -> int:
        """Take a number for the next request."""
        return next(self._numbers)

    async def ask(self, request: AnsweredRequest, timeout_s: float | None = None) -> ControlAnswer:
        """Send a request and wait for its answer: for `timeout_s`, or for ever if that is None.

        Raises `Refused` if the request is too long, `NotReached` if it couldn't be sent, `NodeGone`
        if the connection is lost before the answer, and `TimeoutError`.
        """
        answer: asyncio.Future[ControlAnswer] = asyncio.get_running_loop().create_future()
        payload = payload_of(request)
        if not self.is_open:
            raise NotReached(f"node {self.node} is gone")
        self._asked[request.number] = answer
        tick = None if timeout_s is None else self._deadlines.add(answer, timeout_s)
        try:
            self.send(payload)
            return await answer
        finally:
            self._asked.pop(request.number, None)
            if tick is not None:
                self._deadlines.discard(answer, tick)

    def watch(self, watcher: Watcher, lost: Callable[[], None]) -> None:
        """Call `watcher` with every notice from now on, and keep `snapshot` current.

        `lost` is called once the connection is lost; `snapshot` is None then.
        """
        self._watcher, self._lost = watcher, lost
        self.tell(Watch())

    def listen(
        self,
        listener: Callable[[Taped], None],
        refused: Callable[[str], None],
        lost: Callable[[], None],
        heartbeats: bool = False,
    ) -> None:
        """Call `listener` with the node's records from now on, and `lost` if they end.

        If the node refuses, `refused` is called with its words. With `heartbeats`, all of those are
        among the records.
        """
        self._listener, self._refused, self._lost = listener, refused, lost
        self._listening = self.next_number()
        self.tell(Listen(self._listening, heartbeats))

    def ask_state(self) -> None:
        """Let the node record how it is now; called after `listen`."""
        self.tell(Listen(self.next_number()))

    def tell(self, request: Watch | Hurry | Listen) -> None:
        """Send a request that has no answer of its own; without a connection, it is lost."""
        self.send(encode(request))

    def on_frame(self, payload: bytes) -> None:
        match decode_answer(payload):
            case Told(at=at) as told:
                if self._watcher is not None:
                    self._watcher(told.notice(), at)
            case Shown(snapshot):
                self.snapshot = snapshot
            case Taped() as taped:
                if self._listener is not None:
                    self._listener(taped)
            case NotDone(number, reason) if self._refused and number == self._listening:
                self._refused(reason)
            case answer:
                asked = self._asked.get(answer.number)
                if asked is not None and not asked.done():
                    asked.set_result(answer)

    def on_misbehaviour(self, reason: str) -> None:
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.snapshot = None
        if self._lost is not None:
            self._lost()
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(NodeGone(f"node {self.node} is gone: it did not answer"))


def _time_out(answer: asyncio.Future[ControlAnswer]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())


def payload_of(request: AnsweredRequest) -> bytes:
    """The payload of a request's frame. Raises `Refused` if it is longer than any may be."""
    payload = encode(request)
    if len(payload) > REQUEST_BYTES_MAX:
        raise Refused(RefusalText("that is too much for one request", Reason.TOO_MANY))
    return payload


def _credentials(
    state: StateDirectory, cluster: str, node: NodeId
) -> tuple[Path, NodeIdentity | None]:
    """The directory of the certificate to command the node with, and the member that it names.

    Raises `StateError` if it won't do.
    """
    tls = state.credentials(node)
    if tls is None:
        raise StateError(
            f"there is no certificate to reach node {node} with: "
            f"neither {state.tls(node)} nor {state.client_tls} exists"
        )
    if tls == state.client_tls:
        require_client(tls, cluster)
        return tls, None
    return tls, require_node(tls, cluster, node)


async def connect(
    state: StateDirectory, node: NodeId, address: NodeAddress | None = None
) -> NodeConnection:
    """Connect to a running node, under the certificate that the directory has for that.

    The node listens at `address`; if none is given, where the directory says: `places.find_node`
    finds it elsewhere, too.

    Raises `NotReached`; if trying again won't help, `WrongNode` or another `Failure`.
    """
    cluster = state.load_with(node) if address is None else state.load()
    tls, member = _credentials(state, cluster.cluster, node)
    context = client_context(tls)
    address = address or cluster.address(node)
    connection = NodeConnection(node, cluster.cluster)
    try:
        transport = await _open(connection, address, context)
    except ConnectionRefusedError as error:
        option = "" if state.path == Path("state") else f" --state-dir {state.path}"
        raise NotReached(
            f"node {node} is not running at {address}: "
            f"start it with python -m benmo.node {node}{option}"
        ) from error
    try:
        identity = _require_node(transport, connection, address)
        if member is not None and member != identity:
            raise WrongNode(
                f"what runs at {address} is member {identity.member[:8]} of node {node}, but "
                f"{tls} holds the key of member {member.member[:8]}"
            )
    except WrongNode:
        transport.abort()
        raise
    return connection


async def _open(
    connection: NodeConnection, address: NodeAddress, context: ssl.SSLContext
) -> asyncio.Transport:
    """Connect to an address, up to the end of the handshake.

    Raises `ConnectionRefusedError` if nothing listens there, `NotReached`, or `WrongNode`.
    """
    node = connection.node
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(2 * HANDSHAKE_TIMEOUT_S):
            transport, _ = await loop.create_connection(
                lambda: connection,
                address.host,
                address.port,
                ssl=context,
                server_hostname="",
            )
    except ConnectionRefusedError:
        raise
    except TimeoutError as error:
        raise NotReached(f"node {node} at {address} does not answer") from error
    except UnicodeError as error:
        raise WrongNode(f"{address.host!r} is no host's name: {error}") from error
    except ssl.SSLCertVerificationError as error:
        raise WrongNode(f"node {node} isn't reached: {tls_trouble(address, error)}") from error
    except OSError as error:
        trouble = tls_trouble(address, error)
        raise NotReached(
            f"node {node} isn't reached: {trouble}"
            if trouble
            else f"node {node} at {address} can't be reached: {error}"
        ) from error
    return transport


def _require_node(
    transport: asyncio.Transport, connection: NodeConnection, address: NodeAddress
) -> NodeIdentity:
    """The identity of the node at the other end. Raises `WrongNode` if that is no such node."""
    node = connection.node
    try:
        identity = peer_identity(transport.get_extra_info("peercert"))
    except ProtocolError as error:
        raise WrongNode(f"{address} is not node {node} of this cluster: {error}") from error
    if not is_node(identity, connection.cluster, node):
        raise WrongNode(f"{address} is not node {node} of this cluster, but {identity}")
    return identity
