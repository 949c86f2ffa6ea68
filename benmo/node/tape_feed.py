"""Gives a node's records to those who listen. While nobody does, none are made."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from benmo.engine.engine import Engine
from benmo.errors import Reason, RefusalText, Refused
from benmo.ledger.blocks import AppliedBlock
from benmo.network.link import Link
from benmo.network.peer_links import PeerLinks
from benmo.paxos.types import NodeId
from benmo.storage.node_storage import NodeStorage
from benmo.tape.counter import TapeCounter
from benmo.tape.recorder import CHAIN_SHOWN, Recorder
from benmo.tape.records import AnyRecord, GapRecord


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()


LISTENERS_MAX = 4
"""The limit of those who listen to a node at a time."""
_RECORDS_MAX = 8_192
"""The limit of records that wait for a listener to take them; further ones are lost."""
RECORDS_PER_S = 500
"""The limit of records that a node makes in each second; what is beyond them is counted."""
_TAKEN_BYTES_MAX = 1 << 20
"""The bytes after which no further record is taken at a time: a frame holds far more."""
_BLOCKS_BYTES_MAX = 256 << 10

BOOT_ID = _boot_id()
"""The same for all processes of this machine, until it is started anew."""

_encoder = msgspec.json.Encoder()


class TapeListener:
    """The records that wait for one listener, as JSON lines; perhaps it wants all `heartbeats`."""

    def __init__(self, leave: Callable[[TapeListener], None], heartbeats: bool = False) -> None:
        self._leave = leave
        self.heartbeats = heartbeats
        self._waiting: deque[AnyRecord] = deque()
        self._lost: GapRecord | None = None
        """The records that were lost and not yet reported."""

    def put(self, record: AnyRecord) -> None:
        """Keep a record until it is taken, unless too many wait."""
        if len(self._waiting) >= _RECORDS_MAX:
            self._lose(record)
        else:
            self._report_lost()
            self._waiting.append(record)

    def take(self) -> list[bytes]:
        """Take what waits, and what is known to be lost; not much more than a MiB at a time."""
        self._report_lost()
        lines: list[bytes] = []
        taken_bytes = 0
        while self._waiting and taken_bytes < _TAKEN_BYTES_MAX:
            lines.append(_encoder.encode(self._waiting.popleft()))
            taken_bytes += len(lines[-1])
        return lines

    def taken_until(self, now: float) -> float:
        """The time up to which all records were taken: `now` unless some still wait."""
        return self._waiting[0].time if self._waiting else now

    def close(self) -> None:
        """Listen no more."""
        self._leave(self)

    def _lose(self, record: AnyRecord) -> None:
        begin = record.first if isinstance(record, GapRecord) else record.number
        self._lost = GapRecord(
            node=record.node,
            life=record.life,
            number=record.number,
            time=record.time,
            first=begin if self._lost is None else self._lost.first,
            last=record.number,
            why="they were read too late",
        )

    def _report_lost(self) -> None:
        if self._lost is not None:
            gap, self._lost = self._lost, None
            self._waiting.append(gap)


class TapeFeed:
    """Lets an engine and its links record what they do, while somebody listens.

    All of it runs in the node's loop. The records' times are those of this machine's monotonic
    clock, which is the same for all processes of the machine.

    Once a second's records are made, the node rests: until the second is over, what happens is only
    counted. Seconds are those of the time of day, so that all nodes record at the same time.
    """

    def __init__(
        self,
        node: NodeId,
        engine: Engine,
        links: PeerLinks,
        storage: NodeStorage,
        engine_now: Callable[[], float],
    ) -> None:
        self._node = node
        self._life = time.time_ns() // 1_000_000
        self._engine = engine
        self._links = links
        self._storage = storage
        self._engine_now = engine_now
        self._listeners: list[TapeListener] = []
        self._number = 0
        """The last record's."""
        self._second = 0
        self._left = RECORDS_PER_S
        """The number of further records that may be made in this second."""
        self._missed: int | None = None
        """The number of records that weren't made since the last gap; None if none is missing."""

    def listen(self, heartbeats: bool = False) -> TapeListener:
        """Record from now on, beginning with the node as it is; called between two turns.

        With `heartbeats`, all of those are recorded while this one listens, for all who do.
        Raises `Refused` if too many listen, and `StateError` or `OSError` if the chain can't be
        read: nobody listens then.
        """
        if len(self._listeners) >= LISTENERS_MAX:
            text = f"{LISTENERS_MAX} listen to node {self._node} already"
            raise Refused(RefusalText(text, Reason.OTHER))
        chain = self._last_blocks()
        self._report_missed()
        listener = TapeListener(self._leave, heartbeats)
        self._listeners.append(listener)
        self._tell_state(chain)
        return listener

    def tell_state(self) -> None:
        """Record for all who listen how the node is, unless it rests; called between two turns.

        Raises `StateError` or `OSError` if the chain can't be read.
        """
        if not self._is_resting:
            self._tell_state(self._last_blocks())

    def is_rest_over(self) -> bool:
        """Whether the node rests, in another second than before; if it doesn't, allow that one's.

        Called often: a node that doesn't rest may record as much again in each second.
        """
        second = int(time.time())
        if second == self._second:
            return False
        self._second = second
        if self._is_resting:
            return True
        self._left = RECORDS_PER_S
        return False

    def end_rest(self) -> None:
        """Record again, beginning with the node as it is; called between two turns.

        Raises `StateError` or `OSError` if the chain can't be read.
        """
        if self._is_resting:
            chain = self._last_blocks()
            self._report_missed()
            self._tell_state(chain)

    @property
    def _is_resting(self) -> bool:
        return isinstance(self._engine.tape, TapeCounter)

    def _last_blocks(self) -> list[AppliedBlock]:
        height = self._storage.height
        first = max(1, height - CHAIN_SHOWN + 1)
        return self._storage.read(first, _BLOCKS_BYTES_MAX) if height else []

    def _tell_state(self, chain: list[AppliedBlock]) -> None:
        recorder = self._engine.tape
        if not isinstance(recorder, Recorder):
            recorder = self._begin()
        links = {node: self._links.link(node) is Link.UP for node in self._engine.membership.nodes}
        recorder.state(links, chain, self._engine_now())

    def _begin(self) -> Recorder:
        self._second, self._left = int(time.time()), RECORDS_PER_S
        recorder = Recorder(
            (self._node, self._life),
            self._engine,
            time.monotonic,
            self._put,
            heartbeats=lambda: any(each.heartbeats for each in self._listeners),
            after=self._number,
        )
        self._engine.tape = self._links.tape = recorder
        return recorder

    def _put(self, record: AnyRecord) -> None:
        """Hand a record to all who listen; the last one of a second begins the rest."""
        if self._left <= 0:
            self._miss(1)
            return
        self._hand_out(record)
        self._left -= 1
        if not self._left:
            self._engine.tape = self._links.tape = TapeCounter(self._miss)

    def _miss(self, count: int) -> None:
        """Count records that aren't made. The first are reported at once: what was known is old."""
        if self._missed is None:
            self._missed = 0
            self._hand_out(self._gap(count))
        else:
            self._missed += count

    def _report_missed(self) -> None:
        if self._missed:
            self._hand_out(self._gap(self._missed))
        self._missed = None

    def _gap(self, count: int) -> GapRecord:
        return GapRecord(
            node=self._node,
            life=self._life,
            number=self._number + count,
            time=time.monotonic(),
            first=self._number + 1,
            last=self._number + count,
            why=f"more than {RECORDS_PER_S:,} records in a second",
        )

    def _hand_out(self, record: AnyRecord) -> None:
        self._number = record.number
        for listener in self._listeners:
            listener.put(record)

    def _leave(self, listener: TapeListener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)
        if not self._listeners:
            self._report_missed()
            self._engine.tape = self._links.tape = None
