"""Brings the records of several nodes into one order, that of their times.

On one machine, all processes read the same monotonic clock, so no message arrives before it is
sent. Nodes of other machines come with another clock, whose difference is taken from the time of
day that both machines show: by as much as these differ, a message may arrive before it is sent. A
node's record that comes when later ones were emitted already has no place any more: a gap stands
for it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import groupby
from math import inf
from operator import attrgetter

from msgspec.structs import replace

from benmo.paxos.types import NodeId
from benmo.tape.records import AnyRecord, GapRecord, TimerRecord

HOLD_S = 1.0
"""How long a record waits at most where somebody looks on."""


class Merger:
    """Takes the records of all nodes, each node's in their order, and emits them by their times.

    `emit` takes a record whose time is in seconds since the first that was heard of. A record waits
    at most `hold_s` seconds for an earlier one of a node that hasn't been heard since.
    """

    def __init__(self, emit: Callable[[AnyRecord], None], hold_s: float = HOLD_S) -> None:
        self._emit = emit
        self._hold_s = hold_s
        self._waiting: list[tuple[float, int, AnyRecord]] = []
        self._count = 0
        self._heard: dict[NodeId, float] = {}
        """By node, up to which time all its records are here."""
        self._begins: dict[str, float] = {}
        """By machine, the time that its clock showed at the beginning."""
        self._wall = 0.0
        """The time of day at the beginning."""
        self.now = 0.0
        """The latest time that was heard of."""
        self._done_early: list[tuple[AnyRecord, float]] = []
        """Events from before any node was heard, each with what the clock showed."""
        self._until = -inf
        """The time up to which all was emitted."""

    def heard(
        self, node: NodeId, records: list[AnyRecord], boot: str, now: float, wall: float
    ) -> None:
        """Take a node's further records; its machine's clock shows `now`, at the time `wall`."""
        if not self._begins:
            self._wall = wall
        begin = self._begins.setdefault(boot, now - (wall - self._wall))
        self._add_done()
        shifted = [_shifted(record, begin) for record in records]
        late = [record for record in shifted if record.time < self._until]
        for _life, group in groupby(late, attrgetter("life")):
            self._add(_gap(list(group), self._until))
        for record in shifted[len(late) :]:
            self._add(record)
        self._heard[node] = max(self._heard.get(node, -inf), now - begin)
        self.now = max(self.now, now - begin)
        self._release()

    def happened(self, record: AnyRecord) -> None:
        """Take a supervisor's record of this moment."""
        self._add(record)
        self._release()

    def done_here(self, record: AnyRecord, clock: float) -> None:
        """Take a record of what was done on the nodes' machine, whose clock showed this.

        It waits until a node was heard: only then does the trace have a beginning. One that comes
        late has the time at which it comes.
        """
        self._done_early.append((record, clock))
        if self._begins:
            self._add_done()
            self._release()

    def passed(self, clock: float) -> None:
        """Wait no longer for what happened before the monotonic clock showed this."""
        if self._begins:
            self.now = max(self.now, clock - self._begin_here + self._hold_s)
        self._release()

    @property
    def _begin_here(self) -> float:
        """The time that the clock of the nodes' machine showed at the beginning."""
        return next(iter(self._begins.values()))

    def _add_done(self) -> None:
        for record, clock in self._done_early:
            time = round(clock - self._begin_here, 6)
            self._add(replace(record, time=max(time, self._until)))
        self._done_early.clear()

    def lost(self, node: NodeId) -> None:
        """Wait no longer for a node that is gone."""
        self._heard.pop(node, None)
        self._release()

    def close(self) -> None:
        """Emit all that still waits."""
        self._heard.clear()
        self._release()

    def _add(self, record: AnyRecord) -> None:
        self._count += 1
        heapq.heappush(self._waiting, (record.time, self._count, record))

    def _release(self) -> None:
        complete = min(self._heard.values(), default=inf)
        until = max(complete, self.now - self._hold_s)
        while self._waiting and self._waiting[0][0] <= until:
            self._until, _, record = heapq.heappop(self._waiting)
            self._emit(record)


def _gap(late: list[AnyRecord], time: float) -> GapRecord:
    """A record that stands for those of one life of a node that came too late."""
    first, last = late[0], late[-1]
    return GapRecord(
        node=last.node,
        life=last.life,
        number=last.number,
        time=time,
        first=first.first if isinstance(first, GapRecord) else first.number,
        last=last.number,
        why="they came too late to be put in order",
    )


def _shifted(record: AnyRecord, begin: float) -> AnyRecord:
    """The record, with its times counted from `begin`."""
    time = round(record.time - begin, 6)
    if isinstance(record, TimerRecord) and record.due is not None:
        return replace(record, time=time, due=round(record.due - begin, 6))
    return replace(record, time=time)
