"""Engines in one thread over links that take their time, and a clock that runs as they need it."""

from __future__ import annotations

import heapq

from benmo.notices import Notice
from benmo.paxos.types import Tenure
from benmo.play.sandbox import PendingMessage
from tests.support.engine_cluster import Cluster


class SlowCluster:
    """`nodes` engines, each of whose messages takes `delay_s` seconds."""

    def __init__(
        self,
        nodes: int,
        tenure: Tenure,
        election_delay_s: tuple[float, float],
        delay_s: float,
        seed: int,
    ) -> None:
        self._cluster = Cluster(nodes, tenure, election_delay_s, seed)
        self._delay_s = delay_s
        self._under_way: list[tuple[float, int, PendingMessage]] = []
        self._sent = 0

    @property
    def notices(self) -> list[Notice]:
        """All that any node has told so far."""
        machines = self._cluster.machines.values()
        return [notice for each in machines for report in each.reports for notice in report.notices]

    def queue(self, node: int) -> None:
        """Queue a transfer at a node."""
        self._cluster.pay(node, (node % len(self._cluster.ids) + 1, 1))

    def run_until_decided(self, within_s: float) -> float:
        """Let time pass until no queue holds anything; how long that took, in seconds."""
        began = self._cluster.now
        while any(len(self._cluster.engine(node).queue.own) for node in self._cluster.ids):
            self._step()
            assert self._cluster.now < began + within_s, "nothing is decided"
        return self._cluster.now - began

    def _step(self) -> None:
        """Let the next thing happen: a message arrives, or something is due at a node."""
        cluster = self._cluster
        for envelope in cluster.network.pending:
            self._sent += 1
            heapq.heappush(self._under_way, (cluster.now + self._delay_s, self._sent, envelope))
        cluster.network.pending.clear()
        due_at, node = min((cluster.engine(node).deadline, node) for node in cluster.ids)
        if self._under_way and self._under_way[0][0] <= due_at:
            cluster.now, _, envelope = heapq.heappop(self._under_way)
            cluster.deliver_copy(envelope)
        else:
            cluster.now = max(cluster.now, due_at)
            cluster.turn(node, [])
