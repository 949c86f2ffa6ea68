"""Requests to a node to pay, each from its arrival to the decision of its transfers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush

from benmo.deadlines import Deadlines
from benmo.engine.events import Admission, Submitted
from benmo.errors import NoRoom, RefusalText, Refused
from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.payment_queue import QUEUE_IS_FULL
from benmo.ledger.transfers import BLOCK_CHARACTERS_MAX, BLOCK_TRANSFERS_MAX, Payments
from benmo.node.decision_waits import (
    DecisionWaits,
    PaymentRequest,
    PaymentState,
    do_nothing,
    state_of,
)
from benmo.paxos.types import NodeId

_AGAIN_AT_A_TIME = 256
_TURN_WEIGHT_MAX = BLOCK_CHARACTERS_MAX
_KEY_WEIGHT = BLOCK_CHARACTERS_MAX // BLOCK_TRANSFERS_MAX
"""A key, which is looked up, weighs as much as so many characters of text."""


class Submissions:
    """The requests to pay that are under way; `submit` hands one to the engine, under a ticket.

    A program's request for which the queue has no room is postponed until blocks are decided, and
    so is each one after it, so that they are queued in their order. A request that is too much for
    the engine's next turn, beside those that it has, is postponed until it has answered these: a
    turn takes on about as many keys, or as much text, as a block holds, so that the node is soon
    there for others again. Payments without either take hardly any time.
    """

    def __init__(self, node: NodeId, submit: Callable[[Submitted], None]) -> None:
        self._submit = submit
        self._ticket = 0
        self._requests: dict[int, PaymentRequest] = {}
        self._waits = DecisionWaits(node)
        self._deadlines = Deadlines(PendingPayment.time_is_up)
        self._weight = 0
        """The weight of the requests that the engine has."""
        self._postponed: list[tuple[int, PaymentRequest]] = []
        """A heap, by ticket."""
        self._again: set[int] = set()
        """The tickets of postponed requests that the engine has been given again."""
        self._at_a_time = _AGAIN_AT_A_TIME
        """The number given at a time: one after one found no room, then more, while all do."""
        self._is_full = False
        """Whether a request found no room, and nothing has been decided since."""

    async def submit(self, payments: Payments, queue_limit: int | None = None) -> Admission:
        """Queue all payments or none; when this returns, the queued transfers are durable.

        An admission without a run says why the payments were refused. They are also refused if,
        with them, more than `queue_limit` transfers would wait.
        """
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        request = PaymentRequest(
            payments, False, lambda: _resolve(admitted), queue_limit=queue_limit
        )
        self._enter(request)
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
        room_s: float = 0.0,
    ) -> PendingPayment:
        """Queue all payments or none, and wait up to `wait_s` seconds for their decisions.

        If `wait_s` is 0, payments for which there is no room wait `room_s` seconds for that.

        `admitted` is called once the payments are queued or refused, and not needed any more. Then
        `done` is called, in the loop; neither must raise, since both may be called in a turn. The
        transfers stay queued if the time is up, or if the pending payment is forgotten. If the
        queue has no room until the time is up, nothing is queued, and `admitted` isn't called.
        """
        pending = PendingPayment(
            self._waits, self._deadlines, payments, wait_s, done, admitted, room_s
        )
        self._enter(pending.request)
        self._drop_forgotten()
        if self._postponed or self._again or not self._has_time_for(pending.request):
            self._postpone(pending.request)
        else:
            self._put(pending.request)
        return pending

    def on_admission(self, admission: Admission) -> None:
        """Take the engine's answer to a request; called before `on_applied` in the same turn."""
        request = self._requests.pop(admission.ticket)
        request.is_in_turn = False
        self._weight -= request.weight
        has_no_room = admission.run is None and not admission.is_final
        if has_no_room and request.on_postponed is not None:
            self._is_full = True
            self._at_a_time = 1
            self._postpone(request)
        else:
            request.admit(admission, self._waits)
        if admission.ticket in self._again:
            self._again.discard(admission.ticket)
            if not self._again and not self._is_full:
                self._at_a_time = min(2 * self._at_a_time, _AGAIN_AT_A_TIME)
        if self._postponed and not self._requests and not self._is_full:
            self._put_again()

    def on_applied(self, applied: AppliedBlock) -> None:
        """Learn of a block that was decided and applied."""
        self._waits.applied(applied)
        self._is_full = False
        if self._postponed and not self._again:
            self._put_again()

    def _enter(self, request: PaymentRequest) -> None:
        """Note when the request was made, and what it weighs."""
        self._ticket += 1
        request.ticket = self._ticket
        payments = request.payments
        if payments.memo or payments.key:
            request.weight = max(_KEY_WEIGHT * len(payments.key), payments.characters)

    def _has_time_for(self, request: PaymentRequest) -> bool:
        """Whether a turn may take this on beside the requests that the engine has."""
        return not self._weight or self._weight + request.weight <= _TURN_WEIGHT_MAX

    def _put(self, request: PaymentRequest) -> None:
        self._requests[request.ticket] = request
        self._weight += request.weight
        request.is_in_turn = True
        self._submit(Submitted(request.ticket, request.payments, request.queue_limit))

    def _postpone(self, request: PaymentRequest) -> None:
        heappush(self._postponed, (request.ticket, request))
        if request.on_postponed is not None:
            request.on_postponed()

    def _drop_forgotten(self) -> None:
        while self._postponed and self._postponed[0][1].is_forgotten:
            heappop(self._postponed)

    def _put_again(self) -> None:
        """Give the engine the first of the postponed requests, as many as a turn takes on.

        It is given a single one after one that found no room: small requests never overtake a large
        one for ever.
        """
        self._drop_forgotten()
        while self._postponed and len(self._again) < self._at_a_time:
            _, request = self._postponed[0]
            if not self._has_time_for(request):
                return
            heappop(self._postponed)
            self._put(request)
            self._again.add(request.ticket)
            self._drop_forgotten()


class PendingPayment:
    """A request to pay, until it is answered or forgotten; it needs no asyncio task."""

    def __init__(
        self,
        waits: DecisionWaits,
        deadlines: Deadlines[PendingPayment],
        payments: Payments,
        wait_s: float,
        done: Callable[[PendingPayment], object],
        admitted: Callable[[], object],
        room_s: float,
    ) -> None:
        self.request = PaymentRequest(
            payments, wait_s > 0, self._on_admitted, self._finish, self._on_postponed
        )
        self._waits = waits
        self._deadlines = deadlines
        self._time_s = wait_s or room_s
        self._done = done
        self._admitted = admitted
        self._tick: int | None = None
        """The place of this request among the deadlines, once its time runs."""
        self._is_late = False
        """Whether the time was up before the payments were queued or refused."""

    def result(self) -> PaymentState:
        """The outcome of the payments, once `done` was called. Raises `Refused` or `NoRoom`."""
        admission = self.request.admission
        if admission is None:
            raise NoRoom(QUEUE_IS_FULL.reason)
        if admission.run is None:
            text = RefusalText(admission.reason, admission.code)
            raise (Refused if admission.is_final else NoRoom)(text)
        return state_of(self.request)

    def forget(self) -> None:
        """Don't call `done` any more, and wait no longer."""
        self._done = _do_nothing
        self._end()

    def _on_postponed(self) -> None:
        if self._is_late:
            self._finish()
        elif self._tick is None:
            self._tick = self._deadlines.add(self, self._time_s)

    def _on_admitted(self) -> None:
        self._admitted()
        if self.request.wait is None or self._is_late:
            self._finish()
        elif self._tick is None:
            self._tick = self._deadlines.add(self, self._time_s)

    def time_is_up(self) -> None:
        """Answer; but if the engine has the request just now, once that has answered."""
        self._is_late = True
        if not self.request.is_in_turn:
            self._finish()

    def _finish(self) -> None:
        done, self._done = self._done, _do_nothing
        self._end()
        done(self)

    def _end(self) -> None:
        self.request.forget()
        if self._tick is not None:
            self._deadlines.discard(self, self._tick)
        if self.request.wait is not None:
            self._waits.forget(self.request.wait)


def _do_nothing(_pending: PendingPayment) -> None:
    """Take the place of `done`, once it was called or is not wanted any more."""


def _resolve(future: asyncio.Future[None]) -> None:
    """Wake the coroutine that waits for a future, unless it was cancelled meanwhile."""
    if not future.done():
        future.set_result(None)
