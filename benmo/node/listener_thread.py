"""The listener thread: one asyncio loop that owns every socket and all of a node's state.

There is no lock, since nothing is shared: any other thread that wants something from the node hands
a coroutine to the loop, through `call`, and gets its future.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from benmo.network.event_loop import new_event_loop

T = TypeVar("T")

_STOP_S = 10.0


class ListenerThread:
    """Runs the loop from `start` to `stop`."""

    def __init__(self) -> None:
        self.loop = new_event_loop()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="aside")

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine in the loop. Raises `RuntimeError` once the loop has ended."""
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        except RuntimeError:
            coroutine.close()
            raise

    async def aside(self, work: Callable[[], T]) -> T:
        """Do long work in a thread beside this one, which must go on voting; one work at a time."""
        return await self.loop.run_in_executor(self._aside, work)

    def in_thread_of_its_own(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """Do work that may hang, in a thread that keeps nobody from ending; called in the loop."""
        done: asyncio.Future[None] = self.loop.create_future()

        def settle(error: Exception | None) -> None:
            if done.cancelled():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        def run() -> None:
            error = None
            try:
                work()
            except Exception as raised:  # noqa: BLE001 - whoever awaits the future learns of it
                error = raised
            with suppress(RuntimeError):  # the loop has ended
                self.loop.call_soon_threadsafe(settle, error)

        threading.Thread(target=run, name="disk", daemon=True).start()
        return done

    def cancel_everything(self) -> None:
        """Cancel every coroutine of the loop. Called in the loop's thread."""
        for task in asyncio.all_tasks(self.loop):
            task.cancel()

    def stop(self) -> None:
        """End the loop, and wait for its thread for up to ten seconds."""
        if self.is_running:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(timeout=_STOP_S)
        self._aside.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.cancel_everything()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
