"""What the client says of what a node says, or fails to say: never more than is true."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from benmo.client import (
    AsyncClient,
    ClientError,
    Misconfigured,
    NotConnected,
    OutcomeUnknown,
    Payment,
    QueueFull,
    Refused,
    Unavailable,
)
from benmo.control.connection import NodeGone, NotReached
from benmo.control.requests import (
    AnsweredRequest,
    BalancesRead,
    ControlAnswer,
    DecidedRange,
    NotDone,
    Paid,
    Pay,
    Ran,
    RunLine,
)
from benmo.errors import StateError
from tests.client.fake_nodes import (
    DEADLINE_S,
    FakeNode,
    a_chain,
    answering,
    reads_of,
    serve_blocks,
    status_at,
    with_client,
)
from tests.support.idle_clock import run_on_idle_clock

AWAY = NotReached("node 1 is not running")


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    return FakeNode().replace(monkeypatch)


# Payments: decided, or one of three.


def test_a_decided_payment_has_a_receipt(node: FakeNode) -> None:
    node.script = answering(lambda number: Paid(number, ((17, 18),), (DecidedRange(15, 18, 7),)))
    receipt = with_client(lambda client: client.transfer(10, 2, key="rent", memo="May"))
    assert (receipt.id, receipt.outcome, receipt.slot) == ("1-17", "decided", 7)
    assert receipt.payment == Payment(10, 2, "rent", "May")


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (lambda n: NotDone(n, "node 1 has 0 to spend", True), Refused, "node 1 has 0 to spend"),
        (lambda n: NotDone(n, "queue is full", False), QueueFull, "queue is full"),
        (
            lambda n: Paid(n, ((17, 18),), (DecidedRange(17, 18, 7, (17,)),)),
            Refused,
            "1-17 .* void",
        ),
        (lambda n: Paid(n, ((17, 18),), (), "no quorum"), OutcomeUnknown, "not decided: no quorum"),
        (lambda n: Paid(n, ((17, 18),), (DecidedRange(1, 17, 6),), "slow"), OutcomeUnknown, "slow"),
    ],
    ids=["refused", "full", "void", "queued", "others decided"],
)
def test_what_is_not_decided_is_never_a_receipt_of_a_decision(
    node: FakeNode, answer: Callable[[int], ControlAnswer], error: type[ClientError], text: str
) -> None:
    node.script = answering(answer)
    with pytest.raises(error, match=text) as caught:
        with_client(lambda client: client.transfer(10, 2, key="rent"))
    assert type(caught.value) is error


def test_what_was_sent_and_not_answered_is_unknown_and_named(node: FakeNode) -> None:
    payments = [Payment(1, 2, "rent"), Payment(1, 2), Payment(1, 3, "food")]
    for fate in (NodeGone("node 1 is gone: it did not answer"), None):
        node.script = lambda request, fate=fate: fate  # type: ignore[misc]
        with pytest.raises(OutcomeUnknown) as caught:
            with_client(lambda client: client.transfer_many(payments, timeout_s=0.05))
        assert caught.value.keys == ("rent", "food") and caught.value.ids == ()
        assert str(caught.value)


def test_of_what_is_queued_the_ids_are_named(node: FakeNode) -> None:
    node.script = answering(
        lambda number: Paid(number, ((8, 9), (3, 4)), (DecidedRange(3, 4, 2),), "why")
    )
    with pytest.raises(OutcomeUnknown) as caught:
        with_client(lambda client: client.transfer_many([Payment(1, 2, "a"), Payment(1, 3, "b")]))
    assert caught.value.ids == ("1-8", "1-3")


def test_queued_is_an_answer_for_whoever_asked_for_that(node: FakeNode) -> None:
    node.script = answering(lambda number: Paid(number, ((17, 18),), ()))
    receipt = with_client(lambda client: client.transfer(10, 2, wait="queued"))
    assert (receipt.id, receipt.outcome, receipt.slot) == ("1-17", "queued", None)
    (request,) = node.asked
    assert isinstance(request, Pay) and request.wait_s == 0.0


@pytest.mark.parametrize(
    "answer",
    [
        lambda number: Paid(number, (), ()),
        lambda number: Paid(number, ((1, 3),), (DecidedRange(1, 3, 1),)),
        lambda number: Ran(number, 0, "hello", False),
    ],
)
def test_a_node_that_answers_something_else_is_not_believed(
    node: FakeNode, answer: Callable[[int], ControlAnswer]
) -> None:
    """But the payment was sent, so it may have been made."""
    node.script = answering(answer)
    with pytest.raises(OutcomeUnknown) as caught:
        with_client(lambda client: client.transfer(10, 2, key="rent"))
    assert caught.value.keys == ("rent",)


# Not connected: nothing was sent.


def test_a_node_that_comes_in_time_is_waited_for(node: FakeNode) -> None:
    node.refusals = [AWAY] * 5
    node.script = answering(lambda number: Paid(number, ((1, 2),), (DecidedRange(1, 2, 1),)))
    assert with_client(lambda client: client.transfer(10, 2)).outcome == "decided"


def test_a_node_that_does_not_come_is_not_connected_and_nothing_is_sent(node: FakeNode) -> None:
    node.refusals = [AWAY] * 100_000
    for use in USES:
        with pytest.raises(NotConnected, match="node 1 is not running"):
            with_client(lambda client, use=use: use(client, 0.01))  # type: ignore[misc]
    assert node.asked == []


def test_a_node_that_is_not_there_is_not_waited_for_as_long_as_a_decision(node: FakeNode) -> None:
    node.refusals = [AWAY] * 100_000

    async def test() -> None:
        async with AsyncClient(1, connect_timeout_s=0.01) as client:
            for use in USES[:-1]:
                with pytest.raises(NotConnected, match="node 1 is not running"):
                    await asyncio.wait_for(use(client, 10 * DEADLINE_S), DEADLINE_S)
            with pytest.raises(NotConnected, match="node 1 is not running"):
                await anext(client.watch(reconnect_s=0.02))

    run_on_idle_clock(test())
    assert node.asked == []


def test_a_watcher_waits_as_long_as_he_said_also_for_the_first_block(node: FakeNode) -> None:
    node.refusals = [AWAY] * 20
    status = status_at(3)
    blocks = serve_blocks(reads_of(a_chain(4)))
    node.script = lambda request: (
        status(request.number) if isinstance(request, RunLine) else blocks(request)
    )

    async def test() -> int:
        async with AsyncClient(1, connect_timeout_s=0.001) as client:
            return (await anext(client.watch(reconnect_s=DEADLINE_S))).slot

    assert run_on_idle_clock(asyncio.wait_for(test(), DEADLINE_S)) == 4


USES: list[Callable[[AsyncClient, float], Awaitable[object]]] = [
    lambda client, timeout_s: client.transfer(1, 2, key="k", timeout_s=timeout_s),
    lambda client, timeout_s: client.find("k", timeout_s=timeout_s),
    lambda client, timeout_s: client.balances(timeout_s=timeout_s),
    lambda client, timeout_s: client.status(timeout_s=timeout_s),
    lambda client, timeout_s: anext(client.chain(timeout_s=timeout_s)),
    lambda client, timeout_s: anext(client.watch(1, reconnect_s=timeout_s)),
]


def test_what_trying_again_does_not_help_is_said_at_once(node: FakeNode) -> None:
    node.refusals = [StateError("state holds no cluster")]
    with pytest.raises(Misconfigured, match="state holds no cluster"):
        with_client(lambda client: client.transfer(10, 2))


def test_a_connection_that_was_lost_meanwhile_is_made_again(node: FakeNode) -> None:
    node.script = answering(*[lambda number: Paid(number, ((1, 2),), (DecidedRange(1, 2, 1),))] * 2)

    async def test(client: AsyncClient) -> None:
        await client.transfer(1, 2)
        node.connections[0].abort()
        await client.transfer(1, 2)

    with_client(test)
    assert len(node.connections) == 2


def test_each_caller_waits_for_the_connection_as_long_as_he_said(node: FakeNode) -> None:
    """Neither as long as the first one, nor only as long."""

    async def test(client: AsyncClient) -> None:
        node.gate = asyncio.Event()
        patient = asyncio.ensure_future(client.transfer(1, 2, timeout_s=DEADLINE_S))
        await asyncio.sleep(0)
        with pytest.raises(NotConnected):
            await client.transfer(1, 2, timeout_s=0.01)
        node.script = answering(lambda number: Paid(number, ((1, 2),), (DecidedRange(1, 2, 1),)))
        node.gate.set()
        assert (await patient).outcome == "decided"

    with_client(test)


def test_whoever_comes_first_in_a_hurry_does_not_spoil_it_for_the_patient(node: FakeNode) -> None:
    async def test(client: AsyncClient) -> None:
        node.gate = asyncio.Event()
        hasty = asyncio.ensure_future(client.transfer(1, 2, timeout_s=0.01))
        await asyncio.sleep(0)
        patient = asyncio.ensure_future(client.transfer(1, 2, timeout_s=DEADLINE_S))
        with pytest.raises(NotConnected):
            await hasty
        node.script = answering(lambda number: Paid(number, ((1, 2),), (DecidedRange(1, 2, 1),)))
        node.gate.set()
        assert (await patient).outcome == "decided"

    with_client(test)


@pytest.mark.parametrize(
    "use", USES, ids=["transfer", "find", "balances", "status", "chain", "watch"]
)
@pytest.mark.parametrize("is_connected", [True, False])
def test_what_is_under_way_when_the_client_closes_ends_with_its_own_error(
    node: FakeNode, use: Callable[[AsyncClient, float], Awaitable[object]], is_connected: bool
) -> None:
    async def test(client: AsyncClient) -> BaseException | None:
        node.gate = asyncio.Event()
        if is_connected:
            node.gate.set()
        task = asyncio.ensure_future(use(client, DEADLINE_S))
        for _ in range(5):
            await asyncio.sleep(0)
        assert bool(node.asked) == is_connected
        await client.close()
        await asyncio.wait([task], timeout=DEADLINE_S)
        assert task.done(), "it waits although the client is closed"
        assert not task.cancelled(), "nobody cancelled it"
        return task.exception()

    error = with_client(test)
    if use is USES[0]:
        assert type(error) is (OutcomeUnknown if is_connected else NotConnected)
    else:
        assert isinstance(error, Unavailable | NotConnected)
    assert not any(connection.is_open for connection in node.connections)


def test_a_caller_who_is_cancelled_leaves_the_others_their_connection(node: FakeNode) -> None:
    async def test(client: AsyncClient) -> None:
        node.gate = asyncio.Event()
        gone = asyncio.ensure_future(client.transfer(1, 2))
        stays = asyncio.ensure_future(client.transfer(1, 2))
        await asyncio.sleep(0)
        gone.cancel()
        node.script = answering(lambda number: Paid(number, ((1, 2),), (DecidedRange(1, 2, 1),)))
        node.gate.set()
        assert (await stays).outcome == "decided"
        assert gone.cancelled()

    with_client(test)


# What is wrong with a request, before it is sent.


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"amount": True}, TypeError),
        ({"amount": 1.0}, TypeError),
        ({"amount": "1"}, TypeError),
        ({"to": None}, TypeError),
        ({"key": 7}, TypeError),
        ({"memo": b"x"}, TypeError),
        ({"key": ""}, Refused),
        ({"amount": 2**63}, Refused),
        ({"to": -(2**70)}, Refused),
        ({"key": "\ud800"}, Refused),
        ({"memo": "\udfff"}, Refused),
        ({"wait": "soon"}, ValueError),
    ],
)
def test_what_can_not_be_sent_is_refused_and_not_sent(
    node: FakeNode, arguments: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        with_client(lambda client: client.transfer(**{"amount": 1, "to": 2} | arguments))
    assert node.asked == []


def test_what_is_no_payment_is_named(node: FakeNode) -> None:
    tuples: Any = [(1, 2)]
    with pytest.raises(TypeError, match=r"a payment is a benmo.client.Payment, not \(1, 2\)"):
        with_client(lambda client: client.transfer_many(tuples))
    assert node.asked == []


@pytest.mark.parametrize("named", ["1", 1.0, True, None])
def test_what_names_no_node_is_said_at_once(named: Any) -> None:
    with pytest.raises(TypeError, match="the node must be a whole number, not"):
        AsyncClient(named)


def test_too_many_payments_at_a_time_are_refused(node: FakeNode) -> None:
    many = [Payment(1, 2)] * 20_001
    long = [Payment(1, 2, None, "🧾" * 120)] * 10_001
    for payments in (many, long):
        with pytest.raises(Refused, match=r"at most 20,000 payments, or 1,200,000 char.* parts$"):
            with_client(partial(AsyncClient.transfer_many, payments=payments))
    assert node.asked == []


@pytest.mark.parametrize("timeout_s", [-1.0, math.nan, -math.inf])
@pytest.mark.parametrize("use", USES[:5], ids=["transfer", "find", "balances", "status", "chain"])
def test_a_time_that_is_none_is_said_and_nothing_is_sent(
    node: FakeNode, use: Callable[[AsyncClient, float], Awaitable[object]], timeout_s: float
) -> None:
    with pytest.raises(ValueError, match="a time is 0 seconds or more"):
        with_client(lambda client: use(client, timeout_s))
    assert node.asked == []


# Several nodes to read from.


@pytest.mark.parametrize(
    "fate",
    [None, NodeGone("node 1 is gone"), NotDone(1, "node 1 is at height 3, not 4", True)],
    ids=["silent", "gone", "behind"],
)
def test_another_node_is_asked_in_a_call_that_the_first_does_not_answer(
    node: FakeNode, fate: ControlAnswer | Exception | None
) -> None:
    """And again from then on."""

    def script(request: AnsweredRequest) -> ControlAnswer | Exception | None:
        if len(node.asked) == 1:
            return fate
        return BalancesRead(request.number, ((1, 100),), 4)

    async def read() -> list[int]:
        async with AsyncClient(1, nodes=[1, 2]) as client:
            assert [(await client.balances(timeout_s=4)).height for _ in range(2)] == [4, 4]
            return [connection.node for connection in node.connections]

    node.script = script
    assert run_on_idle_clock(read()) == [1, 2]
    assert len(node.asked) == 3


def test_a_payment_is_asked_of_the_payer_alone(node: FakeNode) -> None:
    async def pay() -> None:
        async with AsyncClient(1, nodes=[2, 3]) as client:
            for use in (client.transfer(10, 2, timeout_s=3), client.find("rent", timeout_s=3)):
                with pytest.raises((OutcomeUnknown, Unavailable), match="node 1"):
                    await use
            assert [connection.node for connection in node.connections] == [1]

    run_on_idle_clock(pay())
    assert len(node.asked) == 2
