"""A cluster with the usual settings takes as many payments at once as a program makes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benmo.client import AsyncClient
from tests.support.processes import DEADLINE_S
from tests.support.real_cluster import RealCluster

PAYMENTS = 500


def test_hundreds_of_payments_at_once_are_all_decided(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 3, tenure="stable", balance="10000") as cluster:
        cluster.start()
        for clients in (1, 5):
            outcomes = asyncio.run(_outcomes(cluster.state, clients))
            assert outcomes == ["decided"] * PAYMENTS
        assert cluster.ask(1, "printBalance")["balance"] == 10_000 - 2 * PAYMENTS


async def _outcomes(state: Path, count: int) -> list[str]:
    clients = [AsyncClient(1, state) for _ in range(count)]
    try:
        receipts = await asyncio.gather(
            *(clients[n % count].transfer(1, 2, timeout_s=DEADLINE_S) for n in range(PAYMENTS))
        )
    finally:
        await asyncio.gather(*(client.close() for client in clients))
    return [receipt.outcome for receipt in receipts]


def test_the_limit_of_the_prompt_holds_for_what_is_typed_alone(tmp_path: Path) -> None:
    with RealCluster(tmp_path, 3) as cluster:
        cluster.start(1)  # alone it decides nothing
        lines = ["moneyTransfer 1,1,2"] * 11
        refused = cluster.attach(1, *lines).values[-1]
        assert refused == {"outcome": "refused", "reason": "queue is full, wait for consensus"}
        asyncio.run(_queue_one_more(cluster.state))
        assert len(cluster.ask(1, "printQueue")) == 11


async def _queue_one_more(state: Path) -> None:
    async with AsyncClient(1, state) as client:
        await client.transfer(1, 2, wait="queued", timeout_s=DEADLINE_S)
