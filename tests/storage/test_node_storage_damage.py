"""Damage of a node's files: one byte or one line that isn't where it was written.

It is detected, at the latest when it is read, and nothing of it is served.
"""

import re
from collections.abc import Callable
from itertools import combinations

import pytest

from benmo.errors import StateError
from benmo.paxos.step import PromiseRecord
from benmo.paxos.types import Ballot
from benmo.sim.disk import MemoryDisk
from benmo.storage.damage import damage_remedy
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL
from tests.support.engine_cluster import CLUSTER
from tests.support.numbered_nodes import created, opened
from tests.support.written_state import resealed
from tests.support.written_storage import (
    BALANCES,
    NODE,
    Writer,
    append_lines,
    damaged,
    every_kind_of_line,
    flipped,
    read_chain,
    refusal,
    three_blocks_on,
)

MASKS = (*(1 << bit for bit in range(8)), 0x2A, 0x81, 0xFF)


# A flipped byte.


@pytest.mark.parametrize("mask", MASKS)
def test_no_flipped_byte_of_a_journal_is_served(mask: int) -> None:
    disk = MemoryDisk()
    every_kind_of_line(disk)
    data = disk.read(JOURNAL)
    for position in range(len(data)):
        line = data.count(b"\n", 0, position) + 1
        text = refusal(damaged(disk, JOURNAL, flipped(data, position, mask)))
        assert text.startswith(f"{disk.path / JOURNAL}, line {line}, is damaged"), position
        assert damage_remedy(NODE) in text


@pytest.mark.parametrize("mask", MASKS)
def test_no_flipped_byte_of_a_checkpoint_is_served(mask: int) -> None:
    disk = MemoryDisk()
    three_blocks_on(disk)
    data = disk.read(CHECKPOINT)
    for position in range(len(data)):
        text = refusal(damaged(disk, CHECKPOINT, flipped(data, position, mask)))
        assert text.startswith(f"{disk.path / CHECKPOINT}, line 1, is damaged"), position
        assert damage_remedy(NODE) in text


@pytest.mark.parametrize(
    ("old", "new"), [(b'"slot":4', b'"slot":5'), (b'"promised":[4,2]', b'"promised":[4,1]')]
)
def test_a_checkpoint_whose_accepted_block_cannot_be_is_refused(old: bytes, new: bytes) -> None:
    disk = MemoryDisk()
    three_blocks_on(disk)
    text = refusal(damaged(disk, CHECKPOINT, resealed(disk.read(CHECKPOINT), old, new)))
    assert "line 1, is damaged: the accepted block can't be the next" in text


def test_a_checkpoint_with_a_balance_below_zero_is_refused() -> None:
    disk = MemoryDisk()
    three_blocks_on(disk)
    altered = resealed(disk.read(CHECKPOINT), b'"1":104', b'"1":-104')
    assert "line 1, is damaged: M2" in refusal(damaged(disk, CHECKPOINT, altered))


@pytest.mark.parametrize("mask", MASKS)
def test_no_flipped_byte_of_the_chain_is_served(mask: int) -> None:
    disk = MemoryDisk()
    writer = three_blocks_on(disk)
    data = disk.read(CHAIN)
    for position in range(len(data)):
        line = data.count(b"\n", 0, position) + 1
        bad = damaged(disk, CHAIN, flipped(data, position, mask))
        assert line in damaged_slots(bad, writer), f"byte {position}"


def damaged_slots(disk: MemoryDisk, writer: Writer) -> set[int]:
    """The slots that can't be read; every block that can be read is what was written."""
    refused: set[int] = set()
    for slot in range(1, len(writer.blocks) + 1):
        for bytes_max in (1, 1 << 20):
            try:
                storage, _ = opened(disk.copy(), CLUSTER, NODE)
                read = storage.read(slot, bytes_max)
            except StateError as error:
                text = str(error)
                refused.add(slot)
            else:
                assert read == writer.blocks[slot - 1 : slot - 1 + len(read)]
                continue
            assert re.match(rf"{disk.path / CHAIN}, line \d+, is damaged", text)
    return refused


@pytest.mark.parametrize("slot", [1, 2, 3])
def test_damage_of_the_chain_names_its_line_and_the_remedy(slot: int) -> None:
    disk = MemoryDisk()
    three_blocks_on(disk)
    lines = disk.read(CHAIN).splitlines(keepends=True)
    position = sum(map(len, lines[:slot])) - 5
    bad = damaged(disk, CHAIN, flipped(disk.read(CHAIN), position, 1))
    with pytest.raises(StateError, match=f"chain.jsonl, line {slot}, is damaged") as caught:
        opened(bad, CLUSTER, NODE)[0].read(slot, 1)
    assert damage_remedy(NODE) in str(caught.value)


# Lines in a wrong place.


def journal_lines() -> tuple[MemoryDisk, list[bytes]]:
    disk = MemoryDisk()
    every_kind_of_line(disk)
    return disk, disk.read(JOURNAL).splitlines(keepends=True)


LINES = len(journal_lines()[1])


def assert_line_refused(disk: MemoryDisk, lines: list[bytes], number: int) -> None:
    text = refusal(damaged(disk, JOURNAL, b"".join(lines)))
    assert text.startswith(f"{disk.path / JOURNAL}, line {number}, is damaged: ")


@pytest.mark.parametrize("removed", range(LINES - 1))
def test_a_journal_without_one_of_its_lines_is_refused(removed: int) -> None:
    disk, lines = journal_lines()
    assert_line_refused(disk, lines[:removed] + lines[removed + 1 :], removed + 1)


@pytest.mark.parametrize("doubled", range(LINES))
def test_a_journal_with_a_line_twice_is_refused(doubled: int) -> None:
    disk, lines = journal_lines()
    assert_line_refused(disk, [*lines, lines[doubled]], LINES + 1)
    lines.insert(doubled, lines[doubled])
    assert_line_refused(disk, lines, doubled + 2)


@pytest.mark.parametrize(("first", "second"), list(combinations(range(LINES), 2)))
def test_a_journal_with_lines_in_another_order_is_refused(first: int, second: int) -> None:
    disk, lines = journal_lines()
    lines[first], lines[second] = lines[second], lines[first]
    assert_line_refused(disk, lines, first + 1)


@pytest.mark.parametrize("line", range(1, LINES))
def test_a_line_of_another_journal_is_refused(line: int) -> None:
    disk, lines = journal_lines()
    other = MemoryDisk()
    created(other, "d" * 32, NODE, BALANCES)
    append_lines(other, *(PromiseRecord(Ballot(round, 2)) for round in range(1, LINES)))
    foreign = other.read(JOURNAL).splitlines(keepends=True)
    assert_line_refused(disk, [*lines[:line], *foreign[line:]], line + 1)


def swap(lines: list[bytes]) -> list[bytes]:
    return [lines[1], lines[0], *lines[2:]]


def double(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *lines]


def remove(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *lines[2:]]


@pytest.mark.parametrize("change", [swap, double, remove])
@pytest.mark.parametrize("bytes_max", [1, 1 << 20])
def test_wrong_lines_of_the_chain_are_never_served(
    change: Callable[[list[bytes]], list[bytes]], bytes_max: int
) -> None:
    disk = MemoryDisk()
    three_blocks_on(disk)
    lines = change(disk.read(CHAIN).splitlines(keepends=True))
    with pytest.raises(StateError, match=CHAIN):
        read_chain(
            opened(damaged(disk, CHAIN, b"".join(lines)), CLUSTER, NODE)[0],
            bytes_max,
        )


def test_a_node_that_refuses_its_chain_leaves_it_as_it_was() -> None:
    disk = MemoryDisk()
    three_blocks_on(disk)
    longer = b"".join(double(disk.read(CHAIN).splitlines(keepends=True)))
    bad = damaged(disk, CHAIN, longer)
    refusal(bad)
    assert bad.read(CHAIN) == longer
