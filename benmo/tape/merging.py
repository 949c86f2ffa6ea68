"""Brings the records of several nodes into one order: no message arrives before it is sent.

On one machine, all processes read the same monotonic clock, so the times are the order. Nodes of
other machines come with another clock, whose difference is taken from the time of day that both
machines show.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from math import inf

from msgspec.structs import replace

from benmo.paxos.types import NodeId
from benmo.tape.records import AnyRecord, TimerRecord

HOLD_S = 0.25
"""How long a record waits at most for an earlier one of a node that hasn't been heard since."""


class Merger:
    """Takes the records of all nodes, each node's in their order, and emits them by their times.

    `emit` takes a record whose time is in seconds since the first that was heard of.
    """

    def __init__(self, emit: Callable[[AnyRecord], None]) -> None:
        self._emit = emit
        self._waiting: list[tuple[float, int, AnyRecord]] = []
        self._count = 0
        self._heard: dict[NodeId, float] = {}
        """By node, up to which time all its records are here."""
        self._boot = ""
        self._began: float | None = None
        self._wall = 0.0

    def heard(
        self, node: NodeId, records: list[AnyRecord], boot: str, now: float, wall: float
    ) -> None:
        """Take a node's further records; its machine's clock shows `now`, at the time `wall`."""
        if self._began is None:
            self._began, self._boot, self._wall = now, boot, wall
        begin = self._began if boot == self._boot else now - (wall - self._wall)
        for record in records:
            self._add(_shifted(record, begin))
        self._heard[node] = max(self._heard.get(node, -inf), now - begin)
        self._release(min(self._heard.values()), max(self._heard.values()) - HOLD_S)

    def happened(self, record: AnyRecord) -> None:
        """Take a supervisor's record of this moment."""
        self._add(record)

    @property
    def now(self) -> float:
        """The latest time that was heard of."""
        return max(self._heard.values(), default=0.0)

    def lost(self, node: NodeId) -> None:
        """Wait no longer for a node that is gone."""
        self._heard.pop(node, None)

    def close(self) -> None:
        """Emit all that still waits."""
        self._release(inf, inf)

    def _add(self, record: AnyRecord) -> None:
        self._count += 1
        heapq.heappush(self._waiting, (record.time, self._count, record))

    def _release(self, complete: float, late: float) -> None:
        until = max(complete, late)
        while self._waiting and self._waiting[0][0] <= until:
            self._emit(heapq.heappop(self._waiting)[2])


def _shifted(record: AnyRecord, begin: float) -> AnyRecord:
    """The record, with its times counted from `begin`."""
    time = round(record.time - begin, 6)
    if isinstance(record, TimerRecord) and record.due is not None:
        return replace(record, time=time, due=round(record.due - begin, 6))
    return replace(record, time=time)
