"""A node's loop, in this process: what its owner is told when the disk fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from benmo.cluster import StateDirectory
from benmo.connection import NodeGone
from benmo.control import ControlServer
from benmo.initialize import main as initialize
from benmo.service import Service
from benmo.shell import OwnNode
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


def _started(state: StateDirectory, failures: list[BaseException]) -> Service:
    service = Service(state, 1, failures.append)
    service.control = ControlServer
    service.start()
    return service
