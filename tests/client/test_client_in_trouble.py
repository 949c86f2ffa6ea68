"""The client when nodes are cut off, or have no majority: it says what is known, and no more."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from benmo.client import (
    AsyncClient,
    Client,
    NotConnected,
    OutcomeUnknown,
    Payment,
    QueueFull,
    Reason,
    Receipt,
    Refused,
    Unavailable,
)
from tests.client.lost_majority import ALONE, error_of, lose_majority, paid_keys
from tests.support.processes import DEADLINE_S, eventually
from tests.support.real_cluster import RealCluster

# A lost majority.


def test_a_minority_says_that_it_is_one_and_pays_once_it_is_none_any_more(
    cluster: RealCluster,
) -> None:
    lose_majority(cluster)
    with Client(1, cluster.state) as client:
        client.status()
        error = error_of(
            lambda timeout_s: client.transfer(10, 2, key="rent", timeout_s=timeout_s),
            OutcomeUnknown,
            "queued",
        )
        assert isinstance(error, OutcomeUnknown)
        assert str(error) == f"queued, not decided: {ALONE}"
        assert (error.keys, error.ids) == (("rent",), ("1-1",))
        queued = Receipt("1-1", Payment(10, 2, "rent"), "queued", None)
        assert client.find("rent") == queued
        assert client.transfer(10, 2, key="rent", wait="queued") == queued
        with pytest.raises(Refused, match=r"node 1 has 90 to spend \(10 more wait"):
            client.transfer(91, 2)
        assert client.balances().by_node == {1: 100, 2: 100, 3: 100}
        cluster.start(2, 3)
        receipt = client.transfer(10, 2, key="rent")
        assert (receipt.id, receipt.outcome) == ("1-1", "decided")
        assert client.find("rent") == receipt
        assert client.balances(confirmed=True).by_node == {1: 90, 2: 110, 3: 100}
        assert paid_keys(client) == ["rent"]


def test_a_minority_confirms_nothing(cluster: RealCluster) -> None:
    lose_majority(cluster)
    with Client(1, cluster.state) as client:
        client.status()
        error_of(
            lambda timeout_s: client.balances(confirmed=True, timeout_s=timeout_s),
            Unavailable,
            ALONE,
        )
        assert not client.balances().is_confirmed


def test_whoever_waits_for_a_confirmation_has_it_when_the_majority_is_back(
    cluster: RealCluster,
) -> None:
    lose_majority(cluster)
    with Client(1, cluster.state) as client, ThreadPoolExecutor(1) as waiting:
        balances = waiting.submit(client.balances, confirmed=True)
        cluster.start(2)
        assert balances.result(DEADLINE_S).is_confirmed


def test_a_full_queue_is_full_until_something_is_decided(cluster: RealCluster) -> None:
    lose_majority(cluster)
    with Client(1, cluster.state) as client:
        keys = [f"key {number}" for number in range(5)]
        client.transfer_many([Payment(1, 2, key) for key in keys], wait="queued")
        for payments in ([Payment(1, 2, "more")], [Payment(1, 2, keys[0]), Payment(1, 2, "more")]):
            with pytest.raises(QueueFull, match="queue is full") as caught:
                client.transfer_many(payments, timeout_s=1)
            assert caught.value.reason is Reason.QUEUE_FULL
        again = client.transfer_many([Payment(1, 2, key) for key in keys], wait="queued")
        assert [receipt.outcome for receipt in again] == ["queued"] * 5
        assert client.find("more") is None
        cluster.start(2)
        receipts = client.transfer_many([Payment(1, 2, key) for key in keys])
        assert {receipt.outcome for receipt in receipts} == {"decided"}
        assert client.transfer(1, 2, key="more").outcome == "decided"
        assert sorted(map(str, paid_keys(client))) == [*keys, "more"]


def test_a_key_that_was_refused_is_not_used_up(cluster: RealCluster) -> None:
    with Client(1, cluster.state) as client, Client(2, cluster.state) as other:
        client.transfer(100, 2, key="all")
        with pytest.raises(Refused, match="node 1 has 0 to spend"):
            client.transfer(1, 2, key="more")
        assert client.find("more") is None
        other.transfer(150, 1, key="all")
        eventually(lambda: client.balances()[1] == 150, "node 1 is paid")
        assert client.transfer(1, 2, key="more").outcome == "decided"


# A node that is cut off.


def test_a_node_that_was_cut_off_confirms_only_what_the_others_decided_meanwhile(
    cluster: RealCluster,
) -> None:
    for peer in (1, 2):
        cluster.ask(3, f"severLink {peer}")
    with Client(1, cluster.state) as client, Client(3, cluster.state) as reader:
        receipt = client.transfer(10, 2)
        assert receipt.slot is not None
        assert reader.balances().by_node == {1: 100, 2: 100, 3: 100}
        error_of(
            lambda timeout_s: reader.balances(confirmed=True, timeout_s=timeout_s),
            Unavailable,
            "node 3 reaches 1 of 3, needs 2",
        )
        cluster.ask(3, "restoreLink all")
        confirmed = reader.balances(confirmed=True)
        assert confirmed.by_node == {1: 90, 2: 110, 3: 100}
        assert confirmed.height >= receipt.slot
        assert reader.balances().by_node == confirmed.by_node


# Watching.


def test_a_watcher_sees_every_block_across_restarts_of_its_node(cluster: RealCluster) -> None:
    with Client(2, cluster.state) as payer, Client(1, cluster.state) as reader:
        watcher = reader.watch(1)
        seen = []
        for _ in range(3):
            receipt = payer.transfer(1, 3)
            seen.append(next(watcher))
            assert receipt.id in [each.id for each in seen[-1].transfers]
            cluster.kill(1)
            receipt = payer.transfer(1, 3)
            cluster.start(1)
            seen.append(next(watcher))
            assert receipt.id in [each.id for each in seen[-1].transfers]
        assert [block.slot for block in seen] == [1, 2, 3, 4, 5, 6]
        with Client(3, cluster.state) as other:
            resumed = other.watch(4)
            assert [next(resumed) for _ in range(3)] == seen[3:]
            assert list(other.chain()) == seen


def test_a_watcher_gives_up_on_a_node_that_does_not_come_back(cluster: RealCluster) -> None:
    async def test() -> None:
        async with AsyncClient(1, cluster.state) as client:
            await client.transfer(1, 2)
            watcher = client.watch(1, reconnect_s=0.3)
            assert (await anext(watcher)).slot == 1
            next_block = asyncio.ensure_future(anext(watcher))
            await asyncio.to_thread(cluster.kill, 1)
            with pytest.raises(NotConnected, match=r"node 1 (is not running|does not answer)"):
                await next_block

    asyncio.run(asyncio.wait_for(test(), DEADLINE_S))
