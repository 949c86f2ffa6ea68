"""Listening under TLS, with a bound on what strangers can take up.

At most `PENDING_MAX` connections at a time wait for their certificate to be verified; when one more
comes, the oldest of them is dropped. So strangers can delay one another, and for a moment a peer
that connects; they can't use up the descriptors that the node's files need.
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
    """Listen at the host's first address. Raises `OSError` if that address can't be used."""
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

    def give_up(self) -> None:
        """Accept no connection any more."""
        self._task.cancel()

    async def close(self) -> None:
        """Stop listening, and drop connections in their handshake; all others stay."""
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
            except OSError:  # no descriptor is free, or the other end has left
                await asyncio.sleep(_PAUSE_S)
                continue
            if len(self._pending) >= PENDING_MAX:
                _hang_up(self._pending.pop(next(iter(self._pending))))
            task = loop.create_task(self._shake_hands(connection))
            self._pending[task] = connection
            task.add_done_callback(lambda done: self._pending.pop(done, None))

    async def _shake_hands(self, connection: socket.socket) -> None:
        """Run a handshake until the certificate is verified or the connection is lost."""
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
    """Shut a connection down: its handshake then sees the end, and closes the socket."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def raise_descriptor_limit() -> None:
    """Raise this process's limit of open files and sockets as far as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
