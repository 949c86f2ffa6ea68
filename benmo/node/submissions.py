"""What a node is asked to pay, from the request to its decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benmo.engine.events import Admission, Submitted
from benmo.errors import NoRoom, Refused
from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.transfers import Payments
from benmo.node.decision_waits import DecisionWaits, PaymentRequest, PaymentState, state_of
from benmo.paxos.types import NodeId


class Submissions:
    """Requests on their way. `submit` puts one to the engine, which answers under its ticket."""

    def __init__(self, node: NodeId, submit: Callable[[Submitted], None]) -> None:
        self._submit = submit
        self._ticket = 0
        self._requests: dict[int, PaymentRequest] = {}
        self._waits = DecisionWaits(node)

    async def submit(self, payments: Payments) -> Admission:
        """Queue transfers, all or none; they are durable when this returns."""
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        request = PaymentRequest(payments, False, lambda: _resolve(admitted))
        self._put(request)
        await admitted
        assert request.admission is not None
        return request.admission

    def ask(
        self, payments: Payments, wait_s: float, done: Callable[[PendingPayment], object]
    ) -> PendingPayment:
        """Queue transfers, all or none, and wait this long, in seconds, for their decisions.

        Then `done` is called, in the loop. It must not fail: it may be called in a turn. A pending
        payment that is forgotten, or waits for too short a time, leaves its transfers queued.
        """
        pending = PendingPayment(self._waits, payments, wait_s, done)
        self._put(pending.request)
        return pending

    def on_admission(self, admission: Admission) -> None:
        """The engine's answer; before what the same turn applied is told."""
        self._requests.pop(admission.ticket).admit(admission, self._waits)

    def on_applied(self, applied: AppliedBlock) -> None:
        """A block was decided and applied."""
        self._waits.applied(applied)

    def _put(self, request: PaymentRequest) -> None:
        self._ticket += 1
        self._requests[self._ticket] = request
        self._submit(Submitted(self._ticket, request.payments))


class PendingPayment:
    """A request to pay, until it is answered or forgotten. It takes no task of its own."""

    def __init__(
        self,
        waits: DecisionWaits,
        payments: Payments,
        wait_s: float,
        done: Callable[[PendingPayment], object],
    ) -> None:
        self.request = PaymentRequest(payments, wait_s > 0, self._on_admitted, self._finish)
        self._waits = waits
        self._wait_s = wait_s
        self._done = done
        self._timer: asyncio.TimerHandle | None = None

    def result(self) -> PaymentState:
        """What became of it; once it is done. Raises `Refused`."""
        admission = self.request.admission
        assert admission is not None
        if admission.run is None:
            raise (Refused if admission.is_final else NoRoom)(admission.reason)
        return state_of(self.request)

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
            self._waits.forget(self.request.wait)


def _nobody(_pending: PendingPayment) -> None:
    """Who is told of what was told already, or is wanted no more."""


def _resolve(future: asyncio.Future[None]) -> None:
    """Wake who waits, unless that one has been cancelled meanwhile."""
    if not future.done():
        future.set_result(None)
