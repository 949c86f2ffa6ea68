"""What a node is asked to pay, from the request to its decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benmo.awaited import Awaited, Paid, Request, paid
from benmo.errors import Refused
from benmo.events import Admission, Submitted
from benmo.ledger import AppliedBlock
from benmo.paxos import NodeId
from benmo.runs import Payments


class Submissions:
    """Requests on their way. `submit` puts one to the engine, which answers under its ticket."""

    def __init__(self, node: NodeId, submit: Callable[[Submitted], None]) -> None:
        self._submit = submit
        self._ticket = 0
        self._requests: dict[int, Request] = {}
        self._awaited = Awaited(node)

    async def submit(self, payments: Payments) -> Admission:
        """Queue transfers, all or none; they are durable when this returns."""
        return await self._admission(Request(payments, _future()))

    async def pay(self, payments: Payments, wait_s: float) -> Paid:
        """As `ask`, for whoever can wait. Raises `Refused`."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asked = self.ask(payments, wait_s, lambda _: done.set_result(None))
        try:
            await done
            return asked.result()
        finally:
            asked.forget()

    def ask(self, payments: Payments, wait_s: float, done: Callable[[Asked], object]) -> Asked:
        """As `submit`, and wait so long for the decisions; then call `done`, in the loop.

        Whoever forgets it, or waits for less than it takes, leaves the transfers in the queue.
        """
        asked = Asked(self._awaited, Request(payments, _future(), wait_s > 0), wait_s, done)
        self._put(asked.request)
        return asked

    def on_admission(self, admission: Admission) -> None:
        """The engine's answer; before what the same turn applied is told."""
        self._requests.pop(admission.ticket).admit(admission, self._awaited)

    def on_applied(self, applied: AppliedBlock) -> None:
        """A block was decided and applied."""
        self._awaited.applied(applied)

    async def _admission(self, request: Request) -> Admission:
        self._put(request)
        return await request.admitted

    def _put(self, request: Request) -> None:
        self._ticket += 1
        self._requests[self._ticket] = request
        self._submit(Submitted(self._ticket, request.payments))


class Asked:
    """A request to pay, until it is answered or forgotten. It takes no task of its own."""

    def __init__(
        self,
        awaited: Awaited,
        request: Request,
        wait_s: float,
        done: Callable[[Asked], object],
    ) -> None:
        self.request = request
        self._awaited = awaited
        self._wait_s = wait_s
        self._done = done
        self._timer: asyncio.TimerHandle | None = None
        request.admitted.add_done_callback(self._on_admitted)

    def result(self) -> Paid:
        """What became of it; once it is done. Raises `Refused`."""
        admission = self.request.admitted.result()
        if admission.run is None:
            raise Refused(admission.reason)
        return paid(self.request, admission)

    def forget(self) -> None:
        """Nobody wants to know any more."""
        self.request.admitted.cancel()
        self._done = _nobody
        self._end()

    def _on_admitted(self, admitted: asyncio.Future[Admission]) -> None:
        wait = self.request.wait
        if admitted.cancelled():
            return
        if wait is None:
            self._done(self)
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._wait_s, self._finish)
        wait.decided.add_done_callback(self._finish)

    def _finish(self, _decided: object = None) -> None:
        done, self._done = self._done, _nobody
        self._end()
        done(self)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.request.wait is not None:
            self._awaited.forget(self.request.wait)


def _nobody(_asked: Asked) -> None:
    """Who is told of what was told already, or is wanted no more."""


def _future() -> asyncio.Future[Admission]:
    return asyncio.get_running_loop().create_future()
