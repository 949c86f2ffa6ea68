"""Simulated disks with one file, whose next operation may fail, and all that power cuts leave."""

from __future__ import annotations

import errno
from random import Random

import pytest

from benmo.sim.disk import DiskFailed, MemoryDisk

OLD = b"old line\n"


def disk_with_a_file(synced: bytes = OLD, unsynced: bytes = b"", name: str = "file") -> MemoryDisk:
    """A disk with one file, whose name is durable."""
    disk = MemoryDisk()
    disk.append(name, synced)
    disk.sync(name)
    disk.sync_directory()
    if unsynced:
        disk.append(name, unsynced)
    return disk


def fail_next(disk: MemoryDisk, error: Exception, operation: str) -> None:
    """Let the next operation of this kind fail, and nothing after it."""

    def before(what: str, _name: str) -> None:
        if what == operation:
            disk.before = lambda _what, _name: None
            raise error

    disk.before = before


def fail_to_sync(disk: MemoryDisk) -> None:
    fail_next(disk, DiskFailed(errno.EIO, "Input/output error"), "sync")
    with pytest.raises(DiskFailed):
        disk.sync("file")


def contents(disk: MemoryDisk) -> dict[str, bytes]:
    return {name: disk.read(name) for name in disk.names()}


def possible_futures(disk: MemoryDisk) -> set[tuple[tuple[str, bytes], ...]]:
    """All that many power cuts leave."""
    chance = Random(1)
    cuts = [disk.after_power_cut(chance) for _ in range(300)]
    return {tuple(sorted(contents(each).items())) for each in cuts}
