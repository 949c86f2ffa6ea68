"""Listens to all nodes of a cluster, and brings what they record into one order."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from math import inf
from typing import Any

from msgspec.structs import replace

from benmo.cluster import Cluster, StateDirectory
from benmo.control.connection import NodeConnection
from benmo.control.places import NodeFinder
from benmo.control.tape_requests import Taped
from benmo.errors import Failure
from benmo.paxos.types import NodeId
from benmo.tape.merging import HOLD_S, Merger
from benmo.tape.records import (
    VERSION,
    AnyRecord,
    AppliedRecord,
    GapRecord,
    Header,
    StateRecord,
)
from benmo.tape.trace_file import decode_record
from benmo.tape.world_records import ProcessEvent, ProcessRecord

_TRY_AGAIN_S = 0.5
_SILENT_S = 2.0
"""The time limit of a record's wait for nodes all of which are silent."""
_STATE_EVERY_S = 1.0
"""The time between two questions to a node how it is, while records are lost."""
_STATE_AFTER = 5_000
"""After this many records a node is asked how it is, for those who don't have the earlier ones."""


def live_header(cluster: Cluster, heartbeats: bool = False) -> Header:
    """Make the first line of a trace of running nodes that begins now."""
    tenure = cluster.settings.tenure.value
    nodes = tuple(cluster.ids)
    began = time.time()
    return Header("trace", VERSION, "live", nodes, tenure, began, cluster.cluster, heartbeats)


async def until_interrupted(*work: Coroutine[Any, Any, None], seconds: float | None) -> None:
    """Let work go on for `seconds`, or until a signal ends it; or until some of it fails."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(each) for each in (ended.wait(), *work)]
    await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    for failure in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(failure, Exception):
            raise failure


class Collection:
    """The records of all nodes, from whenever each can be reached.

    emit  takes each record, in the order of a trace
    say   takes the words that say why a node isn't heard, as often as they change; empty words once
          it is, or needn't be any more

    Nodes that are added meanwhile are listened to, too, once the chain of one that is heard has
    them; and nodes that were removed, no longer than they run. With `heartbeats`, all of those are
    asked for. `hold_s` is how long a record waits for earlier ones.
    """

    def __init__(
        self,
        state: StateDirectory,
        nodes: Sequence[NodeId],
        emit: Callable[[AnyRecord], None],
        say: Callable[[NodeId, str], None],
        heartbeats: bool = False,
        hold_s: float = HOLD_S,
    ) -> None:
        self._state = state
        self._heartbeats = heartbeats
        self._emit = emit
        self._say = say
        self._merger = Merger(self._take, hold_s)
        self._number = 0
        self._heard = {node: _HeardNode() for node in nodes}
        self._height = -inf
        """That of the highest chain that was heard of."""
        self._members = frozenset(nodes)
        """The nodes that vote according to that chain."""
        self._followed: set[NodeId] = set()
        self._tasks: asyncio.TaskGroup

    @property
    def never_heard(self) -> dict[NodeId, str]:
        """By node that votes and was never heard, why."""
        heard = self._heard.items()
        return {
            node: each.words or f"nothing came from node {node} in time"
            for node, each in heard
            if node in self._members and not each.records
        }

    def votes(self, node: NodeId) -> bool:
        """Whether a node votes, as far as is known."""
        return node in self._members

    async def run(self) -> None:
        """Listen until this is cancelled; all that was heard is emitted then.

        Raises what `say` or `emit` raises.
        """
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._follow_members()
                try:
                    await asyncio.Future()
                finally:
                    self._height = inf  # so that no further node is followed
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            self._merger.close()

    def happened(self, record: AnyRecord, clock: float) -> None:
        """Take a record of what was done to the nodes of this machine; only in the loop of `run`.

        It was done when the monotonic clock showed `clock`; the record gets its number here.
        """
        self._number += 1
        self._merger.done_here(replace(record, number=self._number), clock)
        asyncio.get_running_loop().call_later(_SILENT_S, self._merger.passed, clock)

    def _follow_members(self) -> None:
        for node in self._members - self._followed:
            self._followed.add(node)
            self._heard.setdefault(node, _HeardNode())
            self._tasks.create_task(self._follow(node))

    def _learn(self, height: int, members: tuple[NodeId, ...]) -> None:
        """Follow the nodes that vote once the chain has this height."""
        if members and height >= self._height:
            self._height, self._members = height, frozenset(members)
            self._follow_members()

    async def _follow(self, node: NodeId) -> None:
        """Listen to a node, again and again, as long as it votes."""
        finder = NodeFinder(self._state, node)
        while node in self._members:
            try:
                connection = await finder.connect()
            except (Failure, OSError) as error:
                self._is_silent(node, str(error))
                await asyncio.sleep(_TRY_AGAIN_S)
                continue
            was_heard = self._heard[node].records
            try:
                words = await self._listen(node, connection)
            finally:
                connection.abort()
            if self._heard[node].records > was_heard:
                self._gone(node)
            self._is_silent(node, words)
            await asyncio.sleep(_TRY_AGAIN_S)
        self._followed.discard(node)
        self._is_silent(node, "")

    async def _listen(self, node: NodeId, connection: NodeConnection) -> str:
        """Listen until the connection ends; return the words that say why."""
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def end(words: str) -> None:
            if not ended.done():
                ended.set_result(words)

        connection.listen(
            lambda taped: self._on_taped(node, connection, taped),
            end,
            lambda: end(f"node {node} is gone"),
            self._heartbeats,
        )
        return await ended

    def _on_taped(self, node: NodeId, connection: NodeConnection, taped: Taped) -> None:
        self._is_silent(node, "")
        records: list[AnyRecord] = [decode_record(each) for each in taped.records]
        heard = self._heard[node]
        heard.records += len(records)
        heard.life = records[-1].life if records else heard.life
        self._merger.heard(node, records, taped.boot, taped.now, taped.wall)
        if heard.is_state_due(time.monotonic()):
            connection.ask_state()

    def _take(self, record: AnyRecord) -> None:
        if record.node in self._heard:
            self._heard[record.node].took(record)
        match record:
            case StateRecord():
                self._learn(record.height, record.members)
            case AppliedRecord():
                self._learn(record.slot, record.members)
            case _:
                pass
        self._emit(record)

    def _is_silent(self, node: NodeId, words: str) -> None:
        heard = self._heard[node]
        if heard.words != words:
            heard.words = words
            self._say(node, words)

    def _gone(self, node: NodeId) -> None:
        self._number += 1
        self._merger.lost(node)
        self._merger.happened(
            ProcessRecord(
                node=0,
                life=0,
                number=self._number,
                time=self._merger.now,
                of=node,
                event=ProcessEvent.NOT_REACHED,
                of_life=self._heard[node].life,
            )
        )


class _HeardNode:
    """The state of listening to one node."""

    def __init__(self) -> None:
        self.words = ""
        self.records = 0
        """The count of the records that have come."""
        self.life = 0
        """Of the latest one."""
        self._has_lost = False
        self._asked_at = 0.0
        self._since_state = 0

    def took(self, record: AnyRecord) -> None:
        """Note a record of the node that is emitted."""
        self._since_state += 1
        if isinstance(record, GapRecord | StateRecord):
            self._has_lost = isinstance(record, GapRecord)

    def is_state_due(self, now: float) -> bool:
        """Whether the node is to be asked how it is; that counts as done."""
        is_due = self._has_lost and now - self._asked_at >= _STATE_EVERY_S
        if not is_due and self._since_state < _STATE_AFTER:
            return False
        self._has_lost, self._asked_at, self._since_state = False, now, 0
        return True
