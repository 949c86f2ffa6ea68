"""What a node counts and shows to Prometheus, on engines and services of this process."""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from benmo.admin.initialize import main as initialize
from benmo.cluster import StateDirectory
from benmo.engine.events import Event, Submitted
from benmo.errors import CannotStart
from benmo.ledger.blocks import encode_block
from benmo.ledger.transfers import Payments, Run
from benmo.node.control_server import ControlServer
from benmo.node.metrics import HOST, Metrics, MetricsServer
from benmo.node.service import Service
from benmo.node.view import View
from benmo.paxos.messages import Accept, Accepted, Decide, Nack, Prepare, Promise
from benmo.paxos.types import Ballot, Proposal
from benmo.storage.disk import RealDisk
from tests.support.processes import eventually
from tests.support.real_cluster import free_ports
from tests.support.replicas import received
from tests.support.taped_node import TapedNode

Samples = dict[tuple[str, tuple[str, ...]], float]


class MeteredNode:
    """An engine of node 1 of three, with a meter."""

    def __init__(self) -> None:
        self.taped = TapedNode(delay_s=1.0)
        self.metrics = Metrics()
        self.metrics.begin(cast(View, self))

    @property
    def last_decided(self) -> int:
        """As much of a view as the meter looks at."""
        return self.taped.engine.ledger.last[1]

    def turn(self, *events: Event, after_s: float = 0.0) -> None:
        self.taped.now += after_s
        self.taped.turn(*events)
        self.metrics.turned(events, self.taped.report, self.taped.now)

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    def campaign(self) -> Ballot:
        """Let time pass until this node has asked for promises once more."""
        begun = self.value("benmo_campaigns_total")
        for _ in range(1000):
            if self.value("benmo_campaigns_total") != begun:
                break
            self.turn(after_s=0.01)
        return self.taped.engine.replica.leader.ballot

    def decide(self, slot: int) -> None:
        """Lead, and have node 2 agree to whatever is proposed for this slot."""
        ballot = self.campaign()
        self.turn(received(2, Promise(ballot, slot - 1, None)))
        self.turn(received(2, Accepted(ballot, slot)), after_s=0.25)
        assert self.taped.engine.ledger.height == slot


def test_a_meter_begins_with_every_series_at_zero() -> None:
    node = MeteredNode()
    for name in ("benmo_campaigns_total", "benmo_nacks_received_total"):
        assert node.value(name) == 0
    for outcome in ("applied", "refused", "skipped"):
        assert node.value("benmo_transfers_decided_total", outcome=outcome) == 0
    for name in ("benmo_fsync_duration_seconds", "benmo_decide_duration_seconds"):
        assert node.value(f"{name}_count") == 0
        assert node.value(f"{name}_bucket", le="0.0001") == 0
        assert node.value(f"{name}_bucket", le="60.0") == 0


def test_each_campaign_counts_once() -> None:
    node = MeteredNode()
    node.turn(Submitted(1, Payments.of((2, 1))))
    assert node.value("benmo_campaigns_total") == 0
    first = node.campaign()
    node.turn(received(2, Nack(first, Ballot(first.round + 3, 3))))
    second = node.campaign()
    assert second > first
    assert node.value("benmo_campaigns_total") == 2


def test_a_promise_to_another_node_is_no_campaign() -> None:
    node = MeteredNode()
    node.turn(received(2, Prepare(Ballot(5, 2))))
    node.turn(received(3, Prepare(Ballot(6, 3))))
    assert node.value("benmo_campaigns_total") == 0


def test_a_campaign_of_a_former_life_is_not_counted_again() -> None:
    node = MeteredNode()
    node.turn(Submitted(1, Payments.of((2, 1))))
    node.campaign()
    later = Metrics()
    later.begin(cast(View, node))
    node.taped.turn()
    later.turned((), node.taped.report, node.taped.now)
    assert later.registry.get_sample_value("benmo_campaigns_total") == 0


def test_each_nack_of_another_node_counts() -> None:
    node = MeteredNode()
    old = Nack(Ballot(1, 1), Ballot(4, 2))
    node.turn(received(2, old), received(3, old), received(2, Prepare(Ballot(5, 2))))
    assert node.value("benmo_nacks_received_total") == 2


def test_transfers_are_counted_by_what_became_of_them() -> None:
    node = MeteredNode()
    ballot = Ballot(5, 2)
    runs = (Run(2, 1, (3, 3), (1, 10**6)), Run(3, 7, (2,), (1,)))
    block = encode_block(1, ballot, "0" * 64, 1.5, runs)
    node.turn(received(2, Accept(Proposal(ballot, block))))
    node.turn(received(2, Decide(1, ballot, block.hash)))
    decided = {
        outcome: node.value("benmo_transfers_decided_total", outcome=outcome)
        for outcome in ("applied", "refused", "skipped")
    }
    assert decided == {"applied": 1, "refused": 1, "skipped": 1}
    assert node.value("benmo_decide_duration_seconds_count") == 0, "nobody asked this node"


def test_a_request_takes_from_its_admission_to_its_last_decision() -> None:
    node = MeteredNode()
    node.turn(Submitted(1, Payments.of((2, 1), (3, 1))))
    node.turn(Submitted(2, Payments.of((2, 10**9))))
    asked = node.taped.now
    node.decide(1)
    assert node.value("benmo_decide_duration_seconds_count") == 1
    waited = node.value("benmo_decide_duration_seconds_sum")
    assert waited == pytest.approx(node.taped.now - asked)
    assert waited is not None and waited > 0.25
    assert node.value("benmo_transfers_decided_total", outcome="applied") == 2


def test_each_request_has_a_time_of_its_own() -> None:
    node = MeteredNode()
    node.turn(Submitted(1, Payments.of((2, 1))))
    first = node.taped.now
    node.turn(Submitted(2, Payments.of((2, 1))), after_s=0.05)
    second = node.taped.now
    node.decide(1)
    end = node.taped.now
    assert node.value("benmo_decide_duration_seconds_count") == 2
    total = node.value("benmo_decide_duration_seconds_sum")
    assert total == pytest.approx((end - first) + (end - second))


def test_what_waited_since_before_the_start_is_not_measured() -> None:
    node = MeteredNode()
    node.taped.turn(Submitted(1, Payments.of((2, 1))))
    node.decide(1)
    assert node.value("benmo_transfers_decided_total", outcome="applied") == 1
    assert node.value("benmo_decide_duration_seconds_count") == 0


def test_a_metered_disk_counts_what_makes_things_durable(tmp_path: Path) -> None:
    metrics = Metrics()
    disk = metrics.disk(tmp_path)
    assert isinstance(disk, RealDisk)
    disk.append("file", b"line\n")
    assert metrics.registry.get_sample_value("benmo_fsync_duration_seconds_count") == 0
    disk.sync("file")
    disk.sync_directory()
    disk.close()
    assert metrics.registry.get_sample_value("benmo_fsync_duration_seconds_count") == 2
    total_s = metrics.registry.get_sample_value("benmo_fsync_duration_seconds_sum")
    assert total_s is not None and total_s > 0


# The server.


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDirectory]:
    with free_ports(3) as port:
        arguments = ["--nodes=3", f"--port={port}", f"--state-dir={tmp_path / 'state'}"]
        made = CliRunner().invoke(initialize, [*arguments, "--election-delay=30"])
        assert made.exit_code == 0, made.output
        yield StateDirectory(tmp_path / "state")


@contextmanager
def started(state: StateDirectory, metrics: Metrics) -> Iterator[Service]:
    """Node 1, alone of three."""
    failures: list[BaseException] = []
    service = Service(state, 1, failures.append, ControlServer, metrics)
    try:
        service.start()
        yield service
    finally:
        service.stop()
    assert failures == []


@contextmanager
def served(metrics: Metrics, service: Service, answer_s: float = 60.0) -> Iterator[int]:
    """The port at which its metrics are shown."""
    with free_ports(1) as port:
        server = MetricsServer(metrics, service, port, answer_s)
        try:
            yield port
        finally:
            server.close()


@contextmanager
def metered_service(state: StateDirectory, answer_s: float = 60.0) -> Iterator[tuple[Service, int]]:
    metrics = Metrics()
    with started(state, metrics) as service, served(metrics, service, answer_s) as port:
        yield service, port


def scrape(port: int) -> Samples:
    """Every sample, by its name and its labels' values."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_scrape_shows_a_lonely_node_as_it_is(state: StateDirectory) -> None:
    with metered_service(state) as (service, port):
        service.call(service.submissions.submit(Payments.of((2, 1), (3, 1)))).result(60)
        shown = scrape(port)
    assert shown["benmo_up", ()] == 1
    assert shown["benmo_height_blocks", ()] == 0
    assert shown["benmo_queue_transfers", ()] == 2
    assert shown["benmo_promised_ballot_round", ()] == 0
    assert shown["benmo_leader_ballot_round", ()] == 0
    assert shown["benmo_quorum", ()] == 0
    for peer in ("2", "3"):
        states = {name: shown["benmo_link_state", (peer, name)] for name in ("up", "severed")}
        assert states == {"up": 0, "severed": 0}
        assert shown["benmo_link_state", (peer, "down")] == 1
    assert shown["benmo_fsync_duration_seconds_count", ()] >= 1
    assert [labels[0] for name, labels in shown if name == "benmo_node_info"] == ["1"]


def test_each_metric_says_in_a_sentence_what_it_is(state: StateDirectory) -> None:
    with metered_service(state) as (_, port):
        address = f"http://{HOST}:{port}/metrics"
        with urllib.request.urlopen(address, timeout=60) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
    own = [family for family in families if family.name.startswith("benmo_")]
    assert len(own) == 13
    for family in own:
        assert family.documentation[0].isupper(), family
        assert family.documentation.endswith("."), family
    assert {family.name for family in families} >= {"process_cpu_seconds", "process_open_fds"}


def test_a_busy_node_is_shown_as_one_that_does_not_answer(state: StateDirectory) -> None:
    is_free = threading.Event()

    async def keep_busy() -> None:
        is_free.wait(60)

    with metered_service(state, answer_s=0.05) as (service, port):
        busy = service.call(keep_busy())
        shown = scrape(port)
        is_free.set()
        busy.result(60)
        assert shown["benmo_up", ()] == 0
        assert ("benmo_height_blocks", ()) not in shown
        assert shown["benmo_campaigns_total", ()] == 0
        eventually(lambda: scrape(port)["benmo_up", ()] == 1, "the node answers again")


def test_a_node_that_stopped_does_not_answer_and_nothing_hangs(state: StateDirectory) -> None:
    metrics = Metrics()
    with started(state, metrics) as service:
        pass
    with served(metrics, service) as port:
        assert scrape(port)["benmo_up", ()] == 0


def test_who_says_nothing_is_left_and_the_next_one_served(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benmo.node.metrics._ScrapeHandler.timeout", 0.05)
    with metered_service(state) as (_, port), socket.create_connection((HOST, port)) as silent:
        assert scrape(port)["benmo_up", ()] == 1
        silent.settimeout(60)
        assert silent.recv(1) == b""


def test_a_port_in_use_is_refused_with_its_holder(state: StateDirectory) -> None:
    metrics = Metrics()
    with started(state, metrics) as service, socket.socket() as holder:
        holder.bind((HOST, 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(CannotStart) as refused:
            MetricsServer(metrics, service, port)
    words = f"--metrics can't listen on {HOST}:{port}: Address already in use. Process "
    assert str(refused.value).startswith(words)
