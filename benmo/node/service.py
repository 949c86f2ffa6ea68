"""A running node: puts disk, sockets and engine together, and runs them in the listener thread.

This module has what the node can be made to do; `benmo.node.view` has what it can be asked.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from benmo.cluster import NodeAddress, StateDirectory
from benmo.commands.node_status import NodeSnapshot
from benmo.engine.engine import Engine
from benmo.engine.events import Event, Hurried, LinkChanged, ReadRequested, Report
from benmo.engine.surroundings import Limits
from benmo.errors import CannotStart, StateError
from benmo.network.certificates import NodeIdentity
from benmo.network.frames import FrameReader
from benmo.network.peer_links import PeerLinks
from benmo.network.ports import holder_of
from benmo.network.rights import Right
from benmo.node.change_requests import ChangeRequests
from benmo.node.commanders import Commanders
from benmo.node.confirmed_reads import ConfirmedReads
from benmo.node.decision_notices import decision_notices
from benmo.node.disk_pace import DiskPace
from benmo.node.disk_rest import DiskRest
from benmo.node.height_waits import HeightWaits
from benmo.node.leaving import Leaving
from benmo.node.listener_thread import ListenerThread
from benmo.node.meter import Meter
from benmo.node.notice_feed import NoticeFeed
from benmo.node.opening import open_node
from benmo.node.submissions import Submissions
from benmo.node.tape_feed import TapeFeed
from benmo.node.turns import Turns
from benmo.node.view import View
from benmo.notices import Watcher
from benmo.paxos.messages import Message
from benmo.paxos.types import MemberId, NodeId
from benmo.storage.disk import RealDisk
from benmo.storage.journal import NodeState
from benmo.storage.key_index import SqliteKeyIndex
from benmo.storage.lock import DirectoryLock
from benmo.storage.node_storage import JOURNAL

T = TypeVar("T")
_SNAPSHOT_EVERY_S = 0.25
_STOP_S = 10.0


def clock() -> Callable[[], float]:
    """Make a clock that gives seconds since 1970, set once, now; it never goes back."""
    began = time.time() - time.monotonic()
    return lambda: began + time.monotonic()


class Service:
    """One node: `start` it, `call` it from any thread, `stop` it.

    `failed` is called, from the loop's thread, when the node can't go on: nothing leaves the node
    any more, and the process is to end. `control` makes the protocol of a connection that
    commands this node, with the right that its certificate gives.

    Raises `StateError` if a file is missing or damaged, and as one of its kinds `DirectoryInUse` if
    another process runs this node; `Retired` if the chain has retired its member; `OSError` if the
    disk fails.
    """

    def __init__(
        self,
        state: StateDirectory,
        node: NodeId,
        failed: Callable[[BaseException], None],
        control: Callable[[Service, Right], FrameReader],
        meter: Meter | None = None,
    ) -> None:
        self.node = node
        self.cluster = state.load_node(node)
        self.has_failed = False
        self.snapshot: NodeSnapshot | None = None
        """The node's state as of a moment ago, to be read by any thread."""
        self.commanders = Commanders()
        self._is_hurried = False
        self._failed = failed
        self._directory_lock = DirectoryLock(state.node(node))
        self._meter = meter
        self._disk = (RealDisk if meter is None else meter.disk)(state.node(node), ahead=(JOURNAL,))
        self._storage, recovered = open_node(state, self.cluster, node, self._disk)
        self._now = clock()
        self._thread = ListenerThread()
        self._notices = NoticeFeed(self._now)
        self._membership = recovered.ledger.membership
        """The membership that the links follow."""
        self._transport = self._make_links(state.tls(node), control)
        self._key_index = SqliteKeyIndex(state.keys(node), node)
        self._engine = self._make_engine(recovered)
        self._turns = self._make_turns()
        self._leaving = Leaving(node, self._thread.loop, self._engine, self._turns, self.fail)
        self._confirmed_reads = ConfirmedReads(
            lambda ticket: self._turns.happened(ReadRequested(ticket))
        )
        self._heights = HeightWaits(lambda: self._engine.ledger.height)
        self.submissions = Submissions(node, self._turns.happened)
        self.changes = ChangeRequests(self._turns.happened)
        self.view = self._make_view()
        self.tape = TapeFeed(node, self._engine, self._transport, self._storage, self._now)
        if meter is not None:
            meter.begin(self.view)

    def _make_links(self, tls: Path, control: Callable[[Service, Right], FrameReader]) -> PeerLinks:
        return PeerLinks(
            self.cluster,
            self._membership,
            NodeIdentity(self.cluster.cluster, self.node, self._storage.member),
            tls,
            on_message=self._received,
            may_take=lambda: not self._turns.is_slow,
            on_link=lambda peer, up: self._turns.happened(LinkChanged(peer, up)),
            on_retired=self._on_retired,
            on_notice=self._notices.notify_now,
            on_read=lambda: self._turns.happened(None),
            control=lambda right: control(self, right),
        )

    def _make_engine(self, recovered: NodeState) -> Engine:
        return Engine(
            self.cluster.protocol_settings(self.node, self._storage.member),
            Limits(queue_limit=self.cluster.settings.queue_max),
            recovered,
            self._storage,
            self._transport,
            Random(),
            self._now(),
            self._key_index,
        )

    def _make_turns(self) -> Turns:
        turns = Turns(
            self._engine,
            self._thread.loop,
            self._now,
            self._publish,
            self.fail,
            self._thread.in_thread_of_its_own,
            DiskPace(self._notices.notify_now),
        )
        turns.on_slow_turn = self._on_slow_turn
        return turns

    def _make_view(self) -> View:
        return View(
            self.cluster,
            self._engine,
            self._transport,
            self._storage,
            self._turns,
            self._confirmed_reads,
            self._heights,
            self._now,
        )

    @property
    def address(self) -> NodeAddress:
        """The address at which this node listens."""
        return self.cluster.address(self.node)

    @property
    def fsyncs(self) -> int:
        """Count this process's waits for the disk to make something durable."""
        return self._disk.syncs

    # From any thread.

    def start(self) -> None:
        """Listen, dial, take part. Raises `CannotStart` if the node's address can't be used."""
        self._thread.start()
        self.call(self._start()).result()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine in the loop, where it may use everything below; its future.

        The future is cancelled if the node fails. Raises `RuntimeError` once the loop has ended.
        """
        guarded = self._unless_failed(coroutine)
        try:
            return self._thread.call(guarded)
        except RuntimeError:  # the loop has ended
            coroutine.close()
            raise

    async def _unless_failed(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self.has_failed:
            coroutine.close()
            raise asyncio.CancelledError
        return await coroutine

    def stop(self) -> None:
        """Write a checkpoint, close everything, end the thread; after a failure, write nothing."""
        if self._thread.is_running:
            with suppress(Exception):
                self._thread.call(self._stop()).result(timeout=_STOP_S)
        self._thread.stop()
        if self._thread.is_running or self._turns.is_slow:
            return  # a thread still writes here: the lock must last as long as this process
        self._key_index.close()
        if not self.has_failed:  # closing may shorten the journal, which is a write
            self._disk.close()
        self._directory_lock.release()

    # In the loop's thread.

    def hurry(self) -> None:
        """Campaign at once, if this node has a reason to campaign."""
        if not self._is_hurried:  # once a turn is enough
            self._is_hurried = True
            self._turns.happened(Hurried())

    async def aside(self, work: Callable[[], T]) -> T:
        """Do long work in a thread beside this one, which must go on voting; one work at a time."""
        return await self._thread.aside(work)

    def sever(self, peer: NodeId, one_way: bool) -> None:
        self._transport.sever(peer, one_way)

    def delay(self, peer: NodeId, delay_s: float) -> None:
        self._transport.delay(peer, delay_s)

    def restore(self, peer: NodeId) -> None:
        self._transport.restore(peer)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` with every notice from now on, until the returned function is called."""
        return self._notices.watch(watcher)

    def fail(self, error: BaseException) -> None:
        """Stop taking part at once, and answer nothing more: memory may hold what the disk lacks.

        What is not durable must neither leave the node nor be seen by a user.
        """
        if self.has_failed:
            return
        self.has_failed = True
        self._turns.drop()
        self._transport.abort()
        self._thread.cancel_everything()
        self._failed(error)

    def _on_slow_turn(self, begins: bool) -> None:
        """Show the state from before a turn that waits for a slow disk, and let peers wait."""
        self.view.freeze(begins)
        if not begins:
            self._transport.take_more()

    def _received(self, sender: NodeId, message: Message, member: MemberId) -> None:
        self._turns.received(sender, message, member)

    def _on_retired(self, slot: int, by: NodeId) -> None:
        self._leaving.on_told(slot, by)

    async def _start(self) -> None:
        try:
            await self._transport.start()
        except OSError as error:
            raise CannotStart(
                f"node {self.node} can't listen on {self.address}: {_reason(error)}"
                f"{holder_of(self.address.port)}"
            ) from error
        try:
            self._engine.start()
        except BaseException:
            self._transport.give_up()
            raise
        self._turns.begin()
        self._update_snapshot()
        self._leaving.look()
        DiskRest(self._thread.loop, self._turns, self._disk, self._storage, self.fail).begin()

    async def _stop(self) -> None:
        if self._turns.is_on:
            self._turns.end()
            await self._turns.until_over()
            try:
                self._engine.checkpoint()
            except (OSError, StateError, AssertionError) as error:
                self._failed(error)
        await self._transport.close()

    def _publish(self, events: Sequence[Event], report: Report, began_at: float) -> None:
        """Answer requests, wake waits and notify watchers, in a turn whose effects are durable."""
        self._is_hurried = False
        if self._engine.membership is not self._membership:
            self._membership = self._engine.membership
            self._transport.follow(self._membership)
            self._leaving.look_soon()
        if self._meter is not None:
            self._meter.turned(events, report, self._now())
        for sender, reason in report.misbehaved:
            self._transport.drop(sender, reason)
        for admission in report.admissions:
            self.submissions.on_admission(admission)
        for confirmation in report.confirmations:
            self._confirmed_reads.on_confirmation(confirmation)
        for answer in report.change_answers:
            self.changes.on_answer(answer)
        for applied in report.applied:
            self.submissions.on_applied(applied)
            self.changes.on_applied(applied)
        if report.applied:
            self._heights.grown()
        for notice in report.notices:
            self._notices.notify(notice, began_at)
        if self._notices.watchers:
            for applied in report.applied:
                for told in decision_notices(applied, self.node):
                    self._notices.notify(told, began_at)

    def _update_snapshot(self) -> None:
        if self._turns.is_on:
            self.snapshot = self.view.snapshot()
            self._thread.loop.call_later(_SNAPSHOT_EVERY_S, self._update_snapshot)


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror) or not error.errno:
        return error.strerror or str(error)
    return os.strerror(error.errno)
