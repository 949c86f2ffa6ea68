"""The connection of a client: waited for as long as a caller said, and made again when lost."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest

from benmo.client import (
    AsyncClient,
    Misconfigured,
    NotConnected,
    OutcomeUnknown,
    Unavailable,
)
from benmo.control.connection import NotReached
from benmo.control.requests import (
    DecidedRange,
    Paid,
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


@pytest.mark.parametrize("timeout_s", [-1.0, math.nan, -math.inf])
@pytest.mark.parametrize("use", USES[:5], ids=["transfer", "find", "balances", "status", "chain"])
def test_a_time_that_is_none_is_said_and_nothing_is_sent(
    node: FakeNode, use: Callable[[AsyncClient, float], Awaitable[object]], timeout_s: float
) -> None:
    with pytest.raises(ValueError, match="a time is 0 seconds or more"):
        with_client(lambda client: use(client, timeout_s))
    assert node.asked == []
