"""The simulated disk as a simulation uses it: asked, flipped, wiped and copied."""

from __future__ import annotations

import pytest

from tests.sim.one_file_disks import (
    OLD,
    contents,
    disk_with_a_file,
    fail_to_sync,
    possible_futures,
)


def test_a_disk_surely_holds_only_what_was_synced() -> None:
    disk = disk_with_a_file(OLD, b"new line\n")
    assert disk.surely_holds(b"old")
    assert not disk.surely_holds(b"new")
    disk.sync("file")
    assert disk.surely_holds(b"new")


def test_a_disk_surely_holds_nothing_in_a_hole() -> None:
    disk = disk_with_a_file(OLD, b"lost")
    fail_to_sync(disk)
    disk.sync("file")
    assert not disk.surely_holds(b"lost")


def test_a_disk_surely_holds_nothing_in_a_file_whose_name_may_be_lost() -> None:
    disk = disk_with_a_file()
    disk.append("new", b"content")
    disk.sync("new")
    assert not disk.surely_holds(b"content")
    disk.sync_directory()
    assert disk.surely_holds(b"content")


def test_a_disk_surely_holds_nothing_in_a_file_whose_removal_may_last() -> None:
    disk = disk_with_a_file()
    disk.append("other", OLD)
    disk.remove("file")
    assert not disk.surely_holds(OLD)


def test_a_disk_surely_holds_what_a_rename_moves() -> None:
    disk = disk_with_a_file()
    disk.rename("file", "other")
    assert disk.surely_holds(OLD)


@pytest.mark.parametrize("position", [0, 7, 8, 8 * len(OLD) - 1])
def test_a_flipped_bit_is_one_bit_and_stays(position: int) -> None:
    disk = disk_with_a_file()
    disk.flip_bit("file", position)
    left = disk.after_power_cut().read("file")
    assert left == disk.read("file")
    difference = int.from_bytes(left, "little") ^ int.from_bytes(OLD, "little")
    assert difference == 1 << position
    disk.flip_bit("file", position)
    assert disk.read("file") == OLD


def test_a_wiped_disk_is_empty_for_good() -> None:
    disk = disk_with_a_file(OLD, b"new")
    disk.wipe()
    assert disk.names() == [] and possible_futures(disk) == {()}
    assert not disk.surely_holds(OLD)


def test_a_copy_has_the_same_future() -> None:
    disk = disk_with_a_file(OLD, b"lost")
    fail_to_sync(disk)
    disk.sync("file")
    disk.append("file", b"unsynced")
    disk.append("new", b"content")
    assert contents(disk.copy()) == contents(disk)
    assert possible_futures(disk.copy()) == possible_futures(disk)
    copy = disk.copy()
    disk.sync("file")
    copy.sync("file")
    assert possible_futures(copy) == possible_futures(disk)


def test_what_happens_to_a_copy_or_its_model_happens_to_it_alone() -> None:
    disk = disk_with_a_file(OLD, b"new")
    copy = disk.copy()
    copy.sync("file")
    copy.append("file", b"more")
    copy.append("other", b"")
    disk.truncate("file", 0)
    assert contents(disk) == {"file": b""}
    assert disk.after_power_cut().read("file") == OLD
    assert contents(copy) == {"file": OLD + b"newmore", "other": b""}
    assert copy.after_power_cut().read("file") == OLD + b"new"
