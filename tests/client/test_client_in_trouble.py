"""The client when nodes are gone, stopped or cut off: it says what is known, and no more."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from benmo.client import (
    AsyncClient,
    Client,
    ClientError,
    Misconfigured,
    NotConnected,
    OutcomeUnknown,
    Payment,
    QueueFull,
    Reason,
    Receipt,
    Refused,
    Unavailable,
)
from tests.support.processes import DEADLINE_S, NODE, eventually, run
from tests.support.real_cluster import RealCluster

ALONE = "node 1 reaches 1 of 3, needs 2"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RealCluster]:
    """Three nodes that are up, each with 100 to spend and room for 5 in its queue."""
    with RealCluster(tmp_path, 3, log_limit="5") as made:
        made.start()
        yield made


def paid_keys(client: Client) -> list[str | None]:
    """The keys of all transfers that moved money, as the chain tells."""
    return [
        transfer.key
        for block in client.chain()
        for transfer in block.transfers
        if transfer.outcome == "applied"
    ]


def error_of(
    use: Callable[[float], object], error: type[ClientError], text: str
) -> ClientError | OutcomeUnknown:
    """The error that `use` ends with. It knows the reason once it has had the time to learn it.

    How much time that is depends on the machine, so `use` is given more and more of it.
    """
    for timeout_s in (0.2, 1.0, 5.0, 25.0):
        with pytest.raises(error) as caught:
            use(timeout_s)
        if text in str(caught.value):
            return caught.value
    raise AssertionError(f"{text!r} is never said, but: {caught.value}")


def lose_majority(cluster: RealCluster) -> None:
    cluster.kill(2, 3)
    cluster.until(1, "printStatus", lambda status: not status["quorum"])


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


# A node that is gone, or stopped.


def test_a_node_that_is_not_running_is_not_connected_and_one_that_comes_is_waited_for(
    cluster: RealCluster,
) -> None:
    cluster.kill(1)
    patient = Client(1, cluster.state, connect_timeout_s=DEADLINE_S)
    with patient as client, ThreadPoolExecutor(1) as waiting:
        uses: tuple[Callable[[float], object], ...] = (
            lambda timeout_s: client.transfer(1, 2, key="rent", timeout_s=timeout_s),
            lambda timeout_s: client.balances(timeout_s=timeout_s),
            lambda timeout_s: client.find("rent", timeout_s=timeout_s),
            lambda timeout_s: list(client.chain(timeout_s=timeout_s)),
            lambda timeout_s: next(client.watch(1, reconnect_s=timeout_s)),
        )
        for use in uses:
            error_of(use, NotConnected, "node 1 is not running at 127.0.0.1:")
        receipt = waiting.submit(client.transfer, 1, 2, key="rent")
        cluster.start(1)
        assert receipt.result(DEADLINE_S).id == "1-1"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_key_pays_once_across_the_end_of_its_node(
    cluster: RealCluster, how: signal.Signals
) -> None:
    """Whether it was only queued or decided, and whatever became of the index of keys."""
    with Client(1, cluster.state) as client, ThreadPoolExecutor(1) as waiting:
        client.transfer(10, 2, key="decided")
        lose_majority(cluster)
        unknown = waiting.submit(client.transfer, 20, 2, key="queued")
        eventually(lambda: client.find("queued"), "it is queued")
        cluster.signal(1, how)
        cluster.ended(1)
        error = unknown.exception(DEADLINE_S)
        assert isinstance(error, OutcomeUnknown) and error.keys == ("queued",)
        (cluster.node_directory(1) / "keys.sqlite").write_bytes(b"no index")
        cluster.start()
        assert client.transfer(10, 2, key="decided").id == "1-1"
        assert client.transfer(20, 2, key="queued").id == "1-2"
        assert paid_keys(client) == ["decided", "queued"]
        assert client.balances(confirmed=True)[1] == 70


@pytest.mark.parametrize(
    "damage",
    [
        lambda node, other: node.unlink(),
        lambda node, other: node.write_bytes(other.read_bytes()),
        lambda node, other: node.write_bytes(bytes(4096)),
    ],
    ids=["lost", "another node's", "zeros"],
)
def test_a_node_whose_index_of_keys_is_not_its_own_makes_it_anew(
    cluster: RealCluster, damage: Callable[[Path, Path], object]
) -> None:
    with Client(1, cluster.state) as client, Client(2, cluster.state) as other:
        client.transfer(10, 2, key="rent")
        other.transfer(5, 1, key="food")
        for node in (1, 2):
            cluster.signal(node, signal.SIGTERM)
            assert cluster.ended(node) == 0
        damage(*(cluster.node_directory(node) / "keys.sqlite" for node in (1, 2)))
        cluster.start(1, 2)
        assert client.transfer(10, 2, key="rent").id == "1-1"
        assert client.find("food") is None
        assert client.balances(confirmed=True).by_node == {1: 95, 2: 105, 3: 100}


def test_no_other_program_locks_the_index_of_keys_of_a_running_node(cluster: RealCluster) -> None:
    """Of a node that isn't running it may: then the node doesn't start, says so, and pays once."""
    path = cluster.node_directory(1) / "keys.sqlite"
    with Client(1, cluster.state) as client:
        client.transfer(10, 2, key="rent")
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("begin immediate")
            cluster.kill(1)
            other.execute("begin immediate")
            refused = run(*NODE, "1", "--headless", *cluster.state_option)
            assert refused.status != 0
            assert f"{path} is locked by another program" in refused.err
        cluster.start(1)
        assert client.transfer(10, 2, key="rent").id == "1-1"
        assert paid_keys(client) == ["rent"]


def test_a_node_that_is_paused_leaves_its_payers_without_an_answer_and_pays_once(
    cluster: RealCluster,
) -> None:
    """What was sent to it may still be read when it goes on: nobody is told that it wasn't."""
    with Client(1, cluster.state) as client, ThreadPoolExecutor(1) as asking:
        client.status()
        cluster.signal(1, signal.SIGSTOP)
        with pytest.raises(OutcomeUnknown, match="node 1 did not answer in time") as caught:
            client.transfer(10, 2, key="rent", timeout_s=0.1)
        assert (caught.value.keys, caught.value.ids) == (("rent",), ())
        asked = asking.submit(client.find, "rent")
        with pytest.raises(Unavailable, match="node 1 did not answer in time"):
            client.balances(timeout_s=0.1)
        cluster.signal(1, signal.SIGCONT)
        found = asked.result(DEADLINE_S)
        assert found is not None, "it says that no such payment was ever queued"
        assert client.transfer(10, 2, key="rent").id == found.id == "1-1"
        assert paid_keys(client) == ["rent"]


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


# Another state directory.


def test_a_state_directory_that_is_none_is_said_at_once(tmp_path: Path) -> None:
    client = Client(1, tmp_path / "nothing")
    with client, pytest.raises(Misconfigured, match="holds no cluster"):
        client.transfer(1, 2)


def test_a_client_takes_no_other_cluster_for_its_own(tmp_path: Path) -> None:
    """Its keys and heights are the first one's."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with RealCluster(tmp_path / "one", 1) as one, RealCluster(tmp_path / "two", 1) as two:
        one.start()
        two.start()
        with Client(1, one.state) as client:
            client.status()
            one.kill(1)
            shutil.rmtree(one.state)
            shutil.copytree(two.state, one.state)
            with pytest.raises(Misconfigured, match="another cluster's now"):
                client.status()


# Several nodes to read from.


def test_while_a_node_is_away_another_is_read_from(cluster: RealCluster) -> None:
    cluster.until_linked()
    with Client(1, cluster.state, nodes=[1, 2, 3]) as client:
        slot = client.transfer(10, 2, key="rent").slot
        assert slot is not None and client.status().node == 1
        cluster.kill(1)
        balances = client.balances(confirmed=True, timeout_s=DEADLINE_S)
        assert (balances[1], balances.height >= slot) == (90, True)
        assert client.status().node in (2, 3)
        assert [transfer.id for block in client.chain() for transfer in block.transfers] == ["1-1"]
        assert next(client.watch(slot)).slot == slot
        with pytest.raises(NotConnected, match="node 1"):
            client.transfer(10, 2, timeout_s=0.2)
        with pytest.raises(NotConnected, match="node 1"):
            client.find("rent", timeout_s=0.2)
        cluster.kill(2, 3)
        error_of(lambda timeout_s: client.status(timeout_s=timeout_s), NotConnected, "node")


def test_a_node_that_is_not_of_the_cluster_can_not_be_read_from(cluster: RealCluster) -> None:
    cluster.kill(1)
    client = Client(1, cluster.state, nodes=[9])
    with client, pytest.raises(Misconfigured, match="there is no node 9"):
        client.status()
    with pytest.raises(TypeError, match="whole numbers"):
        Client(1, cluster.state, nodes=["2"])  # type: ignore[list-item]
