"""A running node: one thread with one asyncio loop that owns sockets, protocol and ledger.

Whatever else wants something of the node calls in through `call`, which hands a coroutine to the
loop and returns its future. There is no lock, since nothing is shared.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from random import Random
from typing import Any, TypeVar

import uvloop

from benmo.cluster import NodeAddress, StateDirectory
from benmo.commands.node_status import Toolbar
from benmo.engine.engine import Engine, Limits
from benmo.engine.events import Asked, Event, Hurried, LinkChanged, Received, Report
from benmo.errors import StateError
from benmo.ledger.blocks import AppliedBlock
from benmo.network.frames import FrameReader
from benmo.network.peer_links import PeerTransport
from benmo.network.ports import holder_of
from benmo.node.confirmed_reads import Confirmer
from benmo.node.decision_notices import decision_notices
from benmo.node.height_waits import Heights
from benmo.node.meter import Meter
from benmo.node.submissions import Submissions
from benmo.node.view import View
from benmo.notices import Notice, Watcher
from benmo.paxos.messages import Accepted, Message
from benmo.paxos.types import NodeId
from benmo.storage.disk import RealDisk
from benmo.storage.key_index import SqliteKeyIndex
from benmo.storage.lock import DirectoryLock
from benmo.storage.node_storage import JOURNAL, Storage
from benmo.wording import sentence

T = TypeVar("T")
_LOG = logging.getLogger("benmo")
_READ_BYTES = 1 << 20
_TOOLBAR_EVERY_S = 0.25
_LATE_S = 0.005
"""How long a vote that decides nothing may wait for other work."""


class _HasFailed(Exception):
    """Whoever was answered has found that the node can't go on: the turn ends here."""


def clock() -> Callable[[], float]:
    """Seconds since 1970 as of now, and from now on a count that never goes back."""
    began = time.time() - time.monotonic()
    return lambda: began + time.monotonic()


class Service:
    """One node. `start` it, `call` it from any thread, `stop` it.

    `failed` is called, once, from the loop's thread, when the node can't go on: nothing leaves it
    any more, and the process is to end.
    """

    def __init__(
        self,
        state: StateDirectory,
        node: NodeId,
        failed: Callable[[BaseException], None],
        meter: Meter | None = None,
    ) -> None:
        self.node = node
        self.cluster = state.load_node(node)
        self.toolbar: Toolbar | None = None
        self._failed = failed
        self._directory_lock = DirectoryLock(state.node(node))
        self._meter = meter
        self._disk = (RealDisk if meter is None else meter.disk)(state.node(node), ahead=(JOURNAL,))
        self._storage, recovered = Storage.open(self._disk, self.cluster.cluster, node)
        if tuple(recovered.ledger.balances) != self.cluster.ids:
            raise StateError(f"{state.cluster_file} names other nodes than {self._disk.path}")
        self._now = clock()
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="aside")
        self._events: list[Event] = []
        self._is_scheduled = False
        self._is_stopped = True
        self.has_failed = False
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = math.inf
        self._late: asyncio.TimerHandle | None = None
        self._confirmer = Confirmer(lambda ticket: self._happened(Asked(ticket)))
        self.submissions = Submissions(node, self._happened)
        self._changed: asyncio.Future[None] = self._loop.create_future()
        self._watchers: set[Watcher] = set()
        self.control: Callable[[Service], FrameReader] | None = None
        """Makes the protocol of a connection that may command this node."""
        self._transport = PeerTransport(
            self.cluster,
            node,
            state.tls(node),
            on_message=self._received,
            on_link=lambda peer, up: self._happened(LinkChanged(peer, up)),
            on_notice=lambda notice: self._notice(notice, self._now()),
            control=self._make_control,
        )
        self._key_index = SqliteKeyIndex(state.keys(node), node)
        self.engine = Engine(
            self.cluster.protocol_settings(node),
            Limits(log_limit=self.cluster.settings.log_limit),
            recovered,
            self._storage,
            self._transport,
            Random(),
            self._now(),
            self._key_index,
        )
        if meter is not None:
            meter.begin(self.engine)
        self._heights = Heights(lambda: self.engine.ledger.height)
        self.view = View(node, self.cluster, self.engine, self._transport, self._now)

    def read(self, first_slot: int, bytes_max: int) -> list[AppliedBlock]:
        """Decided blocks from a slot on, of together about so many bytes; one at least."""
        return self._storage.read(first_slot, bytes_max)

    @property
    def fsyncs(self) -> int:
        """How often this process has waited for the disk to make something durable."""
        return self._disk.syncs

    @property
    def address(self) -> NodeAddress:
        """Where this node listens."""
        return self.cluster.address(self.node)

    # From any thread.

    def start(self) -> None:
        """Listen, dial, take part. Raises `StateError` where that can't be."""
        self._thread.start()
        self.call(self._start()).result()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine in the loop; it may use everything below. Cancelled after a failure."""
        guarded = self._unless_failed(coroutine)
        try:
            return asyncio.run_coroutine_threadsafe(guarded, self._loop)
        except RuntimeError:  # the loop has ended
            guarded.close()
            raise

    async def _unless_failed(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self.has_failed:
            coroutine.close()
            raise asyncio.CancelledError
        return await coroutine

    def stop(self) -> None:
        """Checkpoint, close, end the thread. After a failure, nothing is written any more."""
        if self._thread.is_alive():
            with suppress(Exception):
                asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(timeout=10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=10)
        self._aside.shutdown(wait=False, cancel_futures=True)
        self._key_index.close()
        if not self.has_failed:  # closing may shorten the journal, on a disk that has failed
            self._disk.close()
        self._directory_lock.release()

    # In the loop's thread.

    async def turned(self) -> None:
        """Wait until what was asked of this node before this call is in its state."""
        if self._is_scheduled:
            await asyncio.shield(self._changed)

    async def confirmed_height(self) -> int:
        """A height that includes every decision that anybody was told of before this call.

        Waits until a quorum answers, for ever if need be.
        """
        return await self._confirmer.height()

    def hurry(self) -> None:
        """Campaign at once, if there is a reason to."""
        self._happened(Hurried())

    async def aside(self, work: Callable[[], T]) -> T:
        """Do what takes long in another thread, one thing at a time: this one has to vote."""
        return await self._loop.run_in_executor(self._aside, work)

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for a condition on this node's state; False if the time was up before."""
        end = self._loop.time() + timeout_s
        while not condition():
            left_s = end - self._loop.time()
            if left_s <= 0:
                return False
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await asyncio.shield(self._changed)
        return True

    async def until_height(self, height: int, timeout_s: float) -> bool:
        """Wait until the chain is so high; False if the time was up before."""
        return await self._heights.reached(height, timeout_s)

    async def blocks(self, first: int, last: int) -> AsyncIterator[AppliedBlock]:
        """Decided blocks, slots `first` to `last`; the loop does other work between chunks."""
        slot = first
        while slot <= last:
            for applied in self._storage.read(slot, _READ_BYTES):
                if applied.block.slot <= last:
                    yield applied
                slot = applied.block.slot + 1
            await asyncio.sleep(0)

    def sever(self, peer: NodeId, one_way: bool) -> None:
        self._transport.sever(peer, one_way)

    def delay(self, peer: NodeId, delay_s: float) -> None:
        self._transport.delay(peer, delay_s)

    def restore(self, peer: NodeId) -> None:
        self._transport.restore(peer)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Let `watcher` have every notice from now on; what is returned ends that."""
        self._watchers.add(watcher)
        return lambda: self._watchers.discard(watcher)

    # The loop.

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _start(self) -> None:
        try:
            await self._transport.start()
        except OSError as error:
            raise StateError(
                f"node {self.node} can't listen on {self.address}: {_reason(error)}"
                f"{holder_of(self.address.port)}"
            ) from error
        self.engine.start()
        self._is_stopped = False
        self._happened(None)
        self._update_toolbar()

    async def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._is_stopped:
            self._is_stopped = True
            try:
                self.engine.checkpoint()
            except (OSError, StateError, AssertionError) as error:
                self._failed(error)
        await self._transport.close()

    def _make_control(self) -> FrameReader:
        assert self.control is not None
        return self.control(self)

    def _happened(self, event: Event | None) -> None:
        """Gather what happens in one pass of the loop into one turn, so one fsync."""
        if event is not None:
            self._events.append(event)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._turn)

    def _received(self, sender: NodeId, message: Message) -> None:
        """A vote that decides nothing yet, or nothing any more, waits for other work."""
        if self._is_scheduled or not isinstance(message, Accepted):
            self._happened(Received(sender, message))
            return
        self._events.append(Received(sender, message))
        if self.engine.replica.leader.may_decide(message, len(self._events)):
            self._happened(None)
        elif self._late is None:
            self._late = self._loop.call_later(_LATE_S, self._happened, None)

    def _turn(self) -> None:
        self._is_scheduled = False
        if self._is_stopped:
            return
        events, self._events = self._events, []
        if self._late is not None:
            self._late.cancel()
            self._late = None
        now = self._now()

        def publish(report: Report) -> None:
            if self._meter is not None:
                self._meter.turned(events, report, self._now())
            self._publish(report, now)
            if self.has_failed:
                raise _HasFailed

        try:
            self.engine.turn(events, now, publish)
        except _HasFailed:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the node must stop, and says why
            self.fail(error)
            return
        self._arm()

    def _arm(self) -> None:
        """See to it that there is a turn when one is due; one more, earlier, costs little."""
        deadline = self.engine.deadline
        if deadline < self._armed_for:
            if self._timer is not None:
                self._timer.cancel()
            self._armed_for = deadline
            self._timer = self._loop.call_later(max(0.0, deadline - self._now()), self._ring)

    def _ring(self) -> None:
        self._armed_for = math.inf
        self._happened(None)

    def _publish(self, report: Report, now: float) -> None:
        for sender, reason in report.misbehaved:
            self._transport.drop(sender, reason)
        for admission in report.admissions:
            self.submissions.on_admission(admission)
        for confirmation in report.confirmations:
            self._confirmer.on_confirmation(confirmation)
        for applied in report.applied:
            self.submissions.on_applied(applied)
        if report.applied:
            self._heights.grown()
        if self._watchers:
            decided = (decision_notices(applied, self.node) for applied in report.applied)
            for notice in chain(report.notices, *decided):
                self._notice(notice, now)
        changed, self._changed = self._changed, self._loop.create_future()
        changed.set_result(None)

    def _notice(self, notice: Notice, at: float) -> None:
        if _LOG.isEnabledFor(logging.DEBUG):
            _LOG.debug("%s: %s", notice.kind, sentence(notice))
        for watcher in list(self._watchers):
            watcher(notice, at)

    def fail(self, error: BaseException) -> None:
        """Stop taking part at once: what could not be made durable must not be answered.

        Nor may it be seen: what is in memory may be what the disk doesn't have.
        """
        self._is_stopped = self.has_failed = True
        self._transport.abort()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._failed(error)

    def _update_toolbar(self) -> None:
        if self._is_stopped:
            return
        self.toolbar = self.view.toolbar()
        try:
            self._disk.rest()
        except OSError as error:
            self.fail(error)
            return
        self._loop.call_later(_TOOLBAR_EVERY_S, self._update_toolbar)


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror) or not error.errno:
        return error.strerror or str(error)
    return os.strerror(error.errno)
