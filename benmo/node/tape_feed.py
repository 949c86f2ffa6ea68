"""Gives a node's records to those who listen. While nobody does, none are made."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec

from benmo.engine.engine import Engine
from benmo.errors import Reason, RefusalText, Refused
from benmo.ledger.blocks import AppliedBlock
from benmo.network.link import Link
from benmo.network.peer_links import PeerLinks
from benmo.paxos.types import NodeId
from benmo.storage.node_storage import NodeStorage
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
_RECORDS_PER_S = 2_000
_BLOCKS_BYTES_MAX = 256 << 10

BOOT_ID = _boot_id()
"""The same for all processes of this machine, until it is started anew."""

_encoder = msgspec.json.Encoder()


class TapeListener:
    """The records that wait for one listener, as JSON lines."""

    def __init__(self, leave: Callable[[TapeListener], None]) -> None:
        self._leave = leave
        self._waiting: deque[AnyRecord] = deque()
        self._lost: GapRecord | None = None
        """The records that were lost and not yet reported."""
        self._allowed = float(_RECORDS_PER_S)
        self._allowed_at = time.monotonic()

    def put(self, record: AnyRecord) -> None:
        """Keep a record until it is taken, unless there are too many."""
        if not self._may_keep():
            self._lose(record, f"more than {_RECORDS_PER_S:,} records a second")
        elif len(self._waiting) >= _RECORDS_MAX:
            self._lose(record, "they were read too late")
        else:
            self._report_lost()
            self._waiting.append(record)

    def take(self) -> list[bytes]:
        """Take what waits, and what is known to be lost."""
        self._report_lost()
        lines = [_encoder.encode(record) for record in self._waiting]
        self._waiting.clear()
        return lines

    def close(self) -> None:
        """Listen no more."""
        self._leave(self)

    def _may_keep(self) -> bool:
        """Whether one more record is within the rate: a second's worth may come at once."""
        now = time.monotonic()
        gained = (now - self._allowed_at) * _RECORDS_PER_S
        self._allowed = min(self._allowed + gained, _RECORDS_PER_S)
        self._allowed_at = now
        if self._allowed < 1.0:
            return False
        self._allowed -= 1.0
        return True

    def _lose(self, record: AnyRecord, why: str) -> None:
        first = record.number if self._lost is None else self._lost.first
        self._lost = GapRecord(
            node=record.node,
            life=record.life,
            number=record.number,
            time=record.time,
            first=first,
            last=record.number,
            why=why,
        )

    def _report_lost(self) -> None:
        if self._lost is not None:
            gap, self._lost = self._lost, None
            self._waiting.append(gap)


class TapeFeed:
    """Lets an engine and its links record what they do, while somebody listens.

    All of it runs in the node's loop. The records' times are those of this machine's monotonic
    clock, which is the same for all processes of the machine.
    """

    def __init__(
        self, node: NodeId, engine: Engine, links: PeerLinks, storage: NodeStorage
    ) -> None:
        self._node = node
        self._life = time.time_ns() // 1_000_000
        self._engine = engine
        self._links = links
        self._storage = storage
        self._listeners: list[TapeListener] = []
        self._number = 0

    def listen(self) -> TapeListener:
        """Record from now on, beginning with the node as it is; called between two turns.

        Raises `Refused` if too many listen, and `StateError` or `OSError` if the chain can't be
        read: nobody listens then.
        """
        if len(self._listeners) >= LISTENERS_MAX:
            text = f"{LISTENERS_MAX} listen to node {self._node} already"
            raise Refused(RefusalText(text, Reason.OTHER))
        chain = self._last_blocks()
        listener = TapeListener(self._leave)
        self._listeners.append(listener)
        self._tell_state(chain)
        return listener

    def tell_state(self) -> None:
        """Record for all who listen how the node is; called between two turns.

        Raises `StateError` or `OSError` if the chain can't be read.
        """
        self._tell_state(self._last_blocks())

    def _last_blocks(self) -> list[AppliedBlock]:
        height = self._storage.height
        first = max(1, height - CHAIN_SHOWN + 1)
        return self._storage.read(first, _BLOCKS_BYTES_MAX) if height else []

    def _tell_state(self, chain: list[AppliedBlock]) -> None:
        recorder = self._engine.tape
        if recorder is None:
            recorder = Recorder(
                (self._node, self._life),
                self._engine,
                time.monotonic,
                self._put,
                after=self._number,
            )
            self._engine.tape = self._links.tape = recorder
        links = {node: self._links.link(node) is Link.UP for node in self._engine.membership.nodes}
        cast(Recorder, recorder).state(links, chain)

    def _put(self, record: AnyRecord) -> None:
        self._number = record.number
        for listener in self._listeners:
            listener.put(record)

    def _leave(self, listener: TapeListener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)
        if not self._listeners:
            self._engine.tape = self._links.tape = None
