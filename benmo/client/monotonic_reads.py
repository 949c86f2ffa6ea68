"""Reads that never go back: an answer is of the height of the one before, or of a greater one."""

from __future__ import annotations

from typing import TypeVar

from benmo.client import convert
from benmo.client.errors import Inconsistent
from benmo.client.readers import Readers
from benmo.client.values import Status
from benmo.control.member_requests import MembersRead, ReadMembers
from benmo.control.requests import (
    BalancesRead,
    BlocksRead,
    ControlAnswer,
    Ran,
    ReadBalances,
    ReadBlocks,
    RunLine,
)

T = TypeVar("T")


class MonotonicReads:
    """Asks `readers`, and waits until one is as high as what the client has seen.

    Each read raises `Unavailable` or `NotConnected`, or `Inconsistent` if its answer goes back.
    """

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self.height = 0
        """The greatest height of the chain that the client has seen."""

    def note(self, height: int) -> None:
        """Note a height that the client has learned of otherwise than by a read."""
        self.height = max(self.height, height)

    async def connect(self, timeout_s: float) -> None:
        """Wait until a node is connected. Raises `NotConnected`."""
        await self._readers.connect(timeout_s)

    async def balances(self, confirmed: bool, timeout_s: float) -> BalancesRead:
        height_min = self.height
        answer = await self._readers.ask(
            lambda number, share_s: ReadBalances(number, confirmed, height_min, share_s), timeout_s
        )
        read = expect(answer, BalancesRead)
        self._see(read.height)
        return read

    async def nodes(self, timeout_s: float) -> frozenset[int]:
        """All nodes that the cluster has or had."""
        answer = await self._readers.ask(lambda number, _share: ReadMembers(number), timeout_s)
        return frozenset(each.node for each in expect(answer, MembersRead).members)

    async def status(self, timeout_s: float) -> Status:
        status = await self._status(timeout_s)
        if status.height < self.height:
            await self._catch_up(timeout_s)
            status = await self._status(timeout_s)
        self._see(status.height)
        return status

    async def _status(self, timeout_s: float) -> Status:
        answer = await self._readers.ask(
            lambda number, _share: RunLine(number, "printStatus", "json"), timeout_s
        )
        return convert.status_of(expect(answer, Ran))

    async def decided_blocks(self, first: int, last: int, timeout_s: float) -> BlocksRead:
        """The blocks in slots `first` to `last`, as far as they are decided and fit an answer."""
        read = await self.blocks(first, last, 0.0, timeout_s)
        if read.height < self.height:
            await self._catch_up(timeout_s)
            read = await self.blocks(first, last, 0.0, timeout_s)
        self._see(read.height)
        return read

    async def blocks(self, first: int, last: int, wait_s: float, timeout_s: float) -> BlocksRead:
        """As `decided_blocks`, after up to `wait_s` seconds until slot `first` is decided.

        The answer's height may be below an earlier one.
        """
        answer = await self._readers.ask(
            lambda number, _share: ReadBlocks(number, first, last, wait_s), timeout_s, wait_s
        )
        return expect(answer, BlocksRead)

    async def _catch_up(self, timeout_s: float) -> None:
        """Wait until a node is as high as what was seen: it answers with its balances then."""
        await self.balances(False, timeout_s)

    def _see(self, height: int) -> None:
        """Note the node's height. Raises `Inconsistent` if the node was higher before."""
        if height < self.height:
            raise Inconsistent(f"height {height} after height {self.height}")
        self.height = height


def expect(answer: ControlAnswer, kind: type[T]) -> T:
    """The answer, of the kind that it must have. Raises `Inconsistent` if it has another."""
    if not isinstance(answer, kind):
        raise Inconsistent(f"{type(answer).__name__} is no answer to that")
    return answer
