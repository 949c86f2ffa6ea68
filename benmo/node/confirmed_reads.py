"""Linearizable reads: asks a quorum how high this node's chain must be before it is read.

The protocol confirms a question once this node's chain is as high as the answers say. They may
count a block that was accepted and is never decided, since the nodes that accepted it are gone: so
the question is asked again while it is open, and the first that is confirmed answers it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benmo.paxos.step import Confirmation

_ASK_AGAIN_S = 1.0
_ASK_AGAIN_MAX_S = 60.0


class ConfirmedReads:
    """Asks a quorum one question at a time; reads that come meanwhile share the next question.

    An answer counts only for reads that came before its question was asked. `ask` puts a question
    to the protocol, under a ticket.
    """

    def __init__(self, ask: Callable[[int], None]) -> None:
        self._ask = ask
        self._ticket = 0
        self._first_ticket = 1
        self._answer: asyncio.Future[int] | None = None
        self._current: asyncio.Task[int] | None = None
        self._next: asyncio.Task[int] | None = None

    async def height(self) -> int:
        """Wait until the chain has every decision known to any client before this call.

        The result is a height that it had then. Waits for ever if no quorum answers.
        """
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._work(self._current))
        return await asyncio.shield(self._next)

    def on_confirmation(self, confirmation: Confirmation) -> None:
        """Take a quorum's answer to the open question, under any ticket of that question."""
        answer = self._answer
        is_current = self._first_ticket <= confirmation.ticket <= self._ticket
        if answer is not None and not answer.done() and is_current:
            answer.set_result(confirmation.height)

    async def _work(self, before: asyncio.Task[int] | None) -> int:
        if before is not None:
            await asyncio.wait([before])
        self._current, self._next = self._next, None
        self._first_ticket = self._ticket + 1
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._answer = answer
        pause_s = _ASK_AGAIN_S
        while not answer.done():
            self._ticket += 1
            self._ask(self._ticket)
            await asyncio.wait([answer], timeout=pause_s)
            pause_s = min(2 * pause_s, _ASK_AGAIN_MAX_S)
        return answer.result()
