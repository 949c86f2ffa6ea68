"""Ten thousand payments of twenty programs, while nodes are killed and started: each paid once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from benmo.client import (
    AsyncClient,
    Block,
    NotConnected,
    OutcomeUnknown,
    Payment,
    QueueFull,
    Receipt,
)
from tests.support.real_cluster import RealCluster

SEED = 20
PAYMENTS = 10_000
CLIENTS_PER_NODE = 4
BATCH = 25
BALANCE = 1_000_000
ROUNDS_OF_KILLS = 2
DEADLINE_S = 500.0


@dataclass
class Progress:
    """What is decided so far, and how often a client had to ask again, and why."""

    receipts: dict[str, Receipt] = field(default_factory=dict)
    again: Counter[str] = field(default_factory=Counter)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def decided(self, receipts: Iterable[Receipt]) -> None:
        async with self.changed:
            for receipt in receipts:
                assert receipt.outcome == "decided", receipt
                assert receipt.payment.key is not None
                assert receipt.payment.key not in self.receipts
                self.receipts[receipt.payment.key] = receipt
            self.changed.notify_all()

    async def reaches(self, count: int, without: tuple[int, ...] = ()) -> None:
        """Wait until so many are decided, or all but those of the nodes that are down."""

        def is_reached() -> bool:
            payers = Counter(int(receipt.id[0]) for receipt in self.receipts.values())
            waits_for = [node for node in range(1, 6) if node not in without]
            is_over = all(payers[node] == PAYMENTS // 5 for node in waits_for)
            return len(self.receipts) >= count or is_over

        async with self.changed:
            await self.changed.wait_for(is_reached)


def payments_of(client: int, node: int, random: Random) -> list[Payment]:
    others = [other for other in range(1, 6) if other != node]
    return [
        Payment(random.randint(1, 9), random.choice(others), f"client {client}, no. {number}")
        for number in range(PAYMENTS // 20)
    ]


async def until_decided(pay: Callable[[], Awaitable[list[Receipt]]], progress: Progress) -> None:
    """Ask with the same keys until it is decided, as a program does that wants to pay once."""
    while True:
        before = len(progress.receipts)
        try:
            await progress.decided(await pay())
            return
        except QueueFull as error:
            progress.again[type(error).__name__] += 1
            await progress.reaches(before + 1)
        except (OutcomeUnknown, NotConnected) as error:
            progress.again[type(error).__name__] += 1


async def work(client: AsyncClient, payments: list[Payment], progress: Progress) -> None:
    """Half of the payments one by one, ten of them under way at a time; the others in batches."""
    half = len(payments) // 2
    singles: Iterator[Payment] = iter(payments[:half])

    async def one_by_one() -> None:
        for payment in singles:

            async def pay(payment: Payment = payment) -> list[Receipt]:
                return [await client.transfer(payment.amount, payment.to, key=payment.key)]

            await until_decided(pay, progress)

    async def in_batches() -> None:
        for start in range(half, len(payments), BATCH):

            async def pay(start: int = start) -> list[Receipt]:
                return await client.transfer_many(payments[start : start + BATCH], timeout_s=5.0)

            await until_decided(pay, progress)

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(one_by_one())
        group.create_task(in_batches())


def groups_to_kill(random: Random) -> list[tuple[int, ...]]:
    """One node or two at a time, so that a majority stays; each node once in every round."""
    groups: list[tuple[int, ...]] = []
    for _ in range(ROUNDS_OF_KILLS):
        nodes = random.sample(range(1, 6), 5)
        while nodes:
            size = min(len(nodes), random.choice((1, 2)))
            groups.append(tuple(nodes.pop() for _ in range(size)))
    return groups


async def kill_and_restart(cluster: RealCluster, progress: Progress, random: Random) -> None:
    groups = groups_to_kill(random)
    step = PAYMENTS // (len(groups) + 2)
    for index, group in enumerate(groups):
        await progress.reaches(index * step + random.randrange(step // 2))
        await asyncio.to_thread(cluster.kill, *group)
        await progress.reaches(len(progress.receipts) + random.randrange(1, step // 4), group)
        await asyncio.to_thread(cluster.start, *group)


async def pay_all(cluster: RealCluster, progress: Progress) -> list[Payment]:
    random = Random(SEED)
    clients = [
        AsyncClient(node, cluster.state) for node in cluster.nodes for _ in range(CLIENTS_PER_NODE)
    ]
    wanted = [payments_of(index, client.node, random) for index, client in enumerate(clients)]
    async with asyncio.TaskGroup() as group:
        for client, payments in zip(clients, wanted, strict=True):
            group.create_task(work(client, payments, progress))
        group.create_task(kill_and_restart(cluster, progress, random))
    for client in clients:
        await client.close()
    return [payment for payments in wanted for payment in payments]


async def chain_of(client: AsyncClient) -> list[Block]:
    return [block async for block in client.chain()]


@pytest.mark.timeout(600)
def test_ten_thousand_payments_are_paid_once_each_while_nodes_are_killed(tmp_path: Path) -> None:
    cluster = RealCluster(tmp_path, tenure="stable", log_limit="120", balance=str(BALANCE))
    with cluster:
        cluster.start()
        asyncio.run(asyncio.wait_for(_pay_and_check(cluster), DEADLINE_S))


async def _pay_and_check(cluster: RealCluster) -> None:
    progress = Progress()
    payments = await pay_all(cluster, progress)
    assert len(payments) == len(progress.receipts) == PAYMENTS
    assert progress.again["OutcomeUnknown"] > 0, "the kills met no request"
    async with AsyncClient(1, cluster.state) as client:
        confirmed = await client.balances(confirmed=True)
        chain = await chain_of(client)
    assert len(chain) >= confirmed.height
    _require_each_once(chain, progress)
    expected = dict.fromkeys(cluster.nodes, BALANCE)
    for receipt in progress.receipts.values():
        expected[int(receipt.id.partition("-")[0])] -= receipt.payment.amount
        expected[receipt.payment.to] += receipt.payment.amount
    for node in cluster.nodes:
        async with AsyncClient(node, cluster.state) as client:
            assert (await client.balances(confirmed=True)).by_node == expected
            assert [block.hash for block in await chain_of(client)] == [
                block.hash for block in chain
            ]


def _require_each_once(chain: list[Block], progress: Progress) -> None:
    applied = {
        (block.slot, transfer.id): transfer
        for block in chain
        for transfer in block.transfers
        if transfer.outcome == "applied"
    }
    times = Counter(transfer.key for transfer in applied.values())
    assert set(times) == set(progress.receipts)
    assert set(times.values()) == {1}
    for key, receipt in progress.receipts.items():
        assert receipt.slot is not None
        transfer = applied[receipt.slot, receipt.id]
        payment = Payment(transfer.amount, transfer.credit_node, transfer.key, transfer.memo)
        assert (transfer.key, payment) == (key, receipt.payment)
