"""A disk that takes long: the node answers what needs no disk, and says how long it takes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest

from benmo.cluster import StateDirectory
from benmo.control.connection import connect
from benmo.control.requests import BalancesRead, BlocksRead, ReadBalances, ReadBlocks
from benmo.ledger.transfers import Payments
from benmo.network.rights import Right
from benmo.node.control_server import ControlServer
from benmo.node.disk_pace import DiskPace
from benmo.node.execute import execute
from benmo.node.service import Service
from benmo.notices import DiskQuick, DiskSlow, Notice
from tests.support.mixed_cluster import MixedCluster, answer
from tests.support.processes import DEADLINE_S, eventually


class HungDisk:
    """Lets a node's fsync return only once the test says so."""

    def __init__(self, service: Service) -> None:
        self.is_asked = threading.Event()
        self.may_return = threading.Event()
        self.error: OSError | None = None
        self._sync: Callable[[str], None] = service._disk.sync
        service._disk.sync = self._hang  # type: ignore[method-assign]

    def _hang(self, name: str) -> None:
        self.is_asked.set()
        assert self.may_return.wait(DEADLINE_S)
        if self.error is not None:
            raise self.error
        self._sync(name)


@pytest.fixture
def failures() -> list[BaseException]:
    return []


@pytest.fixture
def service(tmp_path: Path, failures: list[BaseException]) -> Iterator[Service]:
    """A node without its peers, whose disk was slow just now."""
    with MixedCluster(tmp_path) as cluster:
        service = Service(cluster.state, 1, failures.append, ControlServer)
        service.start()
        service.call(_slow(service)).result(DEADLINE_S)
        yield service
        if service._thread.is_running:
            service.stop()


async def _slow(service: Service) -> None:
    service._turns._pace.took(0.5)


def _begin(service: Service, line: str) -> Future[Any]:
    return service.call(execute(service, Right.COMMAND, line, "json"))


def test_reads_are_answered_while_the_disk_hangs(service: Service, tmp_path: Path) -> None:
    disk = HungDisk(service)
    payment = _begin(service, "moneyTransfer 5,1,2")
    assert disk.is_asked.wait(DEADLINE_S)
    status = answer(service, "printStatus")
    assert (status["queue"], status["height"]) == (0, 0), "what isn't durable isn't shown"
    assert answer(service, "printBalance")["available"] == 100
    assert answer(service, "printBlockchain") == []
    asyncio.run(asyncio.wait_for(_read_over_the_port(service, tmp_path), DEADLINE_S))
    queue = _begin(service, "printQueue")
    assert answer(service, "printStatus")["queue"] == 0
    assert not payment.done() and not queue.done()
    assert not service._transport.may_take(), "peers wait, too"
    disk.may_return.set()
    assert msgspec.json.decode(payment.result(DEADLINE_S).output)["outcome"] == "queued"
    (shown,) = msgspec.json.decode(queue.result(DEADLINE_S).output)
    assert shown["id"] == "1-1"
    assert answer(service, "printBalance")["available"] == 95


async def _read_over_the_port(service: Service, path: Path) -> None:
    state = StateDirectory(path / "state")
    connection = await connect(state, 1)
    notices: list[Notice] = []
    connection.watch(lambda notice, _at: notices.append(notice), lambda: None)
    assert isinstance(await connection.ask(ReadBalances(1, False, 0, 0.0)), BalancesRead)
    assert isinstance(await connection.ask(ReadBlocks(2, 1, 9, 0.0)), BlocksRead)
    service._thread.loop.call_soon_threadsafe(service._turns._pace.took, 3.0)
    while not (notices and connection.snapshot):
        await asyncio.sleep(0.01)
    assert notices == [DiskSlow(3.0)]
    connection.abort()


def test_what_comes_while_the_disk_hangs_is_dealt_with_in_order(service: Service) -> None:
    disk = HungDisk(service)
    payments = [_begin(service, "moneyTransfer 5,1,2")]
    assert disk.is_asked.wait(DEADLINE_S)
    payments += [_begin(service, f"moneyTransfer {amount},1,2") for amount in (6, 7)]
    queue = _begin(service, "printQueue")
    assert answer(service, "printStatus")["queue"] == 0
    disk.may_return.set()
    shown = msgspec.json.decode(queue.result(DEADLINE_S).output)
    assert [each["amount"] for each in shown] == [5, 6, 7]
    ids = [msgspec.json.decode(each.result(DEADLINE_S).output)["id"] for each in payments]
    assert ids == ["1-1", "1-2", "1-3"]


def test_a_disk_that_fails_after_it_hung_stops_the_node(
    service: Service, failures: list[BaseException]
) -> None:
    disk = HungDisk(service)
    disk.error = OSError(5, "Input/output error")
    payment = _begin(service, "moneyTransfer 5,1,2")
    assert disk.is_asked.wait(DEADLINE_S)
    disk.may_return.set()
    with pytest.raises(CancelledError):
        payment.result(DEADLINE_S)
    eventually(lambda: failures, "the node stops")
    assert failures == [disk.error]


def test_a_clean_stop_waits_for_the_turn_under_way(
    service: Service, failures: list[BaseException]
) -> None:
    disk = HungDisk(service)
    _begin(service, "moneyTransfer 5,1,2")
    assert disk.is_asked.wait(DEADLINE_S)
    stopping = Thread(target=service.stop)
    stopping.start()
    disk.may_return.set()
    stopping.join()
    assert failures == [] and not service._turns.is_slow
    assert len(service.view.queue) == 1


def test_a_slow_disk_is_reported_once_and_again_only_when_it_takes_twice_as_long() -> None:
    told: list[Notice] = []
    pace = DiskPace(told.append)
    for seconds in (0.01, 0.5, 0.9, 1.5, 1.6, 2.9, 3.0, 5.0, 0.05, 7.0):
        pace.took(seconds)
    assert told == [DiskSlow(1.5), DiskSlow(3.0), DiskSlow(7.0)]
    assert [_slow_after(pace, 99), len(told)] == [True, 3]
    assert [_slow_after(pace, 1), len(told)] == [False, 4]
    pace.took(1.0)
    assert told[3:] == [DiskQuick(), DiskSlow(1.0)]


def test_a_disk_that_was_slow_for_a_moment_is_not_reported() -> None:
    told: list[Notice] = []
    pace = DiskPace(told.append)
    pace.took(0.3)
    assert [_slow_after(pace, 0), _slow_after(pace, 100)] == [True, False]
    assert told == []


def _slow_after(pace: DiskPace, quick: int) -> bool:
    """Whether the disk counts as slow after this many quick waits."""
    for _ in range(quick):
        pace.took(0.01)
    return pace.is_slow


def test_a_node_that_rests_notes_the_length_of_its_journal_and_answers_meanwhile(
    service: Service,
) -> None:
    _begin(service, "moneyTransfer 5,1,2").result(DEADLINE_S)
    checkpoint = service._disk.path / "checkpoint.json"
    disk = HungDisk(service)
    assert disk.is_asked.wait(DEADLINE_S)
    assert answer(service, "printBalance")["available"] == 95
    disk.may_return.set()
    eventually(lambda: checkpoint.read_bytes().count(b"\n") == 2, "it is noted")


def test_a_node_whose_disk_was_slow_takes_no_turn_without_a_reason(service: Service) -> None:
    async def is_turn_due() -> bool:
        return service._turns._is_scheduled

    _begin(service, "moneyTransfer 5,1,2").result(DEADLINE_S)
    eventually(lambda: not service.call(is_turn_due()).result(DEADLINE_S), "it rests")


def test_what_is_settled_is_durable_however_much_goes_on(service: Service) -> None:
    """Every turn waits in another thread, and the next one begins as soon as it is over."""

    async def look() -> None:
        paying = [asyncio.create_task(_pay(service, 15)) for _ in range(4)]
        looks = 0
        while not all(task.done() for task in paying):
            service._turns._pace.took(0.5)
            await service.view.until_settled()
            assert not service._turns.is_slow, "a turn is under way, of which nothing is durable"
            looks += 1
            await asyncio.sleep(0)
        assert looks > 0 and len(service.view.queue) == 60

    service.call(look()).result(DEADLINE_S)


async def _pay(service: Service, times: int) -> None:
    for _ in range(times):
        assert (await service.submissions.submit(Payments.of((2, 1)))).run is not None
