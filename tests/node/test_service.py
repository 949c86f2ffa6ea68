"""A node's loop, in this process: what its owner is told when the disk fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from benmo.admin.initialize import main as initialize
from benmo.cluster import StateDirectory
from benmo.control.connection import NodeGone, connect
from benmo.control.requests import Find, Found, Pay
from benmo.engine.events import Admission, Submitted
from benmo.engine.surroundings import DiskWait
from benmo.ledger.transfers import Payments
from benmo.network.listener import Listener
from benmo.network.peer_link import PeerLink
from benmo.node.control_server import ControlServer
from benmo.node.own_node import OwnNode
from benmo.node.service import Service
from tests.support.real_cluster import free_ports


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    with free_ports(3) as port:
        arguments = ["--nodes=3", f"--port={port}", f"--state-dir={tmp_path / 'state'}"]
        made = CliRunner().invoke(initialize, [*arguments, "--election-delay=30"])
        assert made.exit_code == 0, made.output
        yield StateDirectory(tmp_path / "state")


def _fail(_name: str) -> None:
    raise OSError(5, "Input/output error")


def test_a_failed_fsync_at_a_clean_stop_is_told(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[BaseException] = []
    service = _started(state, failures)
    monkeypatch.setattr(service._disk, "sync", _fail)
    service.stop()
    assert [type(failure) for failure in failures] == [OSError]


def test_a_clean_stop_is_no_failure(state: StateDirectory) -> None:
    failures: list[BaseException] = []
    _started(state, failures).stop()
    assert failures == []


def test_who_waits_for_an_answer_is_told_that_the_node_failed(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[BaseException] = []
    service = _started(state, failures)
    own = OwnNode(service)
    monkeypatch.setattr(service._disk, "sync", _fail)
    with pytest.raises(NodeGone):
        own.run("moneyTransfer 1,1,2", "json")
    service.stop()
    assert [type(failure) for failure in failures] == [OSError]


def test_after_a_failure_nobody_is_told_of_what_the_disk_may_not_have(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue in memory has a transfer that no disk has."""
    failures: list[BaseException] = []
    service = _started(state, failures)
    try:
        asyncio.run(asyncio.wait_for(_ask_before_and_after(service, state, monkeypatch), 60.0))
        with pytest.raises(NodeGone):
            OwnNode(service).run("printQueue", "json")
        assert len(service.view.queue) == 1
        height = service.view.height
        service._thread.loop.call_soon_threadsafe(service.hurry)
        assert (service.view.height, len(failures)) == (height, 1)
    finally:
        service.stop()


def test_a_failure_found_while_answering_ends_the_turn_before_more_is_written(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[BaseException] = []
    service = _started(state, failures)
    has_failed: list[bool] = []
    """At each time that the rest was written."""
    is_answered = threading.Event()

    def answer(_admission: Admission) -> None:
        service.fail(AssertionError("M1"))
        is_answered.set()

    def write_postponed() -> Iterator[DiskWait]:
        has_failed.append(service.has_failed)
        return iter(())

    monkeypatch.setattr(service._engine, "_write_postponed", write_postponed)
    monkeypatch.setattr(service.submissions, "on_admission", answer)
    submitted = Submitted(1, Payments((2,), (1,)))
    service._thread.loop.call_soon_threadsafe(service._turns.happened, submitted)
    assert is_answered.wait(60.0)
    service.stop()
    assert [str(failure) for failure in failures] == ["M1"]
    assert True not in has_failed


def test_a_node_whose_first_checkpoint_fails_begins_no_handshake(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else peers that dial it meanwhile are left in their handshakes."""
    begun: list[str] = []

    async def accept(_self: Listener) -> None:
        begun.append("accepts")

    async def dial(_self: PeerLink) -> None:
        begun.append("dials")

    monkeypatch.setattr(Listener, "_accept", accept)
    monkeypatch.setattr(PeerLink, "_dial", dial)
    service = Service(state, 1, lambda error: None, ControlServer)
    (state.node(1) / "checkpoint.json.new").mkdir()
    with pytest.raises(IsADirectoryError):
        service.start()
    service.stop()
    assert begun == []


async def _ask_before_and_after(
    service: Service, state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking, paying = [await connect(state, 1) for _ in range(2)]
    found = await asking.ask(Find(1, "rent", 0, 0.0))
    assert found == Found(1, None)
    monkeypatch.setattr(service._disk, "sync", _fail)
    payment = Payments((2,), (1,), (), ("rent",))
    answers = [paying.ask(Pay(1, payment, 0.0))]
    answers += [asking.ask(Find(number, "rent", 0, 0.0)) for number in range(2, 500)]
    told = await asyncio.gather(*answers, return_exceptions=True)
    assert isinstance(told[0], NodeGone)
    assert all(
        answer == Found(number, None)
        for number, answer in enumerate(told[1:], 2)
        if not isinstance(answer, NodeGone)
    )
    assert isinstance(told[-1], NodeGone)


def _started(state: StateDirectory, failures: list[BaseException]) -> Service:
    service = Service(state, 1, failures.append, ControlServer)
    service.start()
    return service
