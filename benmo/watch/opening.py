"""Connections to the page's server on which no page is open yet: anybody here can make some."""

from __future__ import annotations

import asyncio

from websockets.asyncio.server import ServerConnection

CONNECTIONS_MAX = 64
"""The limit of these at a time; a browser makes six for a page that it loads."""


class OpeningConnections:
    """Holds each connection from its beginning until a page is open on it; never too many.

    Of one too many, the oldest is dropped. So whoever makes many and says nothing keeps nobody else
    out, for a page asks at once.
    """

    def __init__(self) -> None:
        self._held: dict[ServerConnection, None] = {}
        """The oldest first."""

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, connection: ServerConnection) -> None:
        """Hold a connection that was just made."""
        self._held[connection] = None
        if len(self._held) > CONNECTIONS_MAX:
            oldest = next(iter(self._held))
            self.release(oldest)
            oldest.transport.abort()

    def release(self, connection: ServerConnection) -> None:
        """Hold a connection no longer: it is lost, or a page is open on it."""
        self._held.pop(connection, None)

    def held_kind(self) -> type[ServerConnection]:
        """Make the class of connections that are held here."""
        opening = self

        class HeldConnection(ServerConnection):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                opening.hold(self)

            def connection_lost(self, exc: Exception | None) -> None:
                opening.release(self)
                super().connection_lost(exc)

        return HeldConnection
