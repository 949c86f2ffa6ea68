"""What a running node says of its chain is verified as files are, and read an answer at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from benmo.admin.remote_chain import RemoteChain
from benmo.cluster import Cluster, StateDirectory
from benmo.control.requests import BlockRead, BlocksRead
from benmo.errors import Failure
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from tests.support.keyed_chains import NODES, ListChain
from tests.support.written_state import empty_state

OPENING = dict.fromkeys(NODES, 100)


def a_chain() -> ListChain:
    """Five blocks, of which the third refuses a transfer, and the fourth skips one."""
    payments = [Run(1, 1, (2,), (10,)), Run(2, 1, (3,), (7,)), Run(3, 1, (1,), (999,))]
    return ListChain(*[(run,) for run in (*payments, Run(2, 1, (3,), (7,)), Run(1, 2, (3,), (5,)))])


class FakeReading:
    """A node with these blocks; it answers with two at a time."""

    node = 1

    def __init__(self, reads: list[BlockRead], balances: Mapping[int, int]) -> None:
        self.reads = reads
        self.height = len(reads)
        self.balances = balances
        self.is_closed = False
        self.asked: list[int] = []

    async def blocks(self, first: int, last: int) -> BlocksRead:
        self.asked.append(first)
        reads = self.reads[first - 1 : min(last, first + 1)]
        return BlocksRead(1, tuple(each for each in reads if each.data), self.height)

    def close(self) -> None:
        self.is_closed = True


Lie = Callable[[list[BlockRead], dict[int, int]], None]


def read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: Lie
) -> tuple[FakeReading, list[int]]:
    """The node, and the slots that were read of it before a failure, if there is one."""
    chain = a_chain()
    reads = [BlockRead(each.block.data, each.refused, each.skipped) for each in chain.blocks]
    balances = dict(chain.ledger.balances)
    lie(reads, balances)
    reading = FakeReading(reads, balances)

    async def read_from(
        _state: StateDirectory, _cluster: Cluster, _node: int | None
    ) -> FakeReading:
        return reading

    monkeypatch.setattr("benmo.admin.remote_chain.read_from", read_from)
    state = empty_state(tmp_path / "state")
    done: list[int] = []
    try:
        with RemoteChain(state, state.load(), None) as remote:
            slots = [each.block.slot for each in remote.decided(Ledger(OPENING), done.append)]
    finally:
        assert reading.is_closed
    assert done == [1] * len(slots)
    return reading, slots


def test_all_blocks_come_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, slots = read(tmp_path, monkeypatch, lambda reads, balances: None)
    assert slots == [1, 2, 3, 4, 5]
    assert reading.asked == [1, 3, 5]


def replace(slot: int, change: Callable[[BlockRead], BlockRead]) -> Lie:
    def lie(reads: list[BlockRead], _balances: dict[int, int]) -> None:
        reads[slot - 1] = change(reads[slot - 1])

    return lie


def richer(_reads: list[BlockRead], balances: dict[int, int]) -> None:
    balances[1] += 1


LIES: dict[str, tuple[Lie, str]] = {
    "an amount": (
        replace(1, lambda r: BlockRead(r.data.replace(b'"amount":[10]', b'"amount":[11]'), (), ())),
        "slot 2 doesn't continue",
    ),
    "no block": (replace(2, lambda r: BlockRead(b"{}", (), ())), "slot 2: not a block"),
    "a refused transfer as applied": (replace(3, lambda r: BlockRead(r.data, (), ())), "refused"),
    "a skipped transfer as applied": (replace(4, lambda r: BlockRead(r.data, (), ())), "skipped"),
    "an end that does not come": (replace(5, lambda r: BlockRead(b"", (), ())), "slot 5 did not"),
    "other balances": (richer, "don't lead to its balances"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_node_that_contradicts_itself_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    change, says = LIES[lie]
    with pytest.raises(Failure, match=rf"node 1 contradicts itself: .*{says}"):
        read(tmp_path, monkeypatch, change)
