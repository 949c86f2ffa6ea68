"""The chain of a running node, read over its port and verified block by block as files are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from benmo.admin.node_reading import NodeReading, read_from
from benmo.cluster import Cluster, StateDirectory
from benmo.control.chain_reads import decoded
from benmo.control.requests import BlocksRead
from benmo.errors import Failure, ProtocolError
from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.ledger import Ledger
from benmo.paxos.types import NodeId
from benmo.storage.lines import DamagedLine
from benmo.storage.node_files import require_outcomes


class RemoteChain:
    """Reads a node's chain for a program that isn't asynchronous. A context, which connects.

    The loop runs only while an answer is awaited, so at most one answer is in memory.
    """

    def __init__(self, state: StateDirectory, cluster: Cluster, node: NodeId | None) -> None:
        self._state = state
        self._cluster = cluster
        self._node = node
        self._runner = asyncio.Runner()
        self._reading: NodeReading | None = None

    def __enter__(self) -> RemoteChain:
        """Connect, to the node with the longest chain if none is named. Raises `Failure`."""
        try:
            self._reading = self._runner.run(read_from(self._state, self._cluster, self._node))
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._reading is not None:
            self._reading.close()
        self._runner.close()

    @property
    def height(self) -> int:
        """The height of the chain when the connection was made: no later block is read."""
        return self._connected.height

    @property
    def _connected(self) -> NodeReading:
        assert self._reading is not None, "the context is entered first"
        return self._reading

    def decided(self, ledger: Ledger, advance: Callable[[int], None]) -> Iterator[AppliedBlock]:
        """All blocks in order; `advance` is called with 1 for each that is done.

        The blocks are applied to `ledger`, with which the cluster began. Raises `Failure` if the
        blocks, their outcomes or the balances contradict one another.
        """
        try:
            while ledger.height < self.height:
                reads = self._blocks(ledger.height + 1).blocks
                for read in reads[: self.height - ledger.height]:
                    applied = decoded(read, ledger.height + 1, ledger.head)
                    require_outcomes(applied, ledger.apply(applied.block))
                    advance(1)
                    yield applied
        except (ProtocolError, DamagedLine) as error:
            raise self._contradiction(str(error)) from error
        if ledger.balances != self._connected.balances:
            raise self._contradiction("its blocks don't lead to its balances")

    def _blocks(self, slot: int) -> BlocksRead:
        answer = self._runner.run(self._connected.blocks(slot, self.height))
        if not answer.blocks:
            raise ProtocolError(f"slot {slot} did not come")
        return answer

    def _contradiction(self, how: str) -> Failure:
        return Failure(f"node {self._connected.node} contradicts itself: {how}")
