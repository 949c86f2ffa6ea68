"""The same thing for several nodes at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TypeVar

from benmo.paxos.types import NodeId
from benmo.waiting import result_of

T = TypeVar("T")


def at_once(work: Callable[[NodeId], T], nodes: Iterable[NodeId]) -> dict[NodeId, T]:
    """What `work` returns for each node; a thread per node, none of which holds the process up.

    Raises what the first of them raised, once all are through.
    """
    futures = {node: _start(work, node) for node in nodes}
    return {node: result_of(future) for node, future in futures.items()}


def _start(work: Callable[[NodeId], T], node: NodeId) -> Future[T]:
    future: Future[T] = Future()

    def carry_out() -> None:
        try:
            future.set_result(work(node))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            future.set_exception(error)

    threading.Thread(target=carry_out, name=f"ask node {node}", daemon=True).start()
    return future
