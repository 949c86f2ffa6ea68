"""A disk in memory that forgets, at a power cut, what was not synced.

It behaves like real disks. Bytes that were not synced may be lost wholly or from some point on, or
be read as NULs; renames and removals that were not synced may be lost, too. A kill of the process
alone loses nothing. After a failed fsync the kernel believes that the bytes are written: a later
fsync of the file succeeds and leaves a hole where they should be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TypeVar

from benmo.storage.journal import SECTOR_BYTES

_HOLE_SHARE = 0.3

D = TypeVar("D", bound="MemoryDisk")


class PowerCut(Exception):
    """The process or the machine ended in the middle of an operation.

    `share`, from 0 to 1, is how much of a write had been done.
    """

    def __init__(self, share: float = 0.0) -> None:
        super().__init__()
        self.share = share


class DiskFailed(OSError):
    """The disk reports a failure. `share`, from 0 to 1, is how much of a write had been done."""

    def __init__(self, number: int, text: str, share: float = 0.0) -> None:
        super().__init__(number, text)
        self.share = share


@dataclass(slots=True)
class _File:
    """One file. `durable` is its content at the last sync, which any power cut leaves."""

    data: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    unchanged: int = 0
    """The number of bytes at the beginning that are as they were at the last sync."""
    holes: list[tuple[int, int]] = field(default_factory=list)
    """The places of bytes that a failed sync left unwritten: no later sync writes them."""
    begun: int = 0
    """The length at the last append that came when all before it was synced."""
    settled: int = 0
    """The number of bytes that were synced before others came, which are synced by now, too."""

    def append(self, data: bytes) -> None:
        if self.unchanged == len(self.data) and not self.holes:
            self.begun = self.unchanged
        self.data += data

    def sync(self) -> None:
        durable = bytes(self.data)
        for start, end in self.holes:
            durable = durable[:start] + bytes(max(0, len(durable[start:end]))) + durable[end:]
        self.durable = durable
        self.unchanged = len(durable)
        self.settled = self.begun

    def fail_to_sync(self) -> None:
        self.holes.append((self.unchanged, len(self.data)))
        self.unchanged = len(self.data)

    def truncate(self, size: int) -> None:
        """Cut the file; bytes that are written there later are new to the kernel, and no hole."""
        del self.data[size:]
        self.unchanged = min(self.unchanged, size)
        self.begun = self.settled = min(self.settled, size)
        self.holes = [(start, min(end, size)) for start, end in self.holes if start < size]

    def kept(self, random: Random | None) -> bytes:
        """Draw what a power cut leaves: of the unsynced bytes none, all, or up to some point.

        Sometimes these have holes: sectors that were not written yet.
        """
        if random is None or not self.data.startswith(self.durable):
            return self.durable
        length = len(self.data) - len(self.durable)
        share = random.random() * 2 - 0.5
        extra = min(length, max(0, int(share * (length + 1))))
        tail = self.data[len(self.durable) : len(self.durable) + extra]
        while extra and random.random() < _HOLE_SHARE:
            start, end = self._hole(len(tail), random)
            tail[start:end] = bytes(end - start)
        return self.durable + bytes(tail)

    def _hole(self, length: int, random: Random) -> tuple[int, int]:
        """Draw a hole: from the synced part or a sector's start to a sector's end or the file's."""
        first_sector = -len(self.durable) % SECTOR_BYTES
        edges = [0, *range(first_sector or SECTOR_BYTES, length, SECTOR_BYTES), length]
        end = 1 + int(random.random() * (len(edges) - 1))
        return edges[int(random.random() * end)], edges[end]


class MemoryDisk:
    """One directory. Calls `before`, which may raise, with each operation that changes it."""

    def __init__(self, before: Callable[[str, str], None] | None = None) -> None:
        self.before = before if before is not None else _allow
        self.syncs = 0
        self._files: dict[str, _File] = {}
        self._names: list[dict[str, _File]] = [{}]
        """The directory at its last sync, and after each change since."""

    @property
    def path(self) -> Path:
        return Path("memory")

    def exists(self, name: str) -> bool:
        return name in self._files

    def size(self, name: str) -> int:
        return len(self._files[name].data)

    def read(self, name: str) -> bytes:
        return bytes(self._files[name].data)

    def read_at(self, name: str, offset: int, length: int) -> bytes:
        return bytes(self._files[name].data[offset : offset + length])

    def append(self, name: str, data: bytes) -> None:
        try:
            self.before("append", name)
        except (PowerCut, DiskFailed) as error:
            if error.share > 0:
                self._write(name, data[: int(error.share * len(data))])
            raise
        self._write(name, data)

    def sync(self, name: str) -> None:
        try:
            self.before("sync", name)
        except DiskFailed:
            self._files[name].fail_to_sync()
            raise
        self.syncs += 1
        self._files[name].sync()

    def truncate(self, name: str, size: int) -> None:
        self.before("truncate", name)
        self._files[name].truncate(size)

    def rename(self, name: str, new_name: str) -> None:
        self.before("rename", name)
        self._files[new_name] = self._files.pop(name)
        self._names.append(dict(self._files))

    def remove(self, name: str) -> None:
        self.before("remove", name)
        del self._files[name]
        self._names.append(dict(self._files))

    def sync_directory(self) -> None:
        self.before("sync_directory", "")
        self._names = [dict(self._files)]

    # For simulations and tests.

    def overwrite(self, name: str, data: bytes) -> None:
        """Replace a file's content, durably, as damage does."""
        file = self._files[name]
        file.data = bytearray(data)
        file.durable = data
        file.unchanged = len(data)

    def flip_bit(self, name: str, position: int) -> None:
        """Turn one bit of a file over, durably; `position` counts bits."""
        data = bytearray(self._files[name].data)
        data[position // 8] ^= 1 << position % 8
        self.overwrite(name, bytes(data))

    def lengthen(self, name: str, nuls: int) -> None:
        """Make a file longer than its content, as a file that gets its room beforehand."""
        file = self._files.get(name)
        if file is not None and nuls:
            if file.durable == file.data:
                file.durable += bytes(nuls)
                file.unchanged += nuls
            file.data += bytes(nuls)

    def settled(self, name: str) -> int:
        """The number of bytes of a file that were synced before others came, synced by now, too."""
        return self._files[name].settled

    def wipe(self) -> None:
        """Lose every file, durably."""
        self._files.clear()
        self._names = [{}]

    def names(self) -> list[str]:
        return sorted(self._files)

    def surely_holds(self, data: bytes) -> bool:
        """Whether some file has these bytes where no power cut can take them away."""
        first, *others = self._names
        return any(
            data in file.durable and all(file in names.values() for names in others)
            for file in first.values()
        )

    def copy(self) -> MemoryDisk:
        """Copy the disk as a reader finds it now; the two share nothing."""
        return self.copy_to(MemoryDisk())

    def copy_to(self, twin: D) -> D:
        """Copy the disk into an empty one of another kind."""
        copies = {
            id(file): _File(bytearray(file.data), file.durable, file.unchanged, list(file.holes))
            for names in (self._files, *self._names)
            for file in names.values()
        }
        twin._files = {name: copies[id(file)] for name, file in self._files.items()}
        twin._names = [
            {name: copies[id(file)] for name, file in names.items()} for names in self._names
        ]
        return twin

    def after_power_cut(self, random: Random | None = None) -> MemoryDisk:
        """Make the disk that the next start finds.

        Changes of names since the last sync of the directory are lost from some point on, and so
        are unsynced bytes of each file: with `random`, the point is drawn; without, all are lost.
        """
        survivor = MemoryDisk()
        kept_names = 0 if random is None else int(random.random() * len(self._names))
        for name, file in self._names[kept_names].items():
            kept = file.kept(random)
            survivor._files[name] = _File(bytearray(kept), kept, len(kept))
        survivor._names = [dict(survivor._files)]
        return survivor

    def _write(self, name: str, data: bytes) -> None:
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = _File()
            self._names.append(dict(self._files))
        file.append(data)


def _allow(_operation: str, _name: str) -> None:
    return None
