"""What `wait` answers: what was waited for is called decided, and nothing else is."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from benmo.commands.answers import Answer, Status
from benmo.node import handlers
from benmo.node.service import Service


class Waited:
    """As much of a node as `wait` looks at; what is queued is decided while it waits."""

    def __init__(self, queued: int) -> None:
        self.view = self
        self.queue = range(queued)
        self.height = 7

    async def until_queue_empty(self, _timeout_s: float) -> bool:
        self.queue = range(0)
        return True


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
