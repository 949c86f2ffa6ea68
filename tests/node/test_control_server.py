"""How a node waits for what a confirmed read has to include."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from benmo.control.member_requests import ProposeChange
from benmo.control.requests import (
    BalancesRead,
    Hurry,
    NotDone,
    Pay,
    ReadBalances,
    decode_answer,
    encode,
)
from benmo.control.tape_requests import Listen, Taped
from benmo.deadlines import Deadlines
from benmo.errors import Reason
from benmo.ledger.blocks import change_body
from benmo.ledger.transfers import BLOCK_TRANSFERS_MAX, Payments
from benmo.network.frames import FrameReader
from benmo.network.rights import Right
from benmo.node.change_requests import ChangeRequests
from benmo.node.commanders import Commanders
from benmo.node.control_server import ControlServer
from benmo.node.decision_waits import DecisionWaits
from benmo.node.service import Service
from benmo.node.submissions import PendingPayment
from benmo.node.tape_feed import TapeListener
from benmo.paxos.membership import numbered_member
from benmo.paxos.types import Change, ChangeKind
from benmo.tape.world_records import NoteRecord

WAIT_S = 180.0
REMOVAL = Change(ChangeKind.REMOVE, 3, replaces=numbered_member(3))


def do_nothing(_listener: TapeListener) -> None:
    """Nobody needs to know who listens no more."""


class StandIn:
    """A service at a height, whose chain a quorum confirms or doesn't."""

    def __init__(self, height: int, is_confirmed: bool = True) -> None:
        self.node = 1
        self.height = height
        self.balances = {1: 5}
        self.has_quorum = True
        self.view = self
        self.has_failed = False
        self.commanders = Commanders()
        self._is_confirmed = is_confirmed
        self.asked = 0
        self.submissions = self
        self.pending: list[PendingPayment] = []
        self.done: list[Callable[[PendingPayment], object]] = []
        self.changes = ChangeRequests(lambda _event: self.happened.append("change"))
        self.happened: list[str] = []
        self.tape = self
        self.listener = TapeListener(do_nothing)
        self.has_fault = False

    async def until_settled(self) -> None:
        pass

    def listen(self, _heartbeats: bool) -> TapeListener:
        return self.listener

    def is_rest_over(self) -> bool:
        assert not self.has_fault
        return False

    def hurry(self) -> None:
        self.happened.append("hurry")

    async def until_confirmed(self) -> int:
        self.asked += 1
        if not self._is_confirmed:
            await asyncio.get_running_loop().create_future()
        return self.height

    def ask(
        self,
        payments: Payments,
        wait_s: float,
        done: Callable[[PendingPayment], object],
        admitted: Callable[[], object],
        room_s: float,
    ) -> PendingPayment:
        """Keep a request to pay without an answer."""
        pending = PendingPayment(
            DecisionWaits(1),
            Deadlines(PendingPayment.time_is_up),
            payments,
            wait_s,
            done,
            admitted,
            room_s,
        )
        self.pending.append(pending)
        self.done.append(done)
        return self.pending[-1]

    async def until_height(self, height: int, timeout_s: float) -> bool:
        await asyncio.sleep(min(timeout_s, 0.01))
        return self.height >= height


class Connection:
    """Where a control server writes to."""

    def __init__(self) -> None:
        self.written: asyncio.Queue[bytes] = asyncio.Queue()
        self.aborted = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.written.put_nowait(data[4:])

    def abort(self) -> None:
        self.aborted.set()

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


async def answer_to(service: StandIn, request: ReadBalances | Pay) -> BalancesRead | NotDone:
    server = ControlServer(cast(Service, service), Right.COMMAND)
    connection = Connection()
    FrameReader.connection_made(server, cast(asyncio.Transport, connection))
    server.on_frame(encode(request))
    answer = decode_answer(await asyncio.wait_for(connection.written.get(), WAIT_S))
    assert isinstance(answer, BalancesRead | NotDone)
    return answer


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_a_quorum_is_asked_for_a_confirmed_read_alone(is_confirmed: bool) -> None:
    service = StandIn(3)
    answer = asyncio.run(answer_to(service, ReadBalances(1, is_confirmed, 0, WAIT_S)))
    assert answer == BalancesRead(1, ((1, 5),), 3)
    assert service.asked == is_confirmed


def test_a_read_that_no_answer_allows_says_so() -> None:
    answer = asyncio.run(answer_to(StandIn(3, is_confirmed=False), ReadBalances(1, True, 0, 0.2)))
    assert isinstance(answer, NotDone)
    assert answer.reason == "no quorum has answered node 1 yet"


def test_a_height_that_was_shown_before_is_waited_for() -> None:
    answer = asyncio.run(answer_to(StandIn(3), ReadBalances(1, False, 4, 0.2)))
    assert answer == NotDone(1, "node 1 is at height 3, not 4", True)


def test_more_payments_than_a_request_holds_are_refused_before_anything_is_done() -> None:
    count = BLOCK_TRANSFERS_MAX + 1
    payments = Payments((2,) * count, (1,) * count)
    answer = asyncio.run(answer_to(StandIn(3), Pay(1, payments, 1.0)))
    assert answer == NotDone(1, str(payments.why_too_much()), True, Reason.TOO_MANY.value)


def test_a_request_to_pay_takes_the_room_of_its_columns_until_it_is_answered() -> None:
    async def scenario() -> None:
        service = StandIn(3)
        server = ControlServer(cast(Service, service), Right.COMMAND)
        FrameReader.connection_made(server, cast(asyncio.Transport, Connection()))
        count = BLOCK_TRANSFERS_MAX
        payments = Payments((2,) * count, (1,) * count, ("m" * 10,) * count, ("k" * 20,) * count)
        server.on_frame(encode(Pay(1, payments, 1.0)))
        columns_bytes = count * (110 + 60 + 10 + 60 + 20)
        assert 0.9 * columns_bytes < server._requests_bytes < 1.1 * columns_bytes
        (pending,) = service.pending
        pending.forget()
        service.done[0](pending)
        assert server._requests_bytes == 0

    asyncio.run(scenario())


def test_a_change_and_a_hurry_that_come_together_are_handled_in_that_order() -> None:
    """The other way round, nothing is there yet to campaign for."""

    async def scenario() -> None:
        service = StandIn(3)
        server = ControlServer(cast(Service, service), Right.COMMAND)
        FrameReader.connection_made(server, cast(asyncio.Transport, Connection()))
        server.on_frame(encode(ProposeChange(1, change_body(REMOVAL), WAIT_S)))
        server.on_frame(encode(Hurry()))
        while len(service.happened) < 2:
            await asyncio.sleep(0)
        assert service.happened == ["change", "hurry"]

    asyncio.run(asyncio.wait_for(scenario(), WAIT_S))


def test_records_that_waited_long_come_in_several_frames_that_say_up_to_when_they_are() -> None:
    async def scenario() -> None:
        service = StandIn(3)
        for number in range(1, 1501):
            record = NoteRecord(node=1, life=9, number=number, time=number / 1e3, text="x" * 2000)
            service.listener.put(record)
        server, connection = ControlServer(cast(Any, service), Right.COMMAND), Connection()
        FrameReader.connection_made(server, cast(asyncio.Transport, connection))
        server.on_frame(encode(Listen(1)))
        taken = 0
        while taken < 1500:
            payload = await asyncio.wait_for(connection.written.get(), WAIT_S)
            answer = decode_answer(payload)
            assert isinstance(answer, Taped) and len(payload) < 1.1 * (1 << 20)
            taken += len(answer.records)
            until = (taken + 1) / 1e3  # the next record's time
            assert answer.now == pytest.approx(until) if taken < 1500 else answer.now > until
        service.has_fault = True
        await asyncio.wait_for(connection.aborted.wait(), WAIT_S)
        server.connection_lost(None)

    asyncio.run(scenario())
