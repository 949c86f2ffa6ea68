"""The client of a healthy cluster: what it asks for is done once, and told as it is."""

from __future__ import annotations

import asyncio
import inspect
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from benmo.client import (
    AsyncClient,
    Balances,
    Client,
    ClientError,
    Payment,
    QueueFull,
    Reason,
    Refused,
)
from tests.client.conftest import LOG_LIMIT
from tests.support.processes import DEADLINE_S
from tests.support.real_cluster import RealCluster

# Paying.


def test_a_decided_payment_is_in_the_chain_where_the_receipt_says(client: Client, key: str) -> None:
    receipt = client.transfer(10, 2, key=key, memo="rent for May 🧾")
    assert receipt.outcome == "decided" and receipt.slot is not None
    (block,) = client.chain(receipt.slot, receipt.slot)
    (transfer,) = [each for each in block.transfers if each.id == receipt.id]
    assert (transfer.amount, transfer.debit_node, transfer.credit_node) == (10, 1, 2)
    assert (transfer.key, transfer.memo, transfer.outcome) == (key, "rent for May 🧾", "applied")


def test_a_key_pays_once_however_often_and_by_whomever_it_is_asked(
    healthy: RealCluster, client: Client, key: str
) -> None:
    with Client(1, healthy.state) as other, ThreadPoolExecutor(16) as users:
        asking = [
            users.submit((client, other)[index % 2].transfer, 10, 2, key=key) for index in range(32)
        ]
        receipts = [each.result(DEADLINE_S) for each in asking]
    assert len(set(receipts)) == 1
    assert client.find(key) == receipts[0]
    keys = [each.key for block in client.chain() for each in block.transfers]
    assert keys.count(key) == 1


def test_the_same_key_of_two_nodes_is_two_payments(
    healthy: RealCluster, client: Client, key: str
) -> None:
    with Client(2, healthy.state) as other:
        assert client.transfer(1, 3, key=key).id.startswith("1-")
        assert other.transfer(1, 3, key=key).id.startswith("2-")


def test_receipts_come_in_the_order_of_the_payments(client: Client, key: str) -> None:
    keys = [f"{key[:40]} {number}" for number in range(6)]
    once = client.transfer_many([Payment(1, 2, each) for each in keys[1::2]])
    payments = [Payment(1, 2, each) for each in reversed(keys)]
    receipts = client.transfer_many(payments)
    assert [each.payment.key for each in receipts] == keys[::-1]
    assert set(once) < set(receipts)
    assert len({each.id for each in receipts}) == 6


def test_nothing_to_pay_is_nothing(client: Client) -> None:
    assert client.transfer_many([]) == []


@pytest.mark.parametrize(
    ("payment", "reason"),
    [
        (Payment(10**9, 2), "node 1 has .* to spend.*, not 1000000000"),
        (Payment(0, 2), "the amount must be a whole number of 1 or more, not 0"),
        (Payment(-5, 2), "the amount must be a whole number of 1 or more, not -5"),
        (Payment(1, 1), "node 1 can't pay itself"),
        (Payment(1, 4), "there is no node 4: nodes are 1 to 3"),
        (Payment(1, 2, "k" * 65), "a key has at most 64 characters, not 65"),
        (Payment(1, 2, "a\nb"), "a key can't hold the invisible character U\\+000A"),
        (Payment(1, 2, None, "m" * 141), "a memo has at most 140 characters, not 141"),
        (Payment(1, 2, None, "\u202e"), "a memo can't hold the invisible character U\\+202E"),
    ],
)
def test_what_never_applies_is_refused_and_takes_the_rest_with_it(
    client: Client, key: str, payment: Payment, reason: str
) -> None:
    with pytest.raises(Refused, match=reason) as caught:
        client.transfer_many([Payment(1, 2, key), payment])
    assert type(caught.value) is Refused
    assert client.find(key) is None


def test_a_key_does_not_stand_for_another_payment(client: Client, key: str) -> None:
    receipt = client.transfer(10, 2, key=key)
    for payment in (Payment(11, 2, key), Payment(10, 3, key), Payment(10, 2, key, "memo")):
        with pytest.raises(Refused, match=f"was used for another payment, {receipt.id} "):
            client.transfer_many([payment])
    with pytest.raises(Refused, match="the same key stands twice"):
        client.transfer_many([Payment(1, 2, key), Payment(1, 2, key)])


def test_more_than_the_queue_can_ever_hold_is_refused_for_good(client: Client) -> None:
    """To ask again later, as after `QueueFull`, would be to ask for ever."""
    with pytest.raises(Refused) as caught:
        client.transfer_many([Payment(1, 2)] * (LOG_LIMIT + 1))
    assert not isinstance(caught.value, QueueFull)


# Reading.


def test_confirmed_balances_at_any_node_hold_what_was_decided_before(
    healthy: RealCluster, client: Client
) -> None:
    with Client(3, healthy.state) as reader:
        for _ in range(20):
            before = reader.balances(confirmed=True)
            receipt = client.transfer(1, 3)
            assert receipt.slot is not None
            after = reader.balances(confirmed=True)
            assert after.is_confirmed and after.height >= receipt.slot
            assert after[3] == before[3] + 1
            assert reader.balances().height >= after.height


def test_a_node_knows_its_own_payments(client: Client) -> None:
    receipt = client.transfer(1, 3)
    balances = client.balances()
    assert receipt.slot is not None
    assert balances.height >= receipt.slot and not balances.is_confirmed
    assert sum(balances.by_node.values()) == 300_000


def test_a_status_tells_of_the_node_and_its_links(client: Client) -> None:
    status = client.status()
    assert (status.node, status.quorum) == (1, True)
    assert [peer.node for peer in status.peers] == [2, 3]
    assert len(status.head) == 64 and status.height >= 0


def test_a_watcher_sees_each_block_once_and_in_order(healthy: RealCluster, client: Client) -> None:
    first = client.status().height + 1
    with Client(2, healthy.state) as reader, ThreadPoolExecutor(1) as paying:
        watcher = reader.watch(first)
        done = paying.submit(lambda: [client.transfer(1, 3) for _ in range(10)])
        seen = [next(watcher)]
        ids = {each.id for each in done.result(DEADLINE_S)}
        while not ids <= {each.id for block in seen for each in block.transfers}:
            seen.append(next(watcher))
    assert [block.slot for block in seen] == list(range(first, first + len(seen)))
    assert all(later.previous == block.hash for block, later in pairwise(seen))


# Threads, loops, cancellation, the end.


def test_many_threads_may_share_a_client(client: Client, key: str) -> None:
    before = client.balances(confirmed=True)

    def work(worker: int) -> tuple[set[str], list[int]]:
        ids, heights = set(), []
        for number in range(10):
            ids.add(client.transfer(1, 2, key=f"{key[:40]} {worker} {number}").id)
            heights += [client.balances().height, client.status().height]
        return ids, heights

    with ThreadPoolExecutor(8) as workers:
        results = list(workers.map(work, range(8), timeout=DEADLINE_S))
    assert len(set().union(*(ids for ids, _ in results))) == 80
    assert all(heights == sorted(heights) for _, heights in results)
    assert client.balances(confirmed=True)[2] == before[2] + 80


def test_clients_in_two_loops_do_not_meet(healthy: RealCluster, key: str) -> None:
    async def pay(node: int) -> Balances:
        async with AsyncClient(node, healthy.state) as client:
            await asyncio.gather(*(client.transfer(1, 3, key=f"{key} {n}") for n in range(20)))
            return await client.balances(confirmed=True)

    with ThreadPoolExecutor(2) as loops:
        done = [loops.submit(asyncio.run, pay(node)) for node in (1, 2)]
        heights = [each.result(DEADLINE_S).height for each in done]
    assert min(heights) > 0


def test_whoever_is_cancelled_leaves_the_payment_to_its_key(healthy: RealCluster, key: str) -> None:
    async def test() -> None:
        async with AsyncClient(1, healthy.state) as client:
            await client.status()
            keys = [f"{key} {number}" for number in range(50)]
            tasks = [asyncio.ensure_future(client.transfer(1, 2, key=each)) for each in keys]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in results)
            receipts = [await client.transfer(1, 2, key=each) for each in keys]
            chain = [block async for block in client.chain()]
            paid = [each.key for block in chain for each in block.transfers if each.key in keys]
            assert sorted(paid) == sorted(keys)
            assert len({receipt.id for receipt in receipts}) == 50

    asyncio.run(asyncio.wait_for(test(), DEADLINE_S))


def test_a_closed_client_says_so(healthy: RealCluster) -> None:
    client = Client(1, healthy.state)
    client.status()
    client.close()
    client.close()
    with pytest.raises(ValueError, match="this client is closed"):
        client.transfer(1, 2)
    with pytest.raises(ValueError, match="this client is closed"):
        next(client.watch(1))


@pytest.mark.parametrize("closers", [1, 3])
def test_whatever_is_under_way_when_a_client_closes_ends_with_its_own_error(
    healthy: RealCluster, closers: int
) -> None:
    """None hangs, and none ends with an error of the machinery below, whenever it comes."""
    errors = [
        error for _ in range(20) for error in errors_at_close(Client(1, healthy.state), closers)
    ]
    assert [error for error in errors if not isinstance(error, ClientError | ValueError)] == []


def errors_at_close(client: Client, closers: int) -> list[BaseException]:
    """What eight users of a client meet that is closed while they work."""
    begun = threading.Barrier(8 + closers, timeout=DEADLINE_S)
    uses: list[Callable[[], object]] = [
        lambda: client.transfer(1, 2),
        client.balances,
        lambda: client.balances(confirmed=True),
        lambda: list(client.watch()),
    ]

    def use(index: int) -> None:
        begun.wait()
        while True:
            uses[index % 4]()

    def close() -> None:
        begun.wait()
        client.close()

    with ThreadPoolExecutor(8 + closers) as pool:
        working = [pool.submit(use, index) for index in range(8)]
        closing = [pool.submit(close) for _ in range(closers)]
        ends = [each.exception(DEADLINE_S) for each in (*working, *closing)]
    return [end for end in ends if end is not None]


# Why a payment is refused, for programs.


@pytest.mark.parametrize(
    ("payments", "reason"),
    [
        ([Payment(10**6, 2)], Reason.NOT_COVERED),
        ([Payment(1, 9)], Reason.UNKNOWN_NODE),
        ([Payment(1, 2**80)], Reason.UNKNOWN_NODE),
        ([Payment(1, 1)], Reason.OWN_NODE),
        ([Payment(0, 2)], Reason.BAD_AMOUNT),
        ([Payment(2**80, 2)], Reason.BAD_AMOUNT),
        ([Payment(1, 2, key="a\nb")], Reason.BAD_KEY),
        ([Payment(1, 2, key="")], Reason.BAD_KEY),
        ([Payment(1, 2, memo="m" * 141)], Reason.BAD_MEMO),
        ([Payment(1, 2, memo="")], Reason.BAD_MEMO),
        ([Payment(1, 2, "twice"), Payment(1, 2, "twice")], Reason.KEY_CONFLICT),
        ([Payment(1, 2)] * (LOG_LIMIT + 1), Reason.TOO_MANY),
        ([Payment(1, 2)] * 20_001, Reason.TOO_MANY),
    ],
    ids=repr,
)
def test_a_program_can_tell_why_it_was_refused(
    client: Client, payments: list[Payment], reason: Reason
) -> None:
    with pytest.raises(Refused) as caught:
        client.transfer_many(payments)
    assert caught.value.reason is reason
    if len(payments) == 1:
        (only,) = payments
        with pytest.raises(Refused) as caught:
            client.transfer(only.amount, only.to, key=only.key, memo=only.memo)
        assert caught.value.reason is reason


def test_a_key_of_another_payment_is_a_conflict(client: Client, key: str) -> None:
    client.transfer(1, 2, key=key)
    with pytest.raises(Refused, match="was used for another payment") as caught:
        client.transfer(2, 2, key=key)
    assert caught.value.reason is Reason.KEY_CONFLICT


def test_help_says_of_each_method_what_it_promises() -> None:
    for name in ("transfer", "transfer_many", "transfer_columns", "find", "balances", "chain"):
        assert getattr(Client, name).__doc__ == getattr(AsyncClient, name).__doc__
    told = AsyncClient.transfer.__doc__ or ""
    for argument in inspect.signature(Client.transfer).parameters.keys() - {"self"}:
        assert re.search(rf"^ +{argument}  ", told, re.MULTILINE), argument
