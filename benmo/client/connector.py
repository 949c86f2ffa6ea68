"""A client's connection to its node: made when a call needs it, and again after it was lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benmo import errors
from benmo.client.errors import Misconfigured, NotConnected, Refused
from benmo.cluster import StateDirectory
from benmo.control.connection import NodeConnection, NodeGone, NotReached, WrongNode
from benmo.control.places import NodeFinder
from benmo.control.requests import AnsweredRequest, ControlAnswer
from benmo.errors import Failure

_AGAIN_S = (0.05, 1.0)

_GRACE_S = 2.0
"""The time, in seconds, beyond the wait that was asked for, after which a node counts as silent."""


@dataclass(slots=True)
class SameCluster:
    """The id of the cluster to which all connections of a client go; "" before the first."""

    id: str = ""


class Connector:
    """Gives each call of a client an open connection, in one loop; calls share an attempt."""

    def __init__(self, state: StateDirectory, node: int, cluster: SameCluster) -> None:
        self._state = state
        self._node = node
        self._finder = NodeFinder(state, node)
        self._connection: NodeConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._cluster = cluster
        self._is_closed = False

    async def connection(self, timeout_s: float) -> NodeConnection:
        """The open connection; if there is none, tries to make one for `timeout_s` seconds.

        Raises `NotConnected`, `Misconfigured`, or `ValueError` for a time below 0.
        """
        if not timeout_s >= 0:
            raise ValueError(f"a time is 0 seconds or more, not {timeout_s}")
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        pause_s = _AGAIN_S[0]
        reason = f"node {self._node} does not answer"
        while self._connection is None or not self._connection.is_open:
            try:
                async with asyncio.timeout_at(end):
                    await self._connect()
            except TimeoutError as error:
                raise NotConnected(reason) from error
            except WrongNode as error:
                raise Misconfigured(str(error)) from error
            except NotReached as error:
                reason = str(error)
                if loop.time() + pause_s > end:
                    raise NotConnected(reason) from error
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _AGAIN_S[1])
            except Failure as error:
                raise Misconfigured(str(error)) from error
        return self._connection

    async def ask(
        self, connection: NodeConnection, request: AnsweredRequest, timeout_s: float
    ) -> ControlAnswer:
        """Send a request, for which the node may take `timeout_s`, and return its answer.

        Raises `NotConnected`, `Refused` if the request is too long, `NodeGone` or `TimeoutError`.
        """
        try:
            return await connection.ask(request, timeout_s + _GRACE_S)
        except NotReached as error:
            raise NotConnected(str(error)) from error
        except errors.Refused as error:
            raise Refused(str(error), error.reason) from error

    def why(self, error: NodeGone | TimeoutError) -> str:
        """Say why a request that was sent has no answer."""
        return str(error) or f"node {self._node} did not answer in time"

    async def close(self) -> None:
        """End the connection, and make no other one."""
        self._is_closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            self._connection.abort()
        for _ in range(3):  # an aborted connection is closed after a few passes
            await asyncio.sleep(0)

    async def _connect(self) -> None:
        """Make one attempt, or wait for the one under way, which all calls share."""
        if self._is_closed:
            raise NotConnected("this client is closed")
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.get_running_loop().create_task(self._attempt())
            self._connecting.add_done_callback(lambda done: done.cancelled() or done.exception())
        connecting = self._connecting
        await asyncio.wait([connecting])
        if connecting.cancelled():
            raise NotConnected("this client is closed")
        connecting.result()

    async def _attempt(self) -> None:
        """Connect. Goes on when no call waits any more: the next call finds the connection."""
        connection = await self._finder.connect()
        if self._cluster.id not in ("", connection.cluster):
            connection.abort()
            raise Failure(f"{self._state.path} is another cluster's now: begin a new client")
        self._cluster.id = connection.cluster
        self._connection = connection
