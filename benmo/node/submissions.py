"""What a node is asked to pay, from the request to its decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benmo.engine.events import Admission, Submitted
from benmo.errors import NoRoom, Refused
from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.transfers import Payments
from benmo.node.decision_waits import Awaited, Paid, Request, paid
from benmo.paxos.types import NodeId


class Submissions:
    """Requests on their way. `submit` puts one to the engine, which answers under its ticket."""

    def __init__(self, node: NodeId, submit: Callable[[Submitted], None]) -> None:
        self._submit = submit
        self._ticket = 0
        self._requests: dict[int, Request] = {}
        self._awaited = Awaited(node)

    async def submit(self, payments: Payments) -> Admission:
        """Queue transfers, all or none; they are durable when this returns."""
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        request = Request(payments, False, lambda: _resolve(admitted))
        self._put(request)
        await admitted
        assert request.admission is not None
        return request.admission

    async def pay(self, payments: Payments, wait_s: float) -> Paid:
        """As `ask`, for whoever can wait. Raises `Refused`."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asked = self.ask(payments, wait_s, lambda _: _resolve(done))
        try:
            await done
            return asked.result()
        finally:
            asked.forget()

    def ask(self, payments: Payments, wait_s: float, done: Callable[[Asked], object]) -> Asked:
        """As `submit`, and wait so long for the decisions; then call `done`, in the loop.

        `done` must not fail: it may be called in a turn. Whoever forgets it, or waits for less than
        it takes, leaves the transfers in the queue.
        """
        asked = Asked(self._awaited, payments, wait_s, done)
        self._put(asked.request)
        return asked

    def on_admission(self, admission: Admission) -> None:
        """The engine's answer; before what the same turn applied is told."""
        self._requests.pop(admission.ticket).admit(admission, self._awaited)

    def on_applied(self, applied: AppliedBlock) -> None:
        """A block was decided and applied."""
        self._awaited.applied(applied)

    def _put(self, request: Request) -> None:
        self._ticket += 1
        self._requests[self._ticket] = request
        self._submit(Submitted(self._ticket, request.payments))


class Asked:
    """A request to pay, until it is answered or forgotten. It takes no task of its own."""

    def __init__(
        self,
        awaited: Awaited,
        payments: Payments,
        wait_s: float,
        done: Callable[[Asked], object],
    ) -> None:
        self.request = Request(payments, wait_s > 0, self._on_admitted, self._finish)
        self._awaited = awaited
        self._wait_s = wait_s
        self._done = done
        self._timer: asyncio.TimerHandle | None = None

    def result(self) -> Paid:
        """What became of it; once it is done. Raises `Refused`."""
        admission = self.request.admission
        assert admission is not None
        if admission.run is None:
            raise (Refused if admission.is_final else NoRoom)(admission.reason)
        return paid(self.request)

    def forget(self) -> None:
        """Nobody wants to know any more."""
        self._done = _nobody
        self._end()

    def _on_admitted(self) -> None:
        if self.request.wait is None:
            self._finish()
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._wait_s, self._finish)

    def _finish(self) -> None:
        done, self._done = self._done, _nobody
        self._end()
        done(self)

    def _end(self) -> None:
        self.request.forget()
        if self._timer is not None:
            self._timer.cancel()
        if self.request.wait is not None:
            self._awaited.forget(self.request.wait)


def _nobody(_asked: Asked) -> None:
    """Who is told of what was told already, or is wanted no more."""


def _resolve(future: asyncio.Future[None]) -> None:
    """Wake who waits, unless that one has been cancelled meanwhile."""
    if not future.done():
        future.set_result(None)
