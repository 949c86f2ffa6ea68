"""`Client`: the client for programs that wait for each answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import wait as wait_for
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from benmo.client.asynchronous import CONNECT_TIMEOUT_S, AsyncClient
from benmo.client.errors import OutcomeUnknown
from benmo.client.receipts import Receipts
from benmo.client.values import AccountTransfer, Balances, Block, Payment, Receipt, Status, Wait
from benmo.network.event_loop import new_event_loop

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., object])

_CLOSED = "this client is closed"
_LOOK_S = 1.0
_END_S = 2.0


def _documented_as(method: Callable[..., object]) -> Callable[[F], F]:
    """Give a method the whole docstring of `AsyncClient`'s, for `help` to show."""

    def document(own: F) -> F:
        own.__doc__ = method.__doc__
        return own

    return document


class Client:
    """A client of one node, with whose money it pays. Use it as a context manager.

    `node`, `state_dir`, `nodes` and `connect_timeout_s` are those of `AsyncClient`, which does the
    work in a thread of its own. Each method may be called from any thread, and promises and raises
    what the method of that name of `AsyncClient` does; once the client is closed, it raises
    `ValueError`.
    """

    def __init__(
        self,
        node: int = 1,
        state_dir: str | Path = "state",
        *,
        nodes: Iterable[int] = (),
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        self._client = AsyncClient(
            node, state_dir, nodes=nodes, connect_timeout_s=connect_timeout_s
        )
        self._loop = new_event_loop()
        self._stopping: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="client", daemon=True)
        self._thread.start()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def node(self) -> int:
        """The node's id."""
        return self._client.node

    def close(self) -> None:
        """End the connection and the thread.

        A call under way raises a `ClientError`, or `ValueError` if it was just beginning.
        """
        with suppress(RuntimeError):  # another thread has closed it
            self._loop.call_soon_threadsafe(self._stop)
        self._thread.join()

    @_documented_as(AsyncClient.transfer)
    def transfer(
        self,
        amount: int,
        to: int,
        *,
        key: str | None = None,
        memo: str | None = None,
        wait: Wait = "decided",
        timeout_s: float = 30.0,
    ) -> Receipt:
        """Pay: see `AsyncClient.transfer`."""
        return self._wait(
            self._client.transfer(amount, to, key=key, memo=memo, wait=wait, timeout_s=timeout_s)
        )

    @_documented_as(AsyncClient.transfer_many)
    def transfer_many(
        self, payments: Iterable[Payment], *, wait: Wait = "decided", timeout_s: float = 30.0
    ) -> list[Receipt]:
        """Queue all payments or none: see `AsyncClient.transfer_many`."""
        return self._wait(self._client.transfer_many(payments, wait=wait, timeout_s=timeout_s))

    @_documented_as(AsyncClient.transfer_columns)
    def transfer_columns(
        self,
        to: Iterable[int],
        amounts: Iterable[int],
        *,
        keys: Iterable[str] = (),
        memos: Iterable[str] = (),
        wait: Wait = "decided",
        timeout_s: float = 30.0,
    ) -> Receipts:
        """Queue all payments or none, as columns: see `AsyncClient.transfer_columns`."""
        paying = self._client.transfer_columns(
            to, amounts, keys=keys, memos=memos, wait=wait, timeout_s=timeout_s
        )
        return self._wait(paying)

    @_documented_as(AsyncClient.find)
    def find(self, key: str, *, timeout_s: float = 30.0) -> Receipt | None:
        """The receipt of the payment under this key: see `AsyncClient.find`."""
        return self._wait(self._client.find(key, timeout_s=timeout_s))

    @_documented_as(AsyncClient.balances)
    def balances(
        self, *, confirmed: bool = False, height: int | None = None, timeout_s: float = 30.0
    ) -> Balances:
        """The balances of all nodes: see `AsyncClient.balances`."""
        return self._wait(
            self._client.balances(confirmed=confirmed, height=height, timeout_s=timeout_s)
        )

    @_documented_as(AsyncClient.history)
    def history(
        self,
        node: int,
        *,
        limit: int = 100,
        after: AccountTransfer | None = None,
        oldest_first: bool = False,
        timeout_s: float = 30.0,
    ) -> list[AccountTransfer]:
        """A page of the transfers of one account: see `AsyncClient.history`."""
        reading = self._client.history(
            node, limit=limit, after=after, oldest_first=oldest_first, timeout_s=timeout_s
        )
        return self._wait(reading)

    @_documented_as(AsyncClient.chain)
    def chain(
        self, first: int = 1, last: int | None = None, *, timeout_s: float = 30.0
    ) -> Iterator[Block]:
        """The decided blocks: see `AsyncClient.chain`."""
        return self._each(self._client.chain(first, last, timeout_s=timeout_s))

    @_documented_as(AsyncClient.watch)
    def watch(self, first: int | None = None, *, reconnect_s: float = 30.0) -> Iterator[Block]:
        """Blocks as they are decided: see `AsyncClient.watch`."""
        return self._each(self._client.watch(first, reconnect_s=reconnect_s))

    @_documented_as(AsyncClient.status)
    def status(self, *, timeout_s: float = 30.0) -> Status:
        """The node's state: see `AsyncClient.status`."""
        return self._wait(self._client.status(timeout_s=timeout_s))

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        guarded = self._guarded(coroutine)
        try:
            future = asyncio.run_coroutine_threadsafe(guarded, self._loop)
        except RuntimeError as error:
            guarded.close()
            coroutine.close()
            raise ValueError(_CLOSED) from error
        try:
            while not wait_for([future], timeout=_LOOK_S).done:
                if not self._thread.is_alive() and not future.done():
                    guarded.close()
                    coroutine.close()
                    raise ValueError(_CLOSED)
            return future.result()
        except CancelledError as error:
            raise OutcomeUnknown("this client was closed meanwhile") from error
        except KeyboardInterrupt:
            future.cancel()
            raise

    def _each(self, blocks: AsyncIterator[Block]) -> Iterator[Block]:
        async def following() -> Block | None:
            try:
                return await anext(blocks)  # with a default, `anext` crashes CPython 3.11
            except StopAsyncIteration:
                return None

        while (block := self._wait(following())) is not None:
            yield block

    # In the loop's thread.

    def _run(self) -> None:
        self._loop.run_forever()
        while asyncio.all_tasks(self._loop):  # a call that comes last finds the client closed
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _guarded(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._stopping is not None:
            coroutine.close()
            raise ValueError(_CLOSED)
        return await coroutine

    def _stop(self) -> None:
        if self._stopping is None:
            self._stopping = self._loop.create_task(self._end())

    async def _end(self) -> None:
        """End the connection and stop the loop.

        Calls that wait for the node end by themselves, with an error; those that are left after
        `_END_S` are cancelled.
        """
        await self._client.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=_END_S)
        for task in others:
            task.cancel()
        await self._loop.shutdown_asyncgens()
        self._loop.stop()
