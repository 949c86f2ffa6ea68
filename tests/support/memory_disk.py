"""A disk in memory that forgets, at a crash, what was not synced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random


class PowerCut(Exception):
    """The machine went off in the middle of an operation."""


@dataclass(slots=True)
class _File:
    """`durable` is what a crash leaves for certain: the file's content at its last sync."""

    data: bytearray = field(default_factory=bytearray)
    durable: bytes = b""


class MemoryDisk:
    """One directory. `before` is called with each operation that changes it, and may raise."""

    def __init__(self, before: Callable[[str, str], None] | None = None) -> None:
        self.before = before if before is not None else _allow
        self.syncs = 0
        self._files: dict[str, _File] = {}
        self._durable_names: dict[str, _File] = {}

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
        self.before("append", name)
        self._files.setdefault(name, _File()).data += data

    def sync(self, name: str) -> None:
        self.before("sync", name)
        self.syncs += 1
        file = self._files[name]
        file.durable = bytes(file.data)

    def truncate(self, name: str, size: int) -> None:
        self.before("truncate", name)
        del self._files[name].data[size:]

    def rename(self, name: str, new_name: str) -> None:
        self.before("rename", name)
        self._files[new_name] = self._files.pop(name)

    def remove(self, name: str) -> None:
        self.before("remove", name)
        del self._files[name]

    def sync_directory(self) -> None:
        self.before("sync_directory", "")
        self._durable_names = dict(self._files)

    # What tests do to it.

    def overwrite(self, name: str, data: bytes) -> None:
        """Replace a file's content, durably: damage."""
        file = self._files[name]
        file.data = bytearray(data)
        file.durable = data

    def names(self) -> list[str]:
        return sorted(self._files)

    def copy(self) -> MemoryDisk:
        """The disk as a reader finds it now; what happens to the copy happens to it alone."""
        twin = MemoryDisk()
        copies = {
            id(file): _File(bytearray(file.data), file.durable)
            for names in (self._files, self._durable_names)
            for file in names.values()
        }
        twin._files = {name: copies[id(file)] for name, file in self._files.items()}
        twin._durable_names = {name: copies[id(file)] for name, file in self._durable_names.items()}
        return twin

    def after_power_cut(self, random: Random | None = None) -> MemoryDisk:
        """The disk as the next start finds it.

        Unsynced names may be lost or kept, unsynced bytes are lost, or kept up to some point: at
        random, or all lost without one.
        """
        survivor = MemoryDisk()
        keeps_names = random is not None and random.random() < 0.5
        for name, file in (self._files if keeps_names else self._durable_names).items():
            kept = _kept(file, random)
            survivor._files[name] = _File(bytearray(kept), kept)
        survivor._durable_names = dict(survivor._files)
        return survivor


def _allow(_operation: str, _name: str) -> None:
    return None


def _kept(file: _File, random: Random | None) -> bytes:
    if random is None or not file.data.startswith(file.durable):
        return file.durable
    extra = random.randint(0, len(file.data) - len(file.durable))
    return bytes(file.data[: len(file.durable) + extra])
