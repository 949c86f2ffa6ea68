"""Listening under TLS, with a bound on what strangers can take up.

Until its certificate is verified, a connection is one of at most `PENDING_MAX`; when there are
more, the oldest is dropped. Strangers can so delay one another, and a peer that connects by a
moment; they can't use up the descriptors that the node's files need.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from benmo.network.link import HANDSHAKE_TIMEOUT_S

PENDING_MAX = 64
_PAUSE_S = 0.1


async def listen(
    host: str,
    port: int,
    context: ssl.SSLContext,
    make_protocol: Callable[[], asyncio.Protocol],
) -> Listener:
    """Listen at the host's first address. Raises `OSError` where that can't be."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_ADDRCONFIG
    )
    family, _, _, _, address = found[0]
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setblocking(False)
        listening.bind(address)
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return Listener(listening, context, make_protocol)


class Listener:
    """Accepts connections and makes a protocol for each whose certificate is verified."""

    def __init__(
        self,
        listening: socket.socket,
        context: ssl.SSLContext,
        make_protocol: Callable[[], asyncio.Protocol],
    ) -> None:
        self._listening = listening
        self._context = context
        self._make_protocol = make_protocol
        self._pending: dict[asyncio.Task[None], socket.socket] = {}
        self._task = asyncio.get_running_loop().create_task(self._accept())

    async def close(self) -> None:
        """Stop listening; connections that are through stay."""
        self._task.cancel()
        for connection in self._pending.values():
            _hang_up(connection)
        await asyncio.gather(self._task, *self._pending, return_exceptions=True)
        self._listening.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listening)
            except OSError:  # out of descriptors, or the other end has left: the next may do
                await asyncio.sleep(_PAUSE_S)
                continue
            if len(self._pending) >= PENDING_MAX:
                _hang_up(self._pending.pop(next(iter(self._pending))))
            task = loop.create_task(self._shake_hands(connection))
            self._pending[task] = connection
            task.add_done_callback(lambda done: self._pending.pop(done, None))

    async def _shake_hands(self, connection: socket.socket) -> None:
        """Ends when the certificate is verified or the connection lost."""
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(
                self._make_protocol,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S,
            )


def _hang_up(connection: socket.socket) -> None:
    """End a connection; whoever waits for it sees its end, and closes it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def raise_descriptor_limit() -> None:
    """Let this process open as many files and sockets as it is allowed to ask for."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
