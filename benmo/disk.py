"""The files of one directory, as the storage sees them, and the real ones.

Nothing is durable before `sync` (a file's content) or `sync_directory` (that a file is there, and
under which name). Every method raises `OSError` when the disk fails; nobody tries again.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from benmo.errors import StateError


class Disk(Protocol):
    """Files by name; `offset` and lengths in bytes."""

    @property
    def path(self) -> Path:
        """The directory, for messages to people."""

    def exists(self, name: str) -> bool: ...

    def size(self, name: str) -> int: ...

    def read(self, name: str) -> bytes: ...

    def read_at(self, name: str, offset: int, length: int) -> bytes:
        """Fewer bytes only at the end of the file."""

    def append(self, name: str, data: bytes) -> None:
        """Write at the end of the file, making it if it isn't there."""

    def sync(self, name: str) -> None: ...

    def truncate(self, name: str, size: int) -> None: ...

    def rename(self, name: str, new_name: str) -> None:
        """Atomic; replaces what bears the new name."""

    def remove(self, name: str) -> None: ...

    def sync_directory(self) -> None: ...


class RealDisk:
    """A directory of the operating system's; files are made for their owner alone."""

    def __init__(self, path: Path) -> None:
        self.syncs = 0
        """How often something was made durable."""
        self._path = path
        self._descriptors: dict[str, int] = {}

    @property
    def path(self) -> Path:
        return self._path

    def exists(self, name: str) -> bool:
        return (self._path / name).exists()

    def size(self, name: str) -> int:
        return os.stat(self._path / name).st_size

    def read(self, name: str) -> bytes:
        return (self._path / name).read_bytes()

    def read_at(self, name: str, offset: int, length: int) -> bytes:
        return os.pread(self._open(name), length, offset)

    def append(self, name: str, data: bytes) -> None:
        descriptor = self._open(name)
        rest = memoryview(data)
        while len(rest) > 0:
            rest = rest[os.write(descriptor, rest) :]

    def sync(self, name: str) -> None:
        self.syncs += 1
        os.fdatasync(self._open(name))

    def truncate(self, name: str, size: int) -> None:
        os.ftruncate(self._open(name), size)

    def rename(self, name: str, new_name: str) -> None:
        os.rename(self._path / name, self._path / new_name)
        self._forget(name)
        self._forget(new_name)

    def remove(self, name: str) -> None:
        os.unlink(self._path / name)
        self._forget(name)

    def sync_directory(self) -> None:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        self.syncs += 1
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        for name in list(self._descriptors):
            self._forget(name)

    def _open(self, name: str) -> int:
        if name not in self._descriptors:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptors[name] = os.open(self._path / name, flags, 0o600)
        return self._descriptors[name]

    def _forget(self, name: str) -> None:
        descriptor = self._descriptors.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)


_LOCK = "lock"
_TRIES = 20
_TRY_AGAIN_S = 0.02


class DirectoryLock:
    """One process per node directory, by `flock`; the operating system frees it with the process.

    Raises `StateError` if another process has it, and not only looks whether it is free.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not self._is_taken():
            holder = os.pread(self._descriptor, 20, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            whose = f"process {holder}" if holder else "another process"
            raise StateError(f"{path} is in use by {whose}: one process a node")
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def _is_taken(self) -> bool:
        """Whether the lock is this process's now, or after a moment in which somebody looked."""
        for _ in range(_TRIES):
            with suppress(BlockingIOError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            time.sleep(_TRY_AGAIN_S)
        return False

    def release(self) -> None:
        os.close(self._descriptor)


def is_in_use(path: Path) -> bool:
    """Whether a process has the lock of a node directory right now. Writes nothing."""
    try:
        descriptor = os.open(path / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
