"""A request to pay, from when it is made until nobody waits for it any more."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest

from benmo.engine.events import Admission, Submitted
from benmo.errors import Refused
from benmo.ledger.transfers import Payments, Run
from benmo.node.decision_waits import PaymentState
from benmo.node.submissions import Submissions
from tests.support.keyed_chains import ListChain

PAYMENT = Payments.of((3, 1))
RUN = Run(1, 1, (3,), (1,))


class Asked:
    """What was put to the engine, which answers when the test says so."""

    def __init__(self) -> None:
        self.submitted: list[Submitted] = []
        self.submissions = Submissions(1, self.submitted.append)

    async def pay(self, wait_s: float) -> PaymentState:
        """Pay `PAYMENT` and wait this long, in seconds; what is known of it then."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        pending = self.submissions.ask(
            PAYMENT, wait_s, lambda _: None if done.done() else done.set_result(None)
        )
        try:
            await done
            return pending.result()
        finally:
            pending.forget()

    async def until_submitted(self) -> int:
        """The ticket."""
        while not self.submitted:
            await asyncio.sleep(0)
        return self.submitted[-1].ticket

    @property
    def waiting(self) -> int:
        return len(self.submissions._waits)


def in_a_loop(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30.0))


def test_a_payment_waits_for_its_decision_and_leaves_nothing_behind() -> None:
    async def test() -> None:
        asked = Asked()
        paying = asyncio.ensure_future(asked.pay(30.0))
        asked.submissions.on_admission(Admission(await asked.until_submitted(), RUN, height=4))
        assert asked.waiting == 1
        asked.submissions.on_applied(ListChain().decide(RUN))
        paid = await paying
        assert paid.is_decided and paid.ranges == ((1, 2),) and paid.height == 4
        assert asked.waiting == 0

    in_a_loop(test())


def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    async def test() -> None:
        asked = Asked()
        paying = asyncio.ensure_future(asked.pay(0.001))
        asked.submissions.on_admission(Admission(await asked.until_submitted(), RUN))
        assert await paying == PaymentState(((1, 2),), (), is_decided=False)
        assert asked.waiting == 0

    in_a_loop(test())


def test_who_is_cancelled_at_the_moment_of_the_admission_leaves_nothing_behind() -> None:
    async def test() -> None:
        asked = Asked()
        paying = asyncio.ensure_future(asked.pay(30.0))
        asked.submissions.on_admission(Admission(await asked.until_submitted(), RUN))
        paying.cancel()
        await asyncio.wait([paying])
        assert paying.cancelled() and asked.waiting == 0

    in_a_loop(test())


def test_a_payment_that_was_answered_ends_without_the_collector_of_cycles() -> None:
    async def test() -> None:
        it, answers = Asked(), []
        asked = it.submissions.ask(PAYMENT, 30.0, lambda done: answers.append(done.result()))
        it.submissions.on_admission(Admission(it.submitted[-1].ticket, RUN))
        it.submissions.on_applied(ListChain().decide(RUN))
        assert [paid.is_decided for paid in answers] == [True]
        gone = weakref.ref(asked)
        del asked
        assert gone() is None

    gc.disable()
    try:
        in_a_loop(test())
    finally:
        gc.enable()


def test_a_refusal_is_raised() -> None:
    async def test() -> None:
        asked = Asked()
        paying = asyncio.ensure_future(asked.pay(30.0))
        asked.submissions.on_admission(Admission(await asked.until_submitted(), None, "no money"))
        with pytest.raises(Refused, match="no money"):
            await paying

    in_a_loop(test())
