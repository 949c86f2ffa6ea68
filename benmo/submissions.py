"""What a node is asked to pay, from the request to its decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benmo.awaited import Awaited, Paid, Request, paid
from benmo.engine import Admission, Submitted
from benmo.errors import Refused
from benmo.ledger import AppliedBlock, Payments
from benmo.paxos import NodeId


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
        """As `submit`, and wait so long for the decisions. Raises `Refused`.

        Whoever cancels this, or waits for less than it takes, leaves the transfers in the queue.
        """
        request = Request(payments, _future(), wait_s > 0)
        try:
            admission = await self._admission(request)
            if admission.run is None:
                raise Refused(admission.reason)
            if request.wait is not None:
                await asyncio.wait([request.wait.decided], timeout=wait_s)
            return paid(request, admission)
        finally:
            if request.wait is not None:
                self._awaited.forget(request.wait)

    def on_admission(self, admission: Admission) -> None:
        """The engine's answer; before what the same turn applied is told."""
        self._requests.pop(admission.ticket).admit(admission, self._awaited)

    def on_applied(self, applied: AppliedBlock) -> None:
        """A block was decided and applied."""
        self._awaited.applied(applied)

    async def _admission(self, request: Request) -> Admission:
        self._ticket += 1
        self._requests[self._ticket] = request
        self._submit(Submitted(self._ticket, request.payments))
        return await request.admitted


def _future() -> asyncio.Future[Admission]:
    return asyncio.get_running_loop().create_future()
