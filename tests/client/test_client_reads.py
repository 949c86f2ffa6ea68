"""What the client shows of what a node says: what can be checked is, and it never goes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from benmo.client import (
    AsyncClient,
    ClientError,
    Inconsistent,
    OutcomeUnknown,
    Payment,
)
from benmo.control.connection import NodeGone
from benmo.control.requests import (
    AnsweredRequest,
    BlockRead,
    BlocksRead,
    ControlAnswer,
    DecidedRange,
    Find,
    Found,
    FoundTransfer,
    NotDone,
    Paid,
    ReadBalances,
    ReadBlocks,
)
from tests.client.fake_nodes import (
    FakeNode,
    a_chain,
    answering,
    balances_at,
    reads_of,
    serve_blocks,
    slots,
    status_at,
    with_client,
)

# Keys.


@pytest.mark.parametrize(
    ("found", "outcome", "slot"),
    [
        (FoundTransfer(7, 2, 10, "May", 0, False), "queued", None),
        (FoundTransfer(7, 2, 10, "May", 4, False), "decided", 4),
        (FoundTransfer(7, 2, 10, "May", 4, True), "refused", 4),
    ],
)
def test_what_became_of_a_key(
    node: FakeNode, found: FoundTransfer, outcome: str, slot: int | None
) -> None:
    node.script = answering(lambda number: Found(number, found))
    receipt = with_client(lambda client: client.find("rent"))
    assert (receipt.id, receipt.outcome, receipt.slot) == ("1-7", outcome, slot)
    assert receipt.payment == Payment(10, 2, "rent", "May")


def test_a_key_that_was_never_used_is_none(node: FakeNode) -> None:
    node.script = answering(lambda number: Found(number, None))
    assert with_client(lambda client: client.find("rent")) is None


def test_what_became_of_a_key_is_asked_as_of_what_was_shown_before(node: FakeNode) -> None:
    decided = FoundTransfer(7, 2, 10, "", 4, False)

    async def test(client: AsyncClient) -> list[int]:
        node.script = answering(*[lambda number: Found(number, decided)] * 2)
        await client.find("rent")
        await client.find("rent")
        node.script = answering(balances_at(6), lambda number: Found(number, decided))
        await client.balances()
        await client.find("rent")
        return [each.height_min for each in node.asked if isinstance(each, Find)]

    assert with_client(test) == [0, 4, 6]


def test_a_payment_that_was_decided_before_is_not_told_to_be_only_queued(node: FakeNode) -> None:
    """The node was restarted, and doesn't know yet what it knew."""

    async def test(client: AsyncClient) -> None:
        node.script = answering(
            lambda n: Paid(n, ((1, 2),), (DecidedRange(1, 2, 5),), "", 5),
            lambda n: Paid(n, ((1, 2),), (), "why", 4),
            lambda n: Paid(n, ((2, 3),), (), "why", 4),
            lambda n: Paid(n, ((1, 2),), (), "why", 5),
        )
        assert (await client.transfer(1, 2, key="rent")).slot == 5
        with pytest.raises(OutcomeUnknown, match="at height 4, not 5") as caught:
            await client.transfer(1, 2, key="rent", wait="queued")
        assert (caught.value.keys, caught.value.ids) == (("rent",), ("1-1",))
        assert (await client.transfer(1, 2, wait="queued")).outcome == "queued", "a new one"
        assert (await client.transfer(1, 2, key="rent", wait="queued")).outcome == "queued"

    with_client(test)


def test_what_a_watcher_saw_is_not_undone_by_balances(node: FakeNode) -> None:
    reads = reads_of(a_chain(3))

    async def test(client: AsyncClient) -> int:
        node.script = serve_blocks(reads)
        watcher = client.watch(1)
        assert [(await anext(watcher)).slot for _ in range(3)] == [1, 2, 3]
        node.script = answering(balances_at(3))
        await client.balances()
        return next(each.height_min for each in node.asked if isinstance(each, ReadBalances))

    assert with_client(test) == 3


# Heights never go back.

# The chain.


@pytest.mark.parametrize("at_a_time", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (1, None, [1, 2, 3, 4, 5]),
        (2, 4, [2, 3, 4]),
        (3, 3, [3]),
        (4, 99, [4, 5]),
        (5, None, [5]),
        (6, None, []),
        (6, 9, []),
        (4, 3, []),
    ],
)
def test_a_part_of_the_chain(
    node: FakeNode, at_a_time: int, first: int, last: int | None, expected: list[int]
) -> None:
    node.script = serve_blocks(reads_of(a_chain(5)), at_a_time)
    assert with_client(lambda client: slots(client, first, last)) == expected


def test_a_block_is_shown_as_it_is_and_its_hash_is_computed_here(node: FakeNode) -> None:
    chain = a_chain(2)
    node.script = serve_blocks(reads_of(chain))

    async def test(client: AsyncClient) -> list[str]:
        return [block.hash async for block in client.chain()]

    assert with_client(test) == [each.block.hash for each in chain.blocks]


def tampered(read: BlockRead, old: bytes, new: bytes) -> BlockRead:
    assert read.data.count(old) == 1
    return BlockRead(read.data.replace(old, new), read.refused, read.skipped)


LIES: dict[str, Callable[[list[BlockRead]], Iterable[BlockRead]]] = {
    "an amount": lambda r: [r[0], tampered(r[1], b'"amount":[1]', b'"amount":[2]'), *r[2:]],
    "another's block": lambda r: [*r[:2], reads_of(other_chain())[2], *r[3:]],
    "two turned round": lambda r: [r[0], r[2], r[1], *r[3:]],
    "one left out": lambda r: [*r[:2], *r[3:]],
    "one twice": lambda r: [*r[:2], r[1], *r[2:]],
    "no block": lambda r: [*r[:2], BlockRead(b"{}", (), ()), *r[3:]],
    "one cut short": lambda r: [*r[:2], BlockRead(r[2].data[:-1], (), ()), *r[3:]],
}


def other_chain() -> Any:
    chain = a_chain(2)
    chain.decide(*a_chain(3).blocks[2].block.runs, *a_chain(1).blocks[0].block.runs)
    return chain


@pytest.mark.parametrize("at_a_time", [1, 2, 100])
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_chain_that_was_tampered_with_is_not_believed(
    node: FakeNode, lie: Callable[[list[BlockRead]], Iterable[BlockRead]], at_a_time: int
) -> None:
    node.script = serve_blocks(list(lie(reads_of(a_chain(5)))), at_a_time)
    with pytest.raises(Inconsistent):
        with_client(slots)


def test_more_than_was_asked_for_is_not_shown(node: FakeNode) -> None:
    reads = tuple(reads_of(a_chain(5)))
    node.script = answering(lambda number: BlocksRead(number, reads, 5))
    assert with_client(lambda client: slots(client, 1, 2)) == [1, 2]


# Watching.


async def take(client: AsyncClient, count: int, first: int | None = None) -> list[int]:
    seen: list[int] = []
    async for block in client.watch(first):
        seen.append(block.slot)
        if len(seen) == count:
            break
    return seen


def test_a_watcher_goes_on_after_a_lost_connection_where_it_was(node: FakeNode) -> None:
    serve = serve_blocks(reads_of(a_chain(5)), 1)

    def script(request: AnsweredRequest) -> ControlAnswer | Exception | None:
        if isinstance(request, ReadBlocks) and len(node.asked) % 2:
            return NodeGone("node 1 is gone")
        return serve(request)

    node.script = script
    node.refusals = []
    assert with_client(lambda client: take(client, 5, 1)) == [1, 2, 3, 4, 5]


def test_a_watcher_outlasts_a_connection_that_is_lost_before_it_is_used(node: FakeNode) -> None:
    serve = serve_blocks(reads_of(a_chain(3)), 1)
    node.script = serve

    async def test(client: AsyncClient) -> list[int]:
        node.gate = asyncio.Event()
        watcher = asyncio.ensure_future(take(client, 3, 1))
        await asyncio.sleep(0)
        node.gate.set()
        while not node.connections:
            await asyncio.sleep(0)
        node.connections[0].abort()
        return await watcher

    assert with_client(test) == [1, 2, 3]


def test_a_watcher_begins_with_the_next_block(node: FakeNode) -> None:
    serve = serve_blocks(reads_of(a_chain(6)), 1)
    at = status_at(4)
    node.script = lambda request: serve(request) or at(request.number)
    assert with_client(lambda client: take(client, 2)) == [5, 6]


@pytest.mark.parametrize("first", [0, -1])
def test_slots_begin_with_one(node: FakeNode, first: int) -> None:
    text = f"slots are numbered from 1, not {first}"
    node.script = lambda request: NotDone(request.number, text, True)
    node.asks_max = 100
    for use in (lambda client: slots(client, first), lambda client: take(client, 1, first)):
        with pytest.raises((ClientError, ValueError)):
            with_client(use)
