"""The simulated disk: what it holds, what a power cut leaves of it, and how it fails."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from random import Random

import pytest

from benmo.sim.disk import DiskFailed, MemoryDisk, PowerCut
from benmo.storage.journal import SECTOR_BYTES
from tests.sim.one_file_disks import (
    OLD,
    contents,
    disk_with_a_file,
    fail_next,
    fail_to_sync,
    possible_futures,
)

WHOLE = b"old line\nnew line\n"


# Files while the machine is up.


def test_a_file_reads_as_it_was_written_synced_or_not() -> None:
    disk = disk_with_a_file(OLD, b"new line\n")
    assert disk.exists("file") and not disk.exists("elsewhere")
    assert disk.read("file") == WHOLE
    assert disk.size("file") == len(WHOLE)
    assert disk.read_at("file", 4, 6) == WHOLE[4:10]
    assert disk.read_at("file", len(WHOLE) - 2, 100) == b"e\n"


def test_every_operation_that_changes_the_disk_is_announced_first() -> None:
    told: list[tuple[str, str, dict[str, bytes]]] = []
    disk = MemoryDisk(lambda what, name: told.append((what, name, contents(disk))))
    disk.append("a", b"12")
    disk.sync("a")
    disk.truncate("a", 1)
    disk.rename("a", "b")
    disk.remove("b")
    disk.sync_directory()
    assert told == [
        ("append", "a", {}),
        ("sync", "a", {"a": b"12"}),
        ("truncate", "a", {"a": b"12"}),
        ("rename", "a", {"a": b"1"}),
        ("remove", "b", {"b": b"1"}),
        ("sync_directory", "", {}),
    ]


@pytest.mark.parametrize("operation", ["append", "sync", "truncate", "rename", "remove"])
def test_an_operation_that_a_power_cut_prevents_changes_nothing(operation: str) -> None:
    disk = disk_with_a_file(OLD, b"new line\n")
    before, possible = contents(disk), possible_futures(disk)
    fail_next(disk, PowerCut(), operation)
    operations: dict[str, Callable[[], None]] = {
        "append": lambda: disk.append("file", b"more"),
        "sync": lambda: disk.sync("file"),
        "truncate": lambda: disk.truncate("file", 0),
        "rename": lambda: disk.rename("file", "other"),
        "remove": lambda: disk.remove("file"),
    }
    with pytest.raises(PowerCut):
        operations[operation]()
    assert contents(disk) == before
    assert possible_futures(disk) == possible


# Power cuts and bytes.


def test_a_power_cut_keeps_what_was_synced_and_without_chance_nothing_else() -> None:
    assert possible_futures(disk_with_a_file(WHOLE)) == {(("file", WHOLE),)}
    assert disk_with_a_file(OLD, b"new line\n").after_power_cut().read("file") == OLD


def test_bytes_are_settled_once_what_came_after_their_sync_is_synced_too() -> None:
    disk = disk_with_a_file(OLD)
    assert disk.settled("file") == 0
    disk.append("file", b"a")
    disk.append("file", b"b")
    assert disk.settled("file") == 0
    disk.sync("file")
    assert disk.settled("file") == len(OLD)
    disk.append("file", b"c")
    assert disk.settled("file") == len(OLD)
    disk.truncate("file", 1)
    assert disk.settled("file") == 1
    assert disk.after_power_cut().settled("file") == 0, "what came after may be gone"


def test_a_power_cut_leaves_any_prefix_perhaps_with_holes_in_it() -> None:
    tail = b"a\nnew\n"
    left = {
        dict(each)["file"][len(OLD) :] for each in possible_futures(disk_with_a_file(OLD, tail))
    }
    assert {each for each in left if b"\0" not in each} == {tail[:length] for length in range(7)}
    holed = {each for each in left if b"\0" in each}
    assert holed
    assert holed <= {bytes(length) for length in range(7)}, "it is less than a sector"


def test_a_hole_begins_and_ends_with_a_sector_or_with_what_was_not_synced() -> None:
    tail = b"first\n" + b"x" * (5 * SECTOR_BYTES) + b"\n"
    starts, ends = set(), set()
    for each in possible_futures(disk_with_a_file(OLD, tail)):
        left = dict(each)["file"]
        for hole in re.finditer(rb"\0+", left):
            assert hole.start() == len(OLD) or hole.start() % SECTOR_BYTES == 0, hole
            assert hole.end() == len(left) or hole.end() % SECTOR_BYTES == 0, hole
            starts.add(hole.start())
            ends.add(hole.end())
    assert len(starts) > 3 and len(ends) > 3


def test_holes_are_anywhere_in_what_was_not_synced_and_there_may_be_several() -> None:
    tail = b"a line\n" * SECTOR_BYTES
    holes = [
        [hole.span() for hole in re.finditer(rb"\0+", dict(each)["file"])]
        for each in possible_futures(disk_with_a_file(OLD, tail))
    ]
    assert any(len(each) > 1 for each in holes)
    assert any(SECTOR_BYTES < start < end < len(tail) for each in holes for start, end in each)


def test_the_same_chance_leaves_the_same() -> None:
    disk = disk_with_a_file(OLD, b"a long line that is torn somewhere\n")
    first, second = (disk.after_power_cut(Random(7)) for _ in range(2))
    assert first.read("file") == second.read("file")


def test_what_a_power_cut_left_stays_over_the_next_one() -> None:
    left = disk_with_a_file(OLD, b"new line\n").after_power_cut(Random(3))
    assert possible_futures(left) == {(("file", left.read("file")),)}


def test_a_truncation_that_was_not_synced_is_undone() -> None:
    disk = disk_with_a_file(WHOLE)
    disk.truncate("file", len(OLD))
    assert disk.read("file") == OLD
    assert possible_futures(disk) == {(("file", WHOLE),)}


def test_a_truncation_that_was_synced_stays() -> None:
    disk = disk_with_a_file(WHOLE)
    disk.truncate("file", len(OLD))
    disk.sync("file")
    assert possible_futures(disk) == {(("file", OLD),)}


# Power cuts and names.


def test_a_new_file_may_be_lost_until_the_directory_is_synced() -> None:
    disk = disk_with_a_file()
    disk.append("new", b"content")
    disk.sync("new")
    assert disk.after_power_cut().names() == ["file"]
    assert len(possible_futures(disk)) == 2
    disk.sync_directory()
    assert possible_futures(disk) == {(("file", OLD), ("new", b"content"))}


def test_a_rename_may_be_undone_until_the_directory_is_synced() -> None:
    disk = disk_with_a_file(b"1", name="state")
    disk.append("state.new", b"2")
    disk.sync("state.new")
    disk.rename("state.new", "state")
    assert contents(disk) == {"state": b"2"}
    assert possible_futures(disk) == {
        (("state", b"1"),),
        (("state", b"1"), ("state.new", b"2")),
        (("state", b"2"),),
    }
    disk.sync_directory()
    assert possible_futures(disk) == {(("state", b"2"),)}


def test_a_removal_may_be_undone_until_the_directory_is_synced() -> None:
    disk = disk_with_a_file()
    disk.remove("file")
    assert disk.names() == []
    assert possible_futures(disk) == {(), (("file", OLD),)}
    disk.sync_directory()
    assert possible_futures(disk) == {()}


def test_names_are_lost_from_some_change_on_never_from_the_middle() -> None:
    disk = MemoryDisk()
    for name in "abc":
        disk.append(name, b"")
    left = {"".join(name for name, _ in each) for each in possible_futures(disk)}
    assert left == {"", "a", "ab", "abc"}


# Failed fsyncs.


def test_bytes_whose_fsync_failed_are_a_hole_that_no_later_fsync_fills() -> None:
    disk = disk_with_a_file(OLD, b"lost\n")
    fail_to_sync(disk)
    disk.append("file", b"later\n")
    disk.sync("file")
    assert disk.read("file") == OLD + b"lost\nlater\n", "the kernel believes that they are there"
    assert possible_futures(disk) == {(("file", OLD + bytes(5) + b"later\n"),)}


def test_each_failed_fsync_leaves_its_own_hole() -> None:
    disk = disk_with_a_file(b"0", b"1")
    fail_to_sync(disk)
    disk.append("file", b"2")
    disk.sync("file")
    disk.append("file", b"3")
    fail_to_sync(disk)
    disk.append("file", b"4")
    disk.sync("file")
    assert disk.after_power_cut().read("file") == b"0\x002\x004"


def test_without_a_later_fsync_a_power_cut_leaves_what_was_synced_before() -> None:
    disk = disk_with_a_file(OLD, b"lost\n")
    fail_to_sync(disk)
    assert disk.after_power_cut().read("file") == OLD


def test_what_is_written_in_place_of_truncated_bytes_is_no_hole() -> None:
    disk = disk_with_a_file(OLD, b"lost\n")
    fail_to_sync(disk)
    disk.truncate("file", len(OLD) + 2)
    disk.append("file", b"again\n")
    disk.sync("file")
    assert disk.after_power_cut().read("file") == OLD + bytes(2) + b"again\n"


def test_a_truncation_below_a_hole_ends_it() -> None:
    disk = disk_with_a_file(OLD, b"lost\n")
    fail_to_sync(disk)
    disk.truncate("file", len(OLD))
    disk.append("file", b"again\n")
    disk.sync("file")
    assert disk.after_power_cut().read("file") == OLD + b"again\n"


def test_a_machine_that_starts_after_a_power_cut_knows_of_no_holes() -> None:
    disk = disk_with_a_file(OLD, b"lost\n")
    fail_to_sync(disk)
    disk = disk.after_power_cut()
    disk.append("file", b"kept\n")
    disk.sync("file")
    assert disk.after_power_cut().read("file") == OLD + b"kept\n"


# Short writes.


@pytest.mark.parametrize(("share", "written"), [(0.0, 0), (0.3, 3), (0.99, 9), (1.0, 10)])
@pytest.mark.parametrize("kind", ["full disk", "power cut"])
def test_a_write_that_is_interrupted_leaves_its_share(
    kind: str, share: float, written: int
) -> None:
    disk = disk_with_a_file()
    full = DiskFailed(errno.ENOSPC, "No space left on device", share)
    error: Exception = full if kind == "full disk" else PowerCut(share)
    fail_next(disk, error, "append")
    with pytest.raises(type(error)):
        disk.append("file", b"0123456789")
    assert disk.read("file") == OLD + b"0123456789"[:written]
    assert disk.after_power_cut().read("file") == OLD
