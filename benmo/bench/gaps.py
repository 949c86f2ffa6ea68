"""Measures how long nothing is decided when the leader is killed, or stopped, under load."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from itertools import pairwise
from random import Random

from benmo.bench.cluster import UNTIL_S, BenchCluster, until
from benmo.bench.figures import GapFigures, Spread
from benmo.client import AsyncClient, ClientError
from benmo.paxos.types import NodeId

CLIENTS_A_NODE = 8
_BEFORE_S = 1.0
_AFTER_S = 1.0
_SETTLE_S = 0.05
"""After this time clients have heard of all that the leader decided before it was struck."""
_POLL_S = 0.01


async def gap(cluster: BenchCluster, what: str, runs: int) -> GapFigures:
    """Send the leader `what`, SIGKILL or SIGSTOP, under load; afterwards let it run again."""
    found = [await _run(cluster, what) for _ in range(runs)]
    clients = CLIENTS_A_NODE * (len(cluster.nodes) - 1)
    gaps_s, requests_s = zip(*found, strict=True)
    return GapFigures(what, clients, Spread.of(gaps_s), Spread.of(requests_s))


async def _run(cluster: BenchCluster, what: str) -> tuple[float, float]:
    leader = await _leader(cluster)
    others = [node for node in cluster.nodes if node != leader]
    decided_at: list[float] = []
    requests_s: list[float] = []
    is_over = asyncio.Event()
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(cluster.client(node)) for node in others]
        working = [
            asyncio.create_task(_pay_on(client, leader, decided_at, requests_s, is_over))
            for client in clients
            for _ in range(CLIENTS_A_NODE)
        ]
        await asyncio.sleep(_BEFORE_S)
        process = cluster.process(leader)
        struck = time.monotonic()
        if what == "SIGKILL":
            process.kill()
        else:
            process.pause()
        await _until_decided_for(decided_at, struck)
        ended = time.monotonic()
        is_over.set()
        await asyncio.gather(*working)
        if what == "SIGKILL":
            await cluster.stop(leader)
            await cluster.start(leader)
        else:
            process.resume()
        await _until_caught_up(cluster, leader, clients[0])
    times = [at for at in decided_at if struck - _BEFORE_S / 2 <= at <= ended]
    return max(after - before for before, after in pairwise(times)), max(requests_s)


async def _pay_on(
    client: AsyncClient,
    leader: NodeId,
    decided_at: list[float],
    requests_s: list[float],
    is_over: asyncio.Event,
) -> None:
    random = Random(client.node)
    while not is_over.is_set():
        began = time.monotonic()
        await client.transfer(random.randint(1, 100), leader, timeout_s=UNTIL_S)
        decided_at.append(time.monotonic())
        requests_s.append(decided_at[-1] - began)


async def _until_decided_for(decided_at: list[float], since: float) -> None:
    """Wait until decisions have come for a while again."""
    again: float | None = None
    while again is None or time.monotonic() < again + _AFTER_S:
        if time.monotonic() > since + UNTIL_S:
            raise ClientError("nothing is decided any more")
        if again is None and decided_at and _has_resumed(decided_at, since):
            again = time.monotonic()
        await asyncio.sleep(_POLL_S)


def _has_resumed(decided_at: list[float], since: float) -> bool:
    """Whether something was decided that the struck leader can't have decided any more."""
    return decided_at[-1] > since + _SETTLE_S


async def _until_caught_up(cluster: BenchCluster, node: NodeId, other: AsyncClient) -> None:
    height = (await other.status()).height
    async with cluster.client(node) as client:
        await until(client, lambda status: status.height >= height, f"node {node} lags behind")


async def _leader(cluster: BenchCluster) -> NodeId:
    end = time.monotonic() + UNTIL_S
    while time.monotonic() < end:
        for node in cluster.nodes:
            async with cluster.client(node) as client:
                if (await client.status()).role == "leader":
                    return node
        await asyncio.sleep(_POLL_S)
    raise ClientError("no node leads")
