"""A change of the membership that somebody asked for is waited for until it is decided."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from benmo.engine.events import ChangeAnswer, ChangeRequested
from benmo.errors import Refused
from benmo.ledger.blocks import AppliedBlock, encode_block
from benmo.node.change_requests import ChangeRequests
from benmo.paxos.membership import numbered_member
from benmo.paxos.types import GENESIS_HASH, Ballot, Change, ChangeKind

WAIT_S = 180.0
REMOVAL = Change(ChangeKind.REMOVE, 3, replaces=numbered_member(3))
OTHER = Change(ChangeKind.REMOVE, 2, replaces=numbered_member(2))


class AskedEngine:
    """An engine that only says whether a change would have an effect."""

    def __init__(self, reason: str = "") -> None:
        self.asked: list[Change] = []
        self._reason = reason
        self.changes = ChangeRequests(self._ask)

    def _ask(self, event: ChangeRequested) -> None:
        self.asked.append(event.change)
        answer = ChangeAnswer(event.ticket, self._reason)
        asyncio.get_running_loop().call_soon(self.changes.on_answer, answer)

    def apply(self, change: Change, is_void: bool = False) -> None:
        block = encode_block(7, Ballot(1, 1), GENESIS_HASH, 0.0, (), change)
        self.changes.on_applied(AppliedBlock(block, is_change_void=is_void))


def in_a_loop(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, WAIT_S))


@pytest.mark.parametrize("is_void", [False, True])
def test_a_request_ends_with_the_block_that_holds_its_change(is_void: bool) -> None:
    async def test() -> None:
        engine = AskedEngine()
        waiting = asyncio.ensure_future(engine.changes.decided(REMOVAL, WAIT_S))
        while not engine.asked:
            await asyncio.sleep(0)
        engine.apply(OTHER)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        engine.apply(REMOVAL, is_void)
        applied = await waiting
        assert applied is not None
        assert (applied.block.slot, applied.is_change_void) == (7, is_void)
        assert engine.asked == [REMOVAL]

    in_a_loop(test())


def test_a_change_without_effect_is_refused_with_the_reason() -> None:
    async def test() -> None:
        with pytest.raises(Refused, match=r"^there is no node 3$"):
            await AskedEngine("there is no node 3").changes.decided(REMOVAL, WAIT_S)

    in_a_loop(test())


def test_a_request_that_is_not_decided_in_time_says_so_and_another_may_be() -> None:
    async def test() -> None:
        engine = AskedEngine()
        assert await engine.changes.decided(REMOVAL, 0.01) is None
        engine.apply(REMOVAL)  # nobody waits
        waiting = asyncio.ensure_future(engine.changes.decided(OTHER, WAIT_S))
        while len(engine.asked) < 2:
            await asyncio.sleep(0)
        engine.apply(OTHER)
        assert await waiting is not None

    in_a_loop(test())
