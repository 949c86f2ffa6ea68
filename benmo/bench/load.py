"""Clients that pay without a pause for a time, and count the decided transfers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle
from random import Random

from benmo.bench.bare_round import AMOUNT_MAX
from benmo.bench.cluster import BenchCluster, own_use
from benmo.bench.figures import LoadRun, ResourceUse
from benmo.client import AsyncClient
from benmo.paxos.types import NodeId

_TIMEOUT_S = 60.0
_DRAWN = 10_000


@dataclass(slots=True)
class _Tally:
    """The transfers decided since the last `begin`, and how long each request took.

    `is_over` stops the clients.
    """

    transfers: int = 0
    latencies_s: list[float] = field(default_factory=list)
    is_over: bool = False

    def begin(self) -> None:
        self.transfers = 0
        self.latencies_s = []


PayOnce = Callable[[AsyncClient], Awaitable[int]]
"""Makes one request, and returns how many of its transfers were decided."""


async def run_load(
    cluster: BenchCluster,
    nodes: Sequence[NodeId],
    clients: int,
    pay: PayOnce,
    warm_up_s: float,
    seconds: float,
) -> LoadRun:
    """Run `clients` clients, spread over these nodes, each with one request under way."""
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(cluster.client(node)) for node in nodes]
        tally = _Tally()
        working = [
            asyncio.create_task(_work(opened[index % len(opened)], pay, tally))
            for index in range(clients)
        ]
        try:
            await _until(warm_up_s, working)
            before = await _uses(cluster)
            height = (await opened[0].status()).height
            tally.begin()
            began = time.perf_counter()
            await _until(seconds, working)
            took_s = time.perf_counter() - began
            transfers, latencies_s = tally.transfers, tally.latencies_s
            blocks = (await opened[0].status()).height - height
            after = await _uses(cluster)
            tally.is_over = True
            await asyncio.gather(*working)
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
    uses = tuple(map(_difference, before, after))
    return LoadRun(took_s, transfers, blocks, latencies_s, uses)


async def _work(client: AsyncClient, pay: PayOnce, tally: _Tally) -> None:
    while not tally.is_over:
        began = time.perf_counter()
        decided = await pay(client)  # not in one line: `+=` would forget what others add
        tally.transfers += decided
        tally.latencies_s.append(time.perf_counter() - began)


async def _until(seconds: float, working: list[asyncio.Task[None]]) -> None:
    """Wait this long; raise what ends a client before."""
    done, _ = await asyncio.wait(working, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _uses(cluster: BenchCluster) -> list[ResourceUse]:
    return [own_use(), *[await cluster.usage(node) for node in cluster.nodes]]


def _difference(before: ResourceUse, after: ResourceUse) -> ResourceUse:
    cpu_s = round(after.cpu_s - before.cpu_s, 2)
    return ResourceUse(cpu_s, round(after.memory_mib, 1), after.fsyncs - before.fsyncs)


def single(nodes: Sequence[NodeId]) -> PayOnce:
    """Make requests of one transfer to a random other node; all are drawn beforehand."""
    random = Random(0)
    drawn = cycle([(random.randint(1, AMOUNT_MAX), random.sample(nodes, 2)) for _ in range(_DRAWN)])

    async def pay(client: AsyncClient) -> int:
        amount, (to, instead) = next(drawn)
        to = instead if to == client.node else to
        receipt = await client.transfer(amount, to, timeout_s=_TIMEOUT_S)
        return int(receipt.outcome == "decided")

    return pay


def batch(nodes: Sequence[NodeId], debit: NodeId, transfers: int) -> PayOnce:
    """Make requests of this many transfers, of random amounts to random other nodes."""
    random = Random(transfers)
    others = [node for node in nodes if node != debit]
    to = [random.choice(others) for _ in range(transfers)]
    amounts = [random.randint(1, AMOUNT_MAX) for _ in range(transfers)]

    async def pay(client: AsyncClient) -> int:
        receipts = await client.transfer_columns(to, amounts, timeout_s=_TIMEOUT_S)
        assert receipts.is_decided and not receipts.refused
        return len(receipts)

    return pay
