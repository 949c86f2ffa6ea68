"""Requests to a node for a change of the membership, each from its arrival to its decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benmo.engine.events import ChangeAnswer, ChangeRequested
from benmo.errors import Refused
from benmo.ledger.blocks import AppliedBlock
from benmo.paxos.types import Change


class ChangeRequests:
    """The requests that are under way; `ask` hands one to the engine, under a ticket."""

    def __init__(self, ask: Callable[[ChangeRequested], None]) -> None:
        self._ask = ask
        self._ticket = 0
        self._asked: dict[int, asyncio.Future[str]] = {}
        self._waiting: dict[asyncio.Future[AppliedBlock], Change] = {}

    async def decided(self, change: Change, wait_s: float) -> AppliedBlock | None:
        """Have a change proposed, and wait up to `wait_s` seconds for the block that holds it.

        None if the time is over first: the change may be decided later. Raises `Refused` if it
        would have no effect.
        """
        loop = asyncio.get_running_loop()
        decided: asyncio.Future[AppliedBlock] = loop.create_future()
        self._waiting[decided] = change
        try:
            reason = await self._answer(change)
            if reason:
                raise Refused(reason)
            await asyncio.wait([decided], timeout=wait_s)
            return decided.result() if decided.done() else None
        finally:
            del self._waiting[decided]

    async def _answer(self, change: Change) -> str:
        """The engine's answer: why the change would have no effect; empty if it waits now."""
        self._ticket += 1
        ticket = self._ticket
        asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._asked[ticket] = asked
        self._ask(ChangeRequested(ticket, change))
        try:
            return await asked
        finally:
            self._asked.pop(ticket, None)

    def on_answer(self, answer: ChangeAnswer) -> None:
        """Take the engine's answer; called before `on_applied` in the same turn."""
        asked = self._asked.get(answer.ticket)
        if asked is not None and not asked.done():
            asked.set_result(answer.reason)

    def on_applied(self, applied: AppliedBlock) -> None:
        """Learn of a block that was decided and applied."""
        if applied.block.change is None:
            return
        for decided, change in self._waiting.items():
            if change == applied.block.change and not decided.done():
                decided.set_result(applied)
