"""The nodes that a client reads from: while one can't be asked, another answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from benmo.client.connector import Connector
from benmo.client.errors import ClientError, NotConnected, Unavailable
from benmo.control.connection import NodeConnection, NodeGone
from benmo.control.requests import AnsweredRequest, ControlAnswer, NotDone

T = TypeVar("T")

_TRY_S = 1.0
"""The time limit, in seconds, of reaching a node while there is another to ask."""

MakeRequest = Callable[[int, float], AnsweredRequest]
"""Makes a request of its number, and of how many seconds the node may take."""


class Readers:
    """Asks the node that answered last, and if that fails, each of the others."""

    def __init__(self, connectors: Iterable[Connector], connect_timeout_s: float) -> None:
        self._connectors = list(connectors)
        self._connect_timeout_s = connect_timeout_s

    async def ask(self, make: MakeRequest, timeout_s: float, wait_s: float = 0.0) -> ControlAnswer:
        """The first node's answer that isn't a refusal.

        All nodes together have `timeout_s`, and `wait_s` longer for an answer. Raises
        `Unavailable` if a node was asked in vain; `NotConnected` if none could be asked;
        `Misconfigured`, or `ValueError` for a time below 0.
        """

        async def attempt(connector: Connector, connect_s: float, share_s: float) -> ControlAnswer:
            connection = await connector.connection(connect_s)
            request = make(connection.next_number(), share_s)
            try:
                answer = await connector.ask(connection, request, share_s + wait_s)
            except (NodeGone, TimeoutError) as error:
                raise Unavailable(connector.why(error)) from error
            if isinstance(answer, NotDone):
                raise Unavailable(answer.reason)
            return answer

        return await self._first(attempt, timeout_s)

    async def connect(self, timeout_s: float) -> None:
        """Wait until a node is connected. Raises as `ask`, but not `Unavailable`."""

        async def attempt(connector: Connector, connect_s: float, _share: float) -> NodeConnection:
            return await connector.connection(connect_s)

        await self._first(attempt, timeout_s, timeout_s)

    async def _first(
        self,
        attempt: Callable[[Connector, float, float], Awaitable[T]],
        timeout_s: float,
        connect_timeout_s: float | None = None,
    ) -> T:
        """The result of the first attempt that succeeds; its node is asked first from now on."""
        loop = asyncio.get_running_loop()
        connect_s = self._connect_timeout_s if connect_timeout_s is None else connect_timeout_s
        end, failed = loop.time() + timeout_s, list[ClientError]()
        for place, connector in enumerate(connectors := tuple(self._connectors)):
            left = len(connectors) - place
            share_s = (max(0.0, end - loop.time()) if place else timeout_s) / left
            try:
                within_s = min(share_s, connect_s, *((_TRY_S,) if left > 1 else ()))
                result = await attempt(connector, within_s, share_s)
            except (Unavailable, NotConnected) as error:
                failed.append(error)
                continue
            if place:
                self._connectors.sort(key=lambda each: each is not connector)
            return result
        raise next((each for each in failed if isinstance(each, Unavailable)), failed[0])
