"""Commands a running node from another process, line by line: for prompts and scripts."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

from benmo.cluster import StateDirectory
from benmo.commands.answers import Answer, Rendered, Status, refusal
from benmo.commands.node_status import NodeSnapshot
from benmo.commands.table import is_crash, is_wait, patience_s
from benmo.control.connection import NodeConnection, NodeGone, NotReached, connect
from benmo.control.requests import Hurry, Ran, RunLine
from benmo.errors import ProtocolError, Refused
from benmo.network.event_loop import new_event_loop
from benmo.notices import NodeLost, Watcher
from benmo.paxos.types import NodeId
from benmo.waiting import result_of

T = TypeVar("T")

Connecting = Callable[[StateDirectory, NodeId], Coroutine[Any, Any, NodeConnection]]


class AttachedNode:
    """A connection to a running node, in a thread of its own.

    The methods may be called from any thread. `connecting` makes the connection: `connect` where
    `cluster.json` says, `find_node` elsewhere, too. Raises `NotReached` if the node can't be
    reached, or another `Failure` if trying again won't help.
    """

    def __init__(
        self, state: StateDirectory, node: NodeId, connecting: Connecting = connect
    ) -> None:
        self._node = node
        self._expects_end = False
        """Whether the user has asked for something that ends the connection."""
        self._is_closed = False
        self._given: set[Future[Any]] = set()
        """The outcomes of what the loop was given and hasn't done."""
        self._loop = new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="attach", daemon=True)
        self._thread.start()
        try:
            self._connection = self._call(connecting(state, node)).result()
        except BaseException:
            self._end()
            raise

    @property
    def node(self) -> NodeId:
        return self._node

    @property
    def greeting(self) -> str:
        return f"Attached to node {self._node}"

    @property
    def snapshot(self) -> NodeSnapshot | None:
        return self._connection.snapshot

    def run(self, line: str, output_format: str) -> Rendered:
        """Carry out a line and wait for the answer.

        Raises `NodeGone` if no answer comes, so that the outcome is unknown.
        """
        self._expects_end = is_crash(line)
        future = self._call(self._run(line, output_format))
        try:
            return result_of(future, patience_s(line))
        except TimeoutError:
            future.cancel()
            raise NodeGone(f"node {self._node} does not answer") from None
        except NotReached:
            reason = f"the connection to node {self._node} is lost"
            if is_wait(line):  # the transfers that it waits for may be decided
                raise NodeGone(reason) from None
            return _nothing_done(reason).rendered(output_format)
        except Refused as error:
            return refusal(Status.REFUSED, str(error)).rendered(output_format)
        except NodeGone:
            if is_crash(line):
                return _crashed(self._node).rendered(output_format)
            raise
        except KeyboardInterrupt:
            future.cancel()
            raise
        finally:
            self._expects_end = False

    def watch(self, watcher: Watcher, tells_end: bool = True) -> None:
        """Call `watcher`, which must not block, with every notice, in another thread.

        With `tells_end`, the last notice is `NodeLost`, unless the user asked for the end.
        """

        def lost() -> None:
            if tells_end and not self._expects_end:
                watcher(NodeLost(self._node), time.time())

        self._soon(self._connection.watch, watcher, lost)

    def hurry(self) -> None:
        """Ask the node to campaign at once, if it has a reason to campaign."""
        self._soon(self._connection.tell, Hurry())

    def close(self) -> None:
        """Close the connection and end the thread; the node runs on.

        For lines that other threads have under way, or begin later, the connection is lost.
        """
        self._expects_end = True
        self._soon(self._connection.abort)
        self._end()

    async def _run(self, line: str, output_format: str) -> Rendered:
        connection = self._connection
        answer = await connection.ask(RunLine(connection.next_number(), line, output_format))
        if not isinstance(answer, Ran):
            raise ProtocolError("the node's answer is not one to a command")
        return Rendered(Status(answer.status), answer.output, answer.leaves)

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Let the loop run a coroutine; after the end, its node isn't reached.

        A thread that gives the loop something just as it ends either finds it closed, or is told
        by the loop's own thread: no lock is needed.
        """
        try:
            outcome = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:  # the loop is closed
            coroutine.close()
            outcome = Future()
            outcome.set_exception(NotReached(f"the connection to node {self._node} is closed"))
            return outcome
        self._given.add(outcome)
        outcome.add_done_callback(self._given.discard)
        if self._is_closed:
            self._lose(outcome)
        return outcome

    def _lose(self, outcome: Future[Any]) -> None:
        """End the wait for what the loop was given and will not do any more, or not to its end."""
        with suppress(InvalidStateError):
            outcome.set_exception(NodeGone(f"the connection to node {self._node} is closed"))

    def _soon(self, work: Callable[..., object], *arguments: object) -> None:
        """Let the loop do something soon, unless it has ended."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(work, *arguments)

    def _end(self) -> None:
        self._soon(self._loop.stop)
        self._thread.join()

    def _run_loop(self) -> None:
        self._loop.run_forever()
        for _ in range(3):  # an aborted connection takes a few passes of the loop to close
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()
        self._is_closed = True
        for outcome in tuple(self._given):
            self._lose(outcome)


def _nothing_done(reason: str) -> Answer:
    value = {"outcome": "refused", "reason": reason}
    return Answer(Status.REFUSED, value, f"{reason}: nothing was done", leaves=True)


def _crashed(node: NodeId) -> Answer:
    value = {"node": node, "outcome": "crashed"}
    return Answer(Status.DONE, value, f"node {node} crashed", leaves=True)
