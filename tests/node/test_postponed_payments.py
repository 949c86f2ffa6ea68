"""Programs' payments for which the queue has no room yet wait their turn, in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from benmo.engine.events import Admission, Submitted
from benmo.errors import NoRoom, Refused
from benmo.ledger.blocks import AppliedBlock, encode_block
from benmo.ledger.transfers import Payments, Run
from benmo.node.submissions import PendingPayment, Submissions
from benmo.paxos.types import GENESIS_HASH, Ballot

FULL = "queue is full, wait for consensus"
FOREIGN = AppliedBlock(encode_block(1, Ballot(1, 2), GENESIS_HASH, 1.0, (Run(2, 1, (1,), (1,)),)))
"""A decided block with nothing of this node's in it."""


class FakeEngine:
    """Has room for this many payments; answers what was submitted when told to."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.submitted: list[Submitted] = []
        self.submissions = Submissions(1, self.submitted.append)
        self.queued: list[int] = []
        """The amounts that were queued, in order."""

    def turn(self) -> None:
        """Answer all that was submitted so far."""
        events, self.submitted[:] = self.submitted[:], []
        for event in events:
            self.submissions.on_admission(self._admission(event))

    def decide(self, count: int) -> None:
        """Make room, and let a block be applied."""
        self.room += count
        self.submissions.on_applied(FOREIGN)

    def _admission(self, event: Submitted) -> Admission:
        amounts = event.payments.amount
        if 0 in amounts:
            return Admission(event.ticket, None, "an amount of 0")
        if len(amounts) > self.room:
            return Admission(event.ticket, None, FULL, is_final=False)
        self.room -= len(amounts)
        self.queued += amounts
        run = Run(1, len(self.queued) - len(amounts) + 1, event.payments.credit, amounts)
        return Admission(event.ticket, run)

    def ask(
        self, *amounts: int, wait_s: float = 180.0, keys: tuple[str, ...] = ()
    ) -> list[PendingPayment]:
        """Ask for payments; the list holds the request once it is answered."""
        answered: list[PendingPayment] = []
        payments = Payments((2,) * len(amounts), amounts, (), keys)
        self.submissions.ask(payments, wait_s, answered.append, room_s=0.01)
        return answered

    def ask_with_keys(self, *amounts: int) -> None:
        """Ask for payments, each with a key."""
        self.ask(*amounts, keys=("key",) * len(amounts))


def in_loop(test: Callable[[FakeEngine], None]) -> None:
    async def run() -> None:
        test(FakeEngine(room=3))

    asyncio.run(run())


def test_they_are_queued_in_their_order_as_room_comes() -> None:
    def run(engine: FakeEngine) -> None:
        for amounts in ((1, 2), (3, 4), (5,), (6, 7, 8), (9,)):
            engine.ask(*amounts)
        engine.turn()
        assert engine.queued == [1, 2, 5], "a turn may fill the queue as it can"
        engine.ask(10)
        assert engine.submitted == [], "a later one waits behind those that wait"
        for _ in range(7):
            engine.decide(1)
            while engine.submitted:
                engine.turn()
        assert engine.queued == [1, 2, 5, 3, 4, 6, 7, 8, 9, 10]

    in_loop(run)


def test_small_requests_do_not_starve_a_large_one() -> None:
    def run(engine: FakeEngine) -> None:
        engine.room = 0
        engine.ask(1)
        engine.ask(*[7] * 50)
        for _ in range(200):
            engine.ask(2)
        for _ in range(60):
            engine.decide(1)
            while engine.submitted:
                engine.turn()
        assert engine.queued[:52] == [1, *[7] * 50, 2]

    in_loop(run)


def test_nothing_is_asked_of_the_engine_while_nothing_is_decided() -> None:
    def run(engine: FakeEngine) -> None:
        engine.ask(1, 2, 3)
        engine.ask(4)
        engine.turn()
        engine.turn()
        assert engine.submitted == [] and engine.queued == [1, 2, 3]

    in_loop(run)


def test_as_many_as_there_is_room_for_are_queued_at_once() -> None:
    def run(engine: FakeEngine) -> None:
        engine.room = 0
        for _ in range(1000):
            engine.ask(1)
        engine.turn()
        engine.decide(600)
        while engine.submitted:
            engine.turn()
        assert len(engine.queued) == 600
        engine.decide(600)
        while engine.submitted:
            engine.turn()
        assert len(engine.queued) == 1000

    in_loop(run)


def test_what_can_never_be_queued_is_refused_when_its_turn_comes() -> None:
    def run(engine: FakeEngine) -> None:
        engine.ask(1, 2, 3)
        engine.ask(4)
        engine.turn()
        (refused, after) = (engine.ask(0), engine.ask(5))
        engine.decide(3)
        while engine.submitted:
            engine.turn()
        (pending,) = refused
        with pytest.raises(Refused, match="an amount of 0"):
            pending.result()
        assert after == [] and engine.queued == [1, 2, 3, 4, 5]

    in_loop(run)


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(180):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("wait_s", [0.01, 0.0])
def test_one_that_finds_no_room_in_its_time_queues_nothing(wait_s: float) -> None:
    async def run() -> None:
        engine = FakeEngine(room=0)
        answered = engine.ask(1, wait_s=wait_s)
        engine.turn()
        await _until(lambda: answered)
        with pytest.raises(NoRoom, match=FULL):
            answered[0].result()
        engine.decide(5)
        engine.turn()
        assert engine.queued == [], "it was answered that nothing is queued"

    asyncio.run(run())


def test_one_whose_time_ends_while_it_is_being_queued_is_answered_with_what_is_so() -> None:
    async def run() -> None:
        engine = FakeEngine(room=0)
        answered = engine.ask(1, wait_s=0.01)
        engine.turn()
        engine.decide(1)
        assert engine.submitted, "the engine has it again"
        await asyncio.sleep(0.05)
        assert answered == []
        engine.turn()
        assert answered[0].result().ranges == ((1, 2),)
        assert not answered[0].result().is_decided

    asyncio.run(run())


def test_what_is_typed_never_waits() -> None:
    async def run() -> None:
        engine = FakeEngine(room=0)
        task = asyncio.ensure_future(engine.submissions.submit(Payments.of((2, 1)), 10))
        await asyncio.sleep(0)
        assert engine.submitted[0].queue_limit == 10
        engine.turn()
        assert (await task).reason == FULL

    asyncio.run(run())


def test_a_forgotten_request_is_not_queued_later() -> None:
    def run(engine: FakeEngine) -> None:
        engine.ask(1, 2, 3)
        pending = engine.submissions.ask(Payments.of((2, 4)), 180.0, lambda _: None)
        engine.turn()
        pending.forget()
        engine.ask(5)
        assert engine.submitted, "nobody waits before it any more"
        engine.decide(3)
        engine.turn()
        assert engine.queued == [1, 2, 3, 5]

    in_loop(run)


def test_one_that_is_late_and_finds_no_room_once_more_is_answered() -> None:
    async def run() -> None:
        engine = FakeEngine(room=0)
        answered = engine.ask(1, 1, wait_s=0.01)
        engine.turn()
        engine.decide(1)
        assert engine.submitted, "the engine has it again"
        await asyncio.sleep(0.05)
        engine.turn()
        with pytest.raises(NoRoom, match=FULL):
            answered[0].result()
        engine.decide(9)
        engine.turn()
        assert engine.queued == []

    asyncio.run(run())


# How much a turn takes on.


def _turns(engine: FakeEngine) -> list[list[int]]:
    """Let the engine answer all; for each turn, how many payments each of its requests has."""
    turns = []
    while engine.submitted:
        turns.append([len(event.payments) for event in engine.submitted])
        engine.turn()
    return turns


def test_a_turn_takes_on_as_much_as_a_block_holds() -> None:
    def run(engine: FakeEngine) -> None:
        engine.room = 10**6
        for _ in range(4):
            engine.ask_with_keys(*[1] * 20_000)
        engine.ask_with_keys(*[2] * 15_000)
        engine.ask_with_keys(*[3] * 5_000)
        for amount in range(4, 304):
            engine.ask(amount)
        turns = _turns(engine)
        assert turns[:5] == [[20_000], [20_000], [20_000], [20_000], [15_000, 5_000, *[1] * 254]]
        assert len(turns) == 6, "short requests share a turn"
        assert engine.queued[100_000:] == [*range(4, 304)], "in their order"
        engine.ask(1)
        assert _turns(engine) == [[1]]

    in_loop(run)


def test_requests_without_texts_share_a_turn() -> None:
    def run(engine: FakeEngine) -> None:
        engine.room = 10**6
        for _ in range(3):
            engine.ask(*[1] * 20_000)
        assert _turns(engine) == [[20_000] * 3]

    in_loop(run)


def test_text_takes_time_too() -> None:
    def run(engine: FakeEngine) -> None:
        engine.room = 10**6
        for _ in range(3):
            payments = Payments((2,) * 5_000, (1,) * 5_000, ("m" * 140,) * 5_000)
            engine.submissions.ask(payments, 180.0, lambda _: None)
        assert _turns(engine) == [[5_000]] * 3

    in_loop(run)


def test_one_that_finds_no_room_stays_before_those_that_wait_for_a_turn() -> None:
    def run(engine: FakeEngine) -> None:
        engine.room = 10_000
        engine.ask_with_keys(*[1] * 20_000)
        engine.ask_with_keys(*[2] * 20_000)
        engine.ask(3)
        assert _turns(engine) == [[20_000]] and engine.queued == []
        engine.decide(10_000)
        assert _turns(engine) == [[20_000], [20_000, 1]]
        engine.decide(30_000)
        assert [sum(turn) for turn in _turns(engine)] == [20_000, 1]
        assert engine.queued == [*[1] * 20_000, *[2] * 20_000, 3]

    in_loop(run)
