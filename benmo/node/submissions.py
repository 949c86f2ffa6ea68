"""Requests to a node to pay, each from its arrival to the decision of its transfers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benmo.engine.events import Admission, Submitted
from benmo.errors import NoRoom, Refused
from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.transfers import Payments
from benmo.node.decision_waits import (
    DecisionWaits,
    PaymentRequest,
    PaymentState,
    do_nothing,
    state_of,
)
from benmo.paxos.types import NodeId


class Submissions:
    """The requests to pay that are under way; `submit` hands one to the engine, under a ticket."""

    def __init__(self, node: NodeId, submit: Callable[[Submitted], None]) -> None:
        self._submit = submit
        self._ticket = 0
        self._requests: dict[int, PaymentRequest] = {}
        self._waits = DecisionWaits(node)

    async def submit(self, payments: Payments) -> Admission:
        """Queue all payments or none; when this returns, the queued transfers are durable.

        An admission without a run says why the payments were refused.
        """
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        request = PaymentRequest(payments, False, lambda: _resolve(admitted))
        self._put(request)
        await admitted
        assert request.admission is not None
        return request.admission

    def ask(
        self,
        payments: Payments,
        wait_s: float,
        done: Callable[[PendingPayment], object],
        admitted: Callable[[], object] = do_nothing,
    ) -> PendingPayment:
        """Queue all payments or none, and wait up to `wait_s` seconds for their decisions.

        `admitted` is called once the payments are queued or refused, and not needed any more. Then
        `done` is called, in the loop; neither must raise, since both may be called in a turn. The
        transfers stay queued if the time is up, or if the pending payment is forgotten.
        """
        pending = PendingPayment(self._waits, payments, wait_s, done, admitted)
        self._put(pending.request)
        return pending

    def on_admission(self, admission: Admission) -> None:
        """Take the engine's answer to a request; called before `on_applied` in the same turn."""
        self._requests.pop(admission.ticket).admit(admission, self._waits)

    def on_applied(self, applied: AppliedBlock) -> None:
        """Learn of a block that was decided and applied."""
        self._waits.applied(applied)

    def _put(self, request: PaymentRequest) -> None:
        self._ticket += 1
        self._requests[self._ticket] = request
        self._submit(Submitted(self._ticket, request.payments))


class PendingPayment:
    """A request to pay, until it is answered or forgotten; it needs no asyncio task."""

    def __init__(
        self,
        waits: DecisionWaits,
        payments: Payments,
        wait_s: float,
        done: Callable[[PendingPayment], object],
        admitted: Callable[[], object],
    ) -> None:
        self.request = PaymentRequest(payments, wait_s > 0, self._on_admitted, self._finish)
        self._waits = waits
        self._wait_s = wait_s
        self._done = done
        self._admitted = admitted
        self._timer: asyncio.TimerHandle | None = None

    def result(self) -> PaymentState:
        """The outcome of the payments, once `done` was called. Raises `Refused` or `NoRoom`."""
        admission = self.request.admission
        assert admission is not None
        if admission.run is None:
            raise (Refused if admission.is_final else NoRoom)(admission.reason)
        return state_of(self.request)

    def forget(self) -> None:
        """Don't call `done` any more, and wait no longer."""
        self._done = _do_nothing
        self._end()

    def _on_admitted(self) -> None:
        self._admitted()
        if self.request.wait is None:
            self._finish()
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._wait_s, self._finish)

    def _finish(self) -> None:
        done, self._done = self._done, _do_nothing
        self._end()
        done(self)

    def _end(self) -> None:
        self.request.forget()
        if self._timer is not None:
            self._timer.cancel()
        if self.request.wait is not None:
            self._waits.forget(self.request.wait)


def _do_nothing(_pending: PendingPayment) -> None:
    """Take the place of `done`, once it was called or is not wanted any more."""


def _resolve(future: asyncio.Future[None]) -> None:
    """Wake the coroutine that waits for a future, unless it was cancelled meanwhile."""
    if not future.done():
        future.set_result(None)
