"""What the client says of what a node says, or fails to say: never more than is true."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from benmo.client import (
    AsyncClient,
    ClientError,
    OutcomeUnknown,
    Payment,
    QueueFull,
    Refused,
    Unavailable,
)
from benmo.control.connection import NodeGone
from benmo.control.requests import (
    AnsweredRequest,
    BalancesRead,
    ControlAnswer,
    DecidedRange,
    NotDone,
    Paid,
    Pay,
    Ran,
)
from tests.client.fake_nodes import (
    FakeNode,
    answering,
    with_client,
)
from tests.support.idle_clock import run_on_idle_clock

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
