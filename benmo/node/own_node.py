"""The node of this process, as a prompt or a pipe commands it."""

from __future__ import annotations

from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from benmo.commands.answers import Rendered
from benmo.commands.node_status import NodeSnapshot
from benmo.control.connection import NodeGone
from benmo.network.rights import Right
from benmo.node.execute import execute
from benmo.node.service import Service
from benmo.notices import Watcher
from benmo.paxos.types import NodeId
from benmo.waiting import result_of

T = TypeVar("T")


class OwnNode:
    """Commands the node of this process, from the main thread."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @property
    def node(self) -> NodeId:
        return self._service.node

    @property
    def greeting(self) -> str:
        return f"Node {self.node}"

    @property
    def snapshot(self) -> NodeSnapshot | None:
        return self._service.snapshot

    def run(self, line: str, output_format: str) -> Rendered:
        """Carry out a line and wait for the answer. Raises `NodeGone` if the node fails."""
        return self._result(execute(self._service, Right.COMMAND, line, output_format))

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher`, which must not block, with every notice, in the loop's thread."""

        async def begin() -> None:
            self._service.watch(watcher)

        self._result(begin())

    def wait_for_quorum(self, timeout_s: float) -> bool:
        """Wait up to `timeout_s` until this node reaches a quorum; False if it doesn't."""
        return self._result(self._service.view.until_quorum(timeout_s))

    def _result(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the node's loop; its result. Raises `NodeGone` if the node fails."""
        future = self._service.call(coroutine)
        try:
            return result_of(future)
        except KeyboardInterrupt:
            future.cancel()
            raise
        except CancelledError:
            raise NodeGone(f"node {self.node} stopped before it answered") from None
