"""Whether payments are queued, were made before, or are refused."""

from __future__ import annotations

from benmo.engine.events import Admission, Submitted
from benmo.errors import Refused, reason_of
from benmo.ledger.payment_keys import PaymentKeys
from benmo.ledger.payment_queue import NotQueued, PaymentQueue


def admit(
    event: Submitted, keys: PaymentKeys, queue: PaymentQueue, queue_limit: int, height: int
) -> Admission:
    """Queue the payments of a request whose keys are new, all or none; `height` is the chain's."""
    try:
        known = keys.known(event.payments, new_max=queue_limit)
    except Refused as error:
        return Admission(event.ticket, None, str(error), code=error.reason)
    payments = event.payments.without(known) if known else event.payments
    run = queue.add(payments, event.queue_limit)
    if isinstance(run, NotQueued):
        text, code = str(run.reason), reason_of(run.reason)
        return Admission(event.ticket, None, text, is_final=run.is_final, code=code)
    if run.amount:
        keys.queued(run)
    return Admission(event.ticket, run, known=known, height=height)
