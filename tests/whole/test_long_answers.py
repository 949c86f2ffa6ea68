"""Answers with many rows: a node shows as many as it can, and votes meanwhile."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest

from benmo.client import Client
from benmo.cluster import StateDirectory
from benmo.commands.answers import Answer, Rendered, Status
from benmo.node.control_server import ControlServer
from benmo.node.handlers import TRANSFERS_SHOWN_MAX
from benmo.node.own_node import OwnNode
from benmo.node.service import Service
from tests.support.real_cluster import RealCluster

FULL = 20_000
"""As many transfers as a block holds."""

QUEUED = TRANSFERS_SHOWN_MAX + 1


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Three nodes, whose chain has some full blocks; node 1 has a long queue and is alone."""
    options = {"balance": str(2**30), "log_limit": "100000", "tenure": "stable"}
    with RealCluster(tmp_path_factory.mktemp("long"), 3, election_delay="0", **options) as made:
        made.start()
        with Client(1, made.state) as client:
            client.transfer(1, to=2, timeout_s=60.0)
            for credit in (2, 3):
                receipts = client.transfer_columns([credit] * FULL, [1] * FULL, timeout_s=60.0)
                assert receipts.is_decided
            made.kill(2, 3)
            to, amounts = [2] * QUEUED, [1] * QUEUED
            client.transfer_columns(to, amounts, wait="queued", timeout_s=60.0)
        yield made


@pytest.mark.parametrize("form", ["table", "json", "tsv"])
def test_who_asks_for_too_many_transfers_is_told_what_can_be_asked_for(
    cluster: RealCluster, form: str
) -> None:
    refused = cluster.attach(1, "printBlockchain", form=form)
    assert refused.status == Status.REFUSED
    if form == "json":
        assert refused.values[0]["outcome"] == "refused"
    hint = r"10000 can be shown at a time: (printBlockchain 1 \d+)"
    said = re.search(hint, refused.out + refused.err)
    assert said is not None, refused
    shown = cluster.attach(1, said[1])
    assert shown.status == Status.DONE and len(shown.values[0]) >= 1


@pytest.mark.parametrize("form", ["table", "json", "tsv"])
def test_one_block_is_shown_whatever_it_holds(cluster: RealCluster, form: str) -> None:
    shown = cluster.attach(1, "printBlockchain 2 2", form=form)
    assert shown.status == Status.DONE, shown
    if form == "json":
        assert len(shown.values[0][0]["transfers"]) == FULL
    else:
        assert len(shown.out.splitlines()) == 1 + FULL


def test_a_queue_that_is_too_long_to_be_shown_is_counted(cluster: RealCluster) -> None:
    refused = cluster.attach(1, "printQueue")
    assert refused.status == Status.REFUSED
    assert refused.values[0]["reason"].startswith(f"{QUEUED} transfers wait")
    assert cluster.attach(1, "printStatus").values[0]["queue"] == QUEUED


def test_the_nodes_own_thread_makes_no_long_answer_ready(
    cluster: RealCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    original = Answer.rendered

    def rendered(self: Answer, output_format: str) -> Rendered:
        threads.append(threading.current_thread().name)
        return original(self, output_format)

    monkeypatch.setattr(Answer, "rendered", rendered)
    service = Service(StateDirectory(cluster.state), 3, lambda error: None, ControlServer)
    for peer in (1, 2):
        service.sever(peer, one_way=False)
    service.start()
    try:
        own = OwnNode(service)
        shown = own.run("printBlockchain 2 2", "table").output.splitlines()
        assert sum(line.startswith(" ") for line in shown) == 1 + FULL
        assert own.run("printBalance", "json").status is Status.DONE
    finally:
        service.stop()
    assert threads[0] != "listener" == threads[1]
