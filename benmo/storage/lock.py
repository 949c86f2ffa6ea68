"""The lock of a node directory: one process per directory, by `flock`."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from benmo.errors import StateError
from benmo.regular_files import open_regular

LOCK = "lock"
_TRIES = 20
_TRY_AGAIN_S = 0.02
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
"""What `flock` fails with on a file system without locks, such as some network file systems."""


class DirectoryInUse(StateError):
    """Another process holds the lock of a node directory; `where` names both."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where}: one process a node")
        self.where = where


class DirectoryLock:
    """The lock of a node directory, by `flock`; the operating system frees it with the process.

    Raises `DirectoryInUse` if another process holds the lock, and doesn't just look at it;
    `StateError` if the file system has no locks.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            is_taken = self._is_taken()
        except OSError as error:
            os.close(self._descriptor)
            if error.errno not in _NO_LOCKS:
                raise
            raise StateError(
                f"{path / LOCK}: {error.strerror}. Two processes could run this node at once: "
                f"put its directory on a disk of this machine, or another file system with locks"
            ) from error
        if not is_taken:
            in_use = _in_use(path, self._descriptor)
            os.close(self._descriptor)
            raise in_use
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def _is_taken(self) -> bool:
        """Take the lock if it is free, or soon free of a process that only looked at it."""
        for _ in range(_TRIES):
            with suppress(BlockingIOError):
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            time.sleep(_TRY_AGAIN_S)
        return False

    def release(self) -> None:
        os.close(self._descriptor)


def _in_use(path: Path, lock: int) -> DirectoryInUse:
    """The error that names the process which holds the lock, given as a descriptor."""
    holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
    return DirectoryInUse(
        f"{path} is in use by {f'process {holder}' if holder else 'another process'}"
    )


@contextmanager
def kept_still(path: Path) -> Iterator[None]:
    """Keep nodes from starting in a directory, as long as the context lasts. Writes nothing.

    A directory without a lock's file, or on a file system without locks, can't be kept so. Raises
    `DirectoryInUse` if a node runs there, and `OSError` if the lock can't be read.
    """
    with ExitStack() as held:
        with suppress(FileNotFoundError):
            file = held.enter_context(open_regular(path / LOCK))
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise _in_use(path, file.fileno()) from error
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
        yield


def is_in_use(path: Path) -> bool:
    """Whether a process holds the lock of a node directory right now. Writes nothing.

    Where the file system has no locks, no node can run. Raises `OSError` if the lock can't be read.
    """
    try:
        with kept_still(path):
            return False
    except DirectoryInUse:
        return True
