"""What `wait` answers: what was waited for is called decided, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from benmo.commands.answers import Answer, Status
from benmo.node import handlers
from benmo.node.service import Service


class Waited(SimpleNamespace):
    """As much of a node as `wait` looks at; what is queued is decided while it waits."""

    def __init__(self, queued: int) -> None:
        pool = SimpleNamespace(queue=range(queued))
        super().__init__(engine=SimpleNamespace(pool=pool, ledger=SimpleNamespace(height=7)))

    async def until(self, condition: Callable[[], bool], _timeout_s: float) -> bool:
        self.engine.pool.queue = range(0)
        return condition()


@pytest.mark.parametrize(
    ("queued", "text"),
    [
        (2, "decided: nothing waits in the queue, at height 7"),
        (0, "nothing waits in the queue, at height 7"),
    ],
)
def test_only_what_was_waited_for_is_called_decided(queued: int, text: str) -> None:
    answer: Answer = asyncio.run(handlers.wait(cast(Service, Waited(queued)), ["60"]))
    assert (answer.status, answer.text) == (Status.DONE, text)
    assert answer.value == {"outcome": "decided", "height": 7}
