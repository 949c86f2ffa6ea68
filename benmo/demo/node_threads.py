"""Does the same work for several nodes at the same time, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TypeVar

from benmo.paxos.types import NodeId
from benmo.waiting import result_of

T = TypeVar("T")


def at_once(work: Callable[[NodeId], T], nodes: Iterable[NodeId]) -> dict[NodeId, T]:
    """Call `work` for each node, all at the same time; returns what each call returned.

    Raises the error of the first node, in the order of `nodes`, whose call raised one; calls for
    later nodes may then go on. The threads are daemons, so none keeps the process from ending.
    """
    futures = {node: _start(work, node) for node in nodes}
    return {node: result_of(future) for node, future in futures.items()}


def _start(work: Callable[[NodeId], T], node: NodeId) -> Future[T]:
    future: Future[T] = Future()

    def carry_out() -> None:
        try:
            future.set_result(work(node))
        except BaseException as error:  # noqa: BLE001 - `at_once` raises it
            future.set_exception(error)

    threading.Thread(target=carry_out, name=f"ask node {node}", daemon=True).start()
    return future
