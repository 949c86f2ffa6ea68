"""A node that says what a test wants it to say, in place of a connection to one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from benmo.client import AsyncClient
from benmo.control.connection import NodeConnection
from benmo.control.places import NodeFinder
from benmo.control.requests import (
    AnsweredRequest,
    BalancesRead,
    BlockRead,
    BlocksRead,
    ControlAnswer,
    Hurry,
    Ran,
    ReadBlocks,
    Watch,
    decode_request,
)
from benmo.control.tape_requests import Listen
from benmo.errors import Failure
from benmo.ledger.transfers import Run as LedgerRun
from tests.support.engine_cluster import CLUSTER
from tests.support.idle_clock import run_on_idle_clock
from tests.support.keyed_chains import ListChain

DEADLINE_S = 30.0


Script = Callable[[AnsweredRequest], ControlAnswer | Exception | None]
"""What a node answers; an exception is what becomes of the connection; None is silence."""


class FakeConnection(NodeConnection):
    """Answers from a script."""

    def __init__(self, node: int, fake: FakeNode) -> None:
        super().__init__(node, CLUSTER)
        self._fake = fake
        self._is_open = True

    @property
    def is_open(self) -> bool:
        return self._is_open

    def send(self, payload: bytes) -> None:
        request = decode_request(payload)
        assert not isinstance(request, Watch | Hurry | Listen), "these have no answer"
        self._fake.asked.append(request)
        assert len(self._fake.asked) <= self._fake.asks_max, "it asks again and again"
        answer = self._fake.script(request)
        if isinstance(answer, Exception):
            self._is_open = False
            self._asked[request.number].set_exception(answer)
        elif answer is not None:
            self._asked[request.number].set_result(answer)

    def abort(self) -> None:
        self._is_open = False
        self.connection_lost(None)


class FakeNode:
    """What a `NodeFinder` finds: a connection, or in turn each error of `refusals`."""

    def __init__(self, script: Script = lambda request: None) -> None:
        self.script = script
        self.asked: list[AnsweredRequest] = []
        self.asks_max = 1000
        self.refusals: list[Failure] = []
        self.connections: list[FakeConnection] = []
        self.gate: asyncio.Event | None = None
        """Where there is one, nobody is connected before it is set."""

    def replace(self, monkeypatch: pytest.MonkeyPatch) -> FakeNode:
        """Let every client of this test meet this node."""
        monkeypatch.setattr(NodeFinder, "connect", lambda finder: self._connect(finder.node))
        monkeypatch.setattr("benmo.client.connector._AGAIN_S", (0.001, 0.001))
        monkeypatch.setattr("benmo.client.connector._GRACE_S", 0.0)
        return self

    async def _connect(self, node: int) -> NodeConnection:
        if self.gate is not None:
            await self.gate.wait()
        if self.refusals:
            raise self.refusals.pop(0)
        self.connections.append(FakeConnection(node, self))
        return self.connections[-1]


def with_client(test: Callable[[AsyncClient], Awaitable[object]]) -> Any:
    """What the test returns, which is run with a client of node 1 and a deadline."""

    async def run() -> object:
        async with AsyncClient(1) as client:
            return await asyncio.wait_for(test(client), DEADLINE_S)

    return run_on_idle_clock(run())


def answering(
    *answers: Callable[[int], ControlAnswer],
) -> Callable[[AnsweredRequest], ControlAnswer]:
    """A script of answers, one after the other, each under its request's number."""
    rest = iter(answers)
    return lambda request: next(rest)(request.number)


def status_at(height: int) -> Callable[[int], ControlAnswer]:
    """What a node at this height answers to printStatus."""
    value: dict[str, Any] = {
        "node": 1,
        "role": "acceptor",
        "leader": None,
        "ballot": [0, 0],
        "promised": [0, 0],
    }
    value |= {"accepted": None, "height": height, "head": "", "queue": 0, "quorum": True}
    return lambda number: Ran(number, 0, json.dumps(value | {"peers": []}), False)


def a_chain(blocks: int) -> ListChain:
    """A chain of so many blocks, of a payment each."""
    return ListChain(*[(LedgerRun(1, slot, (3,), (1,)),) for slot in range(1, blocks + 1)])


def reads_of(chain: ListChain) -> list[BlockRead]:
    return [
        BlockRead(applied.block.data, applied.refused, applied.skipped, applied.is_change_void)
        for applied in chain.blocks
    ]


def serve_blocks(reads: list[BlockRead], at_a_time: int = 2) -> Script:
    """A node whose chain this is; it answers with a few blocks at a time."""

    def script(request: AnsweredRequest) -> ControlAnswer | None:
        if not isinstance(request, ReadBlocks):
            return None
        last = min(request.last, len(reads), request.first + at_a_time - 1)
        return BlocksRead(request.number, tuple(reads[request.first - 1 : last]), len(reads))

    return script


def balances_at(height: int) -> Callable[[int], ControlAnswer]:
    return lambda number: BalancesRead(number, ((1, 100),), height)


async def slots(client: AsyncClient, first: int = 1, last: int | None = None) -> list[int]:
    return [block.slot async for block in client.chain(first, last)]
