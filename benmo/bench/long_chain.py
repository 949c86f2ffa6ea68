"""The costs of a long chain: memory, start-up, catching up, bytes on disk, slower transfers."""

from __future__ import annotations

import asyncio
import time
from itertools import chain
from pathlib import Path

from benmo.bench.cluster import BenchCluster, until
from benmo.bench.figures import ChainFigures
from benmo.bench.load import batch
from benmo.client import AsyncClient
from benmo.paxos.types import NodeId

_CLIENTS = 8


async def long_chain(cluster: BenchCluster, transfers: int, transfers_a_batch: int) -> ChainFigures:
    """Make the chain, stop, start again, catch up; no process of the cluster may run yet."""
    *first, late = cluster.nodes
    await cluster.start(*first)
    await cluster.lead(1)
    paid = await _pay(cluster, transfers, transfers_a_batch)
    memory_mib = [(await cluster.usage(node)).memory_mib for node in first]
    await cluster.stop()
    written = _bytes_in(cluster.state.node(1))
    start_s = await _start(cluster, 1)
    memory_at_start_mib = (await cluster.usage(1)).memory_mib
    await cluster.start(*first[1:])
    rate = await _catch_up(cluster, late, transfers)
    memory_mib += [(await cluster.usage(node)).memory_mib for node in cluster.nodes]
    await cluster.stop()
    tenth = len(paid) // 10
    return ChainFigures(
        transfers,
        round(transfers / (paid[-1] - paid[0])),
        round((paid[tenth] - paid[0]) / (paid[-1] - paid[-1 - tenth]), 3),
        round(written / transfers, 2),
        round(start_s, 3),
        round(memory_at_start_mib, 1),
        round(max(memory_mib), 1),
        round(rate),
    )


async def _pay(cluster: BenchCluster, transfers: int, transfers_a_batch: int) -> list[float]:
    """Pay all of them at the first node; return when each batch was decided, in order."""
    pay = batch(cluster.nodes, 1, transfers_a_batch)
    left = transfers // transfers_a_batch
    decided_at: list[float] = [time.monotonic()]

    async def work(client: AsyncClient) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await pay(client)
            decided_at.append(time.monotonic())

    async with cluster.client(1) as client:
        await asyncio.gather(*[work(client) for _ in range(_CLIENTS)])
    return decided_at


async def _start(cluster: BenchCluster, node: NodeId) -> float:
    """Start a node; return the seconds until it answers."""
    began = time.monotonic()
    await cluster.start(node)
    async with cluster.client(node) as client:
        await client.status()
    return time.monotonic() - began


async def _catch_up(cluster: BenchCluster, late: NodeId, transfers: int) -> float:
    """Let the late node catch up; return the transfers a second."""
    async with cluster.client(1) as client:
        height = (await client.status()).height
    began = time.monotonic()
    await cluster.start(late)
    async with cluster.client(late) as client:
        await until(client, lambda status: status.height >= height, f"node {late} lags behind")
    return transfers / (time.monotonic() - began)


def _bytes_in(directory: Path) -> int:
    """Add up the sizes of all files below a directory."""
    paths = chain([directory], directory.rglob("*"))
    return sum(path.stat().st_size for path in paths if path.is_file())
