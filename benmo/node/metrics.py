"""The metrics that a node shows to Prometheus, if `--metrics` asks for them.

This module needs the package prometheus-client, so a node imports it only for `--metrics`. Events
are counted in the loop's thread as they happen; the node's state is read there, at each scrape.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from socketserver import TCPServer
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    MetricsHandler,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from benmo import __version__
from benmo.commands.node_status import NodeStatus
from benmo.engine.events import Event, Received, Report
from benmo.errors import CannotStart
from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.network.link import Link
from benmo.network.ports import holder_of
from benmo.node.service import Service
from benmo.node.view import View
from benmo.paxos.messages import Nack
from benmo.paxos.notices import CampaignBegun
from benmo.paxos.types import Ballot
from benmo.storage.disk import RealDisk

HOST = "127.0.0.1"

_LOG = logging.getLogger("benmo")
_ANSWER_S = 2.0
"""The time limit of the node's loop to answer a scrape."""
_SILENCE_S = 5.0
"""The time after which a connection that sends nothing is closed."""
_POLL_S = 0.1
_CLOSE_S = 1.0
_BUCKETS_S = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)


class Metrics:
    """A node's `Meter`, with a registry of what was measured."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._syncs = self._histogram(
            "benmo_fsync_duration_seconds",
            "How long the disk took to make something durable, in seconds.",
        )
        self._decisions = self._histogram(
            "benmo_decide_duration_seconds",
            "How long a request to this node took, in seconds, from when its transfers were "
            "durable in the queue to when the last of them was decided.",
        )
        self._campaigns = self._counter(
            "benmo_campaigns_total", "How often this node has tried to become the leader."
        )
        self._nacks = self._counter(
            "benmo_nacks_received_total",
            "How often another node has refused a ballot of this one for a higher ballot.",
        )
        self._transfers = self._counter(
            "benmo_transfers_decided_total",
            "How many transfers, of all nodes, this node has learned to be decided, and what "
            "became of them.",
            "outcome",
        )
        for outcome in Outcome:
            self._transfers.labels(outcome)
        self._view: View | None = None
        self._requests: deque[tuple[int, float]] = deque()
        """For each request under way, in order: its last transfer's number, and since when."""

    def _histogram(self, name: str, meaning: str) -> Histogram:
        return Histogram(name, meaning, registry=self.registry, buckets=_BUCKETS_S)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    # What the service calls.

    def disk(self, path: Path, ahead: Collection[str] = ()) -> RealDisk:
        """Make the disk of the node's directory, with its fsyncs measured."""
        return _MeteredDisk(path, ahead, self._syncs)

    def begin(self, view: View) -> None:
        """Measure this node from now on."""
        self._view = view

    def turned(self, events: Sequence[Event], report: Report, now: float) -> None:
        """Count what a turn led to, once that is durable; `now` is the node's time, in seconds."""
        for event in events:
            match event:
                case Received(_, Nack()):
                    self._nacks.inc()
        campaigns = sum(isinstance(notice, CampaignBegun) for notice in report.notices)
        self._campaigns.inc(campaigns)
        for admission in report.admissions:
            if admission.run is not None and len(admission.run) > 0:
                self._requests.append((admission.run.end - 1, now))
        for applied in report.applied:
            self._count_transfers(applied)
        if report.applied:
            self._measure_requests(now)

    def _count_transfers(self, applied: AppliedBlock) -> None:
        refused, skipped = len(applied.refused), len(applied.skipped)
        self._transfers.labels(Outcome.REFUSED).inc(refused)
        self._transfers.labels(Outcome.SKIPPED).inc(skipped)
        self._transfers.labels(Outcome.APPLIED).inc(len(applied.block) - refused - skipped)

    def _measure_requests(self, now: float) -> None:
        assert self._view is not None
        last = self._view.last_decided
        while self._requests and self._requests[0][0] <= last:
            _, since = self._requests.popleft()
            self._decisions.observe(now - since)


class _MeteredDisk(RealDisk):
    def __init__(self, path: Path, ahead: Collection[str], syncs: Histogram) -> None:
        super().__init__(path, ahead)
        self._syncs = syncs

    def sync(self, name: str) -> None:
        with self._syncs.time():
            super().sync(name)

    def sync_directory(self) -> None:
        with self._syncs.time():
            super().sync_directory()


@dataclass(frozen=True, slots=True)
class _Scraped:
    status: NodeStatus
    leader: Ballot


class _StateCollector(Collector):
    """Reads the node's state at each scrape, if the node answers within `answer_s` seconds."""

    def __init__(self, service: Service, answer_s: float) -> None:
        self._service = service
        self._answer_s = answer_s

    def collect(self) -> Iterator[Metric]:
        node = {"node": str(self._service.node), "version": __version__}
        yield InfoMetricFamily("benmo_node", "Which node this is, and of which version.", node)
        state = self._ask()
        yield _gauge(
            "benmo_up",
            "Whether the node has answered this scrape in time: 1 or 0. Without an answer, what "
            "would be read from its state is missing.",
            state is not None,
        )
        if state is not None:
            yield from _families(state)

    def _ask(self) -> _Scraped | None:
        question = _state_of(self._service)
        try:
            answer = self._service.call(question)
        except RuntimeError:  # its loop has ended
            question.close()
            return None
        try:
            return answer.result(self._answer_s)
        except (TimeoutError, CancelledError):
            answer.cancel()
            return None


async def _state_of(service: Service) -> _Scraped:
    return _Scraped(service.view.status(), service.view.leader_ballot)


def _families(state: _Scraped) -> Iterator[Metric]:
    now = state.status
    yield _gauge("benmo_height_blocks", "How many blocks this node's chain has.", now.height)
    yield _gauge(
        "benmo_queue_transfers", "How many transfers of this node wait for a decision.", now.queue
    )
    yield _gauge(
        "benmo_promised_ballot_round",
        "The round of the highest ballot that this node has promised.",
        now.promised.round,
    )
    yield _gauge(
        "benmo_leader_ballot_round",
        "The round of the ballot of the leader that this node knows, perhaps itself; 0 if it "
        "knows none.",
        state.leader.round,
    )
    yield _gauge(
        "benmo_quorum",
        "Whether this node and those that it reaches are a majority: 1 or 0.",
        now.quorum,
    )
    links = GaugeMetricFamily(
        "benmo_link_state",
        "The link to each peer, as this node sees it: 1 for the state that it is in.",
        labels=("peer", "state"),
    )
    for peer in now.peers:
        for each in Link:
            links.add_metric((str(peer.node), each), peer.link is each)
    yield links


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value)


class MetricsServer:
    """Answers scrapes from this machine alone, one at a time, in a thread of its own.

    A slow scraper delays other scrapers, but not the node. Raises `CannotStart` if the port can't
    be used, naming the process that holds it.
    """

    def __init__(
        self, metrics: Metrics, service: Service, port: int, answer_s: float = _ANSWER_S
    ) -> None:
        metrics.registry.register(_StateCollector(service, answer_s))
        try:
            self._server = _Server((HOST, port), _handler(metrics.registry))
        except OSError as error:
            raise CannotStart(
                f"--metrics can't listen on {HOST}:{port}: {error.strerror}{holder_of(port)}"
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop answering; after a second at most, for a slow scrape ends with the process."""
        threading.Thread(target=self._server.shutdown, daemon=True).start()
        self._thread.join(_CLOSE_S)
        if not self._thread.is_alive():
            self._server.server_close()


class _Server(TCPServer):
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a scrape that failed, at level debug: the user at the prompt needn't see it."""
        _LOG.debug("a scrape failed", exc_info=True)


class _ScrapeHandler(MetricsHandler):
    timeout = _SILENCE_S


def _handler(registry: CollectorRegistry) -> Callable[..., MetricsHandler]:
    return _ScrapeHandler.factory(registry)
