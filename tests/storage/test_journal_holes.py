"""Pages that never reached the disk are read as NULs; a NUL of any other origin is damage."""

from __future__ import annotations

import pytest

from benmo.errors import StateError
from benmo.ledger.transfers import Run
from benmo.paxos.types import Ballot
from benmo.sim.disk import MemoryDisk
from benmo.storage.journal import SECTOR_BYTES
from benmo.storage.lines import BEGINNING
from benmo.storage.node_storage import JOURNAL
from tests.support.written_storage import (
    NODE,
    Snapshot,
    damaged,
    every_kind_of_line,
    refusal,
    reopened,
)

LONG = Run(2, 3, (3,) * 250, (1,) * 250)
TEXTS = Run(2, 3, (3, 3), (1, 1), ("rent for May @ home", "\u0100 \u00c0"), ("a key", "@ b"))


def with_a_hole(disk: MemoryDisk, start: int, end: int) -> MemoryDisk:
    data = disk.read(JOURNAL)
    return damaged(disk, JOURNAL, data[:start] + bytes(end - start) + data[end:])


def starts_of_lines(data: bytes) -> list[int]:
    return [0, *(place + 1 for place, byte in enumerate(data[:-1]) if byte == ord("\n"))]


def edges(start: int, end: int) -> list[int]:
    """Where a hole in this unsynced part of a file may begin or end."""
    return [start, *range(start - start % SECTOR_BYTES + SECTOR_BYTES, end, SECTOR_BYTES), end]


def journal_with(lines_before: int, run: Run) -> tuple[MemoryDisk, int, Snapshot]:
    """A journal whose last line accepts this run; where that line begins, and the state before."""
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    for number in range(lines_before):
        writer.promise(Ballot(90 + number, 2))
    before, start = writer.now, disk.size(JOURNAL)
    writer.accept(Ballot(200, 2), run)
    return disk, start, before


@pytest.mark.parametrize("lines_before", range(0, 30, 3))
def test_a_last_line_that_lacks_sectors_is_cut_off(lines_before: int) -> None:
    disk, first, before = journal_with(lines_before, LONG)
    places = edges(first, disk.size(JOURNAL))
    assert len(places) >= 4
    for index, start in enumerate(places):
        for end in places[index + 1 :]:
            assert reopened(with_a_hole(disk, start, end)) == before, (start, end)
    for one, two, three, four in zip(places, places[1:], places[2:], places[3:], strict=False):
        holed = with_a_hole(with_a_hole(disk, one, two), three, four)
        assert reopened(holed) == before


def test_a_hole_from_an_earlier_line_into_the_last_one_cuts_both_off() -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    before = writer.now
    first = disk.size(JOURNAL)
    writer.pay(*((2, 1) for _ in range(10)))
    writer.accept(Ballot(200, 2), LONG)
    (last,) = starts_of_lines(disk.read(JOURNAL))[-1:]
    places = edges(first, disk.size(JOURNAL))
    holes = [(start, end) for start in places for end in places if start < last < end]
    assert holes
    for start, end in holes:
        assert reopened(with_a_hole(disk, start, end)) == before


def test_decisions_after_a_line_with_a_hole_are_cut_off_with_it() -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    before, first = writer.now, disk.size(JOURNAL)
    writer.accept(Ballot(200, 2), LONG)
    sectors = edges(first, disk.size(JOURNAL))[:-1]
    writer.decide()
    writer.learn(Run(2, 253, (3,), (1,)))
    assert len(sectors) >= 3
    for index, start in enumerate(sectors):
        for end in sectors[index + 1 :]:
            assert reopened(with_a_hole(disk, start, end)) == before


def test_lines_that_were_not_synced_are_cut_off_from_the_first_that_lacks_a_sector_on() -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    first = disk.size(JOURNAL)
    own = writer.pay(*((2, 1) for _ in range(5)))
    writer.accept(Ballot(200, 2), LONG, own)
    writer.pay((2, 1))
    writer.promise(Ballot(201, 2))
    places = edges(first, disk.size(JOURNAL))
    starts = [start for start in starts_of_lines(disk.read(JOURNAL)) if start >= first]
    assert len(places) > 4 and len(starts) == 4
    for index, start in enumerate(places):
        whole = sum(line <= start for line in starts) - 1
        for end in places[index + 1 :]:
            left = reopened(with_a_hole(disk, start, end))
            assert left == writer.history[-5 + whole], (start, end)


def test_a_hole_in_what_a_later_line_says_was_synced_is_damage() -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    first = disk.size(JOURNAL)
    writer.accept(Ballot(200, 2), LONG)
    places = edges(first, disk.size(JOURNAL))
    writer.sync()
    writer.decide()
    writer.pay((2, 1))
    for index, start in enumerate(places):
        for end in places[index + 1 :]:
            assert "is damaged: " in refusal(with_a_hole(disk, start, end)), (start, end)


def test_a_hole_before_what_was_synced_is_damage() -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    data = disk.read(JOURNAL)
    writer.promise(Ballot(90, 2))
    for start in starts_of_lines(data):
        text = refusal(with_a_hole(disk, start + 20, start + 22))
        assert "is damaged: " in text


# Damage.


@pytest.mark.parametrize("lines_before", [0, 1])
def test_nuls_that_no_missing_sector_leaves_are_damage(lines_before: int) -> None:
    disk, first, _ = journal_with(lines_before, LONG)
    length = disk.size(JOURNAL)
    sectors = edges(first, length)
    for start in range(first, length - 1, 7):
        for end in {start + 1, start + 2, (start + length) // 2, length - 1}:
            is_hole = start in sectors and end in sectors
            if not is_hole:
                assert "is damaged: " in refusal(with_a_hole(disk, start, end)), (start, end)


@pytest.mark.parametrize("lines_before", [0, 1, 2])
@pytest.mark.parametrize("kind", ["accept", "queue", "accept and decide"])
def test_a_last_line_is_never_forgotten_for_a_damaged_byte(kind: str, lines_before: int) -> None:
    """Not for a flipped bit that makes a NUL of a space, an @, a part of a letter; nor for a NUL
    in place of the newline, or of what every line begins with.
    """
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    for number in range(lines_before):
        writer.promise(Ballot(90 + number, 2))
    if kind == "queue":
        run = Run(NODE, writer.queue.end, TEXTS.credit, TEXTS.amount, TEXTS.memo, TEXTS.key)
        writer.queue_run(run)
    else:
        writer.accept(Ballot(200, 2), TEXTS)
    start, after = starts_of_lines(disk.read(JOURNAL))[-1], writer.now
    if kind == "accept and decide":
        writer.decide()
    data = disk.read(JOURNAL)
    assert any(mask in data[start:] for mask in (b" ", b"@", b"\x80"))
    for place in range(start, len(data)):
        for damage in (*(data[place] ^ 1 << bit for bit in range(8)), 0):
            wrong = data[:place] + bytes([damage]) + data[place + 1 :]
            for nuls in (0, 700):
                twin = damaged(disk, JOURNAL, wrong + bytes(nuls))
                assert remembers(twin, after, writer.now), (place, damage, nuls)


def remembers(disk: MemoryDisk, *states: Snapshot) -> bool:
    """Whether a node that starts here is in one of these states; or it doesn't start."""
    try:
        return reopened(disk) in states
    except StateError as error:
        return "is damaged: " in str(error)


@pytest.mark.parametrize("nuls", [1, 511, 512, 5000])
def test_nuls_after_the_last_line_are_no_damage_and_are_taken_off(nuls: int) -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    data = disk.read(JOURNAL)
    twin = damaged(disk, JOURNAL, data + bytes(nuls))
    assert reopened(twin) == writer.now
    assert twin.read(JOURNAL) == data


@pytest.mark.parametrize("nuls", [100, 5000])
def test_what_is_torn_before_nuls_is_cut_off(nuls: int) -> None:
    disk, first, before = journal_with(3, LONG)
    data = disk.read(JOURNAL)
    for length in range(first, len(data) - 1, 13):
        assert reopened(damaged(disk, JOURNAL, data[:length] + bytes(nuls))) == before
    for start in edges(first, len(data))[:-1]:
        assert reopened(damaged(disk, JOURNAL, data[:start] + bytes(5000))) == before


@pytest.mark.parametrize("end", [b"", b"\0", b"\0" * 9])
def test_a_line_that_lacks_its_newline_alone_is_kept_and_gets_it(end: bytes) -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    data = disk.read(JOURNAL)
    twin = damaged(disk, JOURNAL, data[:-1] + end)
    assert reopened(twin) == writer.now
    assert twin.read(JOURNAL) == data


def test_a_line_that_lacks_its_first_bytes_alone_is_kept_and_gets_them() -> None:
    for lines_before in range(60):
        disk, first, _ = journal_with(lines_before, TEXTS)
        data, missing = disk.read(JOURNAL), -first % SECTOR_BYTES
        if 0 < missing <= len(BEGINNING):
            break
    twin = with_a_hole(disk, first, first + missing)
    assert reopened(twin) == reopened(disk.copy())
    assert twin.read(JOURNAL) == data


def test_decisions_that_lack_pages_are_cut_off_wherever_they_do() -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    first = disk.size(JOURNAL)
    for number in range(4):
        writer.learn(Run(2, 3 + 250 * number, (3,) * 250, (1,) * 250))
    places = edges(first, disk.size(JOURNAL))
    states = writer.history[-5:]
    for low in range(len(places) - 4):
        twin = with_a_hole(disk, places[low], places[low + 1])
        twin = with_a_hole(twin, places[low + 3], places[low + 4])
        assert reopened(twin) in states, low
