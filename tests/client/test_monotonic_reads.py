"""Heights never go back, whatever a node answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from benmo.client import (
    AsyncClient,
    Inconsistent,
    Unavailable,
)
from benmo.control.requests import (
    AnsweredRequest,
    BlocksRead,
    ControlAnswer,
    DecidedRange,
    Paid,
    ReadBalances,
    ReadBlocks,
)
from tests.client.fake_nodes import (
    FakeNode,
    Script,
    a_chain,
    answering,
    balances_at,
    reads_of,
    serve_blocks,
    slots,
    status_at,
    with_client,
)


def test_balances_are_asked_for_at_no_lower_height_than_anything_shown_before(
    node: FakeNode,
) -> None:
    reads = reads_of(a_chain(6))

    async def test(client: AsyncClient) -> list[int]:
        node.script = answering(balances_at(2), balances_at(2))
        await client.balances()
        await client.balances()
        node.script = answering(
            lambda n: Paid(n, ((1, 2),), (DecidedRange(1, 2, 4),)), balances_at(4)
        )
        await client.transfer(1, 2)
        await client.balances(confirmed=True)
        node.script = serve_blocks(reads)
        assert [block.slot async for block in client.chain()] == [1, 2, 3, 4, 5, 6]
        node.script = answering(balances_at(6))
        await client.balances()
        node.script = answering(status_at(9))
        await client.status()
        node.script = answering(balances_at(9))
        await client.balances()
        return [each.height_min for each in node.asked if isinstance(each, ReadBalances)]

    assert with_client(test) == [0, 2, 4, 6, 9]


FIRST: dict[
    str, tuple[Callable[[int], ControlAnswer], Callable[[AsyncClient], Awaitable[object]]]
] = {
    "balances": (balances_at(5), lambda client: client.balances()),
    "status": (status_at(5), lambda client: client.status()),
    "a receipt": (
        lambda n: Paid(n, ((1, 2),), (DecidedRange(1, 2, 5),)),
        lambda client: client.transfer(1, 2),
    ),
}


LATER: dict[str, Callable[[AsyncClient], Awaitable[object]]] = {
    "balances": lambda client: client.balances(),
    "status": lambda client: client.status(),
    "the chain": lambda client: slots(client, 5),
}


def at_height(height: int, of_balances: int) -> Script:
    """A node at this height; it may say another one with the balances."""

    def script(request: AnsweredRequest) -> ControlAnswer:
        match request:
            case ReadBalances():
                return balances_at(of_balances)(request.number)
            case ReadBlocks():
                return BlocksRead(request.number, (), height)
            case _:
                return status_at(height)(request.number)

    return script


@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("first", FIRST)
def test_a_node_that_goes_back_is_not_believed(node: FakeNode, first: str, later: str) -> None:
    """It was restored from an old copy, or isn't the node that it was."""

    async def test(client: AsyncClient) -> None:
        answer, use = FIRST[first]
        node.script = answering(answer)
        await use(client)
        node.script = at_height(4, of_balances=4)
        with pytest.raises((Inconsistent, Unavailable)):
            await LATER[later](client)

    with_client(test)


@pytest.mark.parametrize("later", ["status", "the chain"])
def test_a_node_that_contradicts_itself_is_not_asked_for_ever(node: FakeNode, later: str) -> None:
    async def test(client: AsyncClient) -> None:
        node.script = answering(balances_at(5))
        await client.balances()
        node.script = at_height(4, of_balances=5)
        node.asks_max = 100
        with pytest.raises((Inconsistent, Unavailable)):
            await LATER[later](client)

    with_client(test)
