"""A worker: the one thread that changes what a prompt and pages act on, in place of a lock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from benmo.child_node import StarterThread
from benmo.errors import Refused
from benmo.waiting import interrupt, interruptible, result_of

T = TypeVar("T")


class _Work(Generic[T]):
    """Something to do, and the two futures of it: the outcome, and the interruption of its waits.

    The interruption is done once the work is to end.
    """

    def __init__(self, do: Callable[[], T]) -> None:
        self.do = do
        self.outcome: Future[T] = Future()
        self.interruption: Future[None] = Future()

    def carry_out(self) -> None:
        try:
            with interruptible(self.interruption):
                self.outcome.set_result(self.do())
        except BaseException as error:  # noqa: BLE001 - `Worker.do` raises it
            self.outcome.set_exception(error)


class Worker:
    """Does one piece of work after the other, for any number of threads, in a thread of its own.

    That thread may start nodes, since it lives as long as this process. `name` says whose it is.
    """

    def __init__(self, name: str) -> None:
        self._given: SimpleQueue[_Work[Any]] = SimpleQueue()
        self._name = name
        self._under_way: _Work[Any] | None = None
        self._last: _Work[Any] | None = None
        self._thread = StarterThread(target=self._run, name=f"worker of {name}", daemon=True)
        self._thread.start()

    def do(self, work: Callable[[], T]) -> T:
        """Have the worker do this after all that it was given before; what `work` returns.

        Raises what `work` raises, and `Refused` after `end`. An exception that ends the caller's
        wait, such as a `KeyboardInterrupt`, also ends the waits of the work, or of the work before
        it that keeps the caller waiting. Work may call this, too: it is then done at once.
        """
        if self._thread.is_current:
            return work()
        given = _Work(work)
        try:
            self._given.put(given)
            return result_of(given.outcome)
        except BaseException:
            if not given.outcome.done():
                interrupt(given.interruption)
                self._interrupt_what_is_under_way()
            raise

    def end(self, work: Callable[[], None]) -> None:
        """Interrupt what is under way, and do this as the last; all else is refused."""
        self._last = _Work(work)
        self._interrupt_what_is_under_way()
        self._given.put(self._last)
        result_of(self._last.outcome)

    def _interrupt_what_is_under_way(self) -> None:
        under_way = self._under_way
        if under_way is not None:
            interrupt(under_way.interruption)

    def _run(self) -> None:
        while True:
            given = self._under_way = self._given.get()
            if self._last in (None, given):
                given.carry_out()
            else:
                given.outcome.set_exception(Refused(f"{self._name} ends: nothing was done"))
            self._under_way = None
