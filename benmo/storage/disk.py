"""The files of one directory: what storage needs of them, and the operating system's.

Nothing is durable before `sync` (a file's content) or `sync_directory` (that a file is there, and
under which name). Every method raises `OSError` when the disk fails; no caller tries again.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import wraps
from math import inf
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from benmo.regular_files import read_regular


class Disk(Protocol):
    """Files by name; offsets and lengths are in bytes."""

    @property
    def path(self) -> Path:
        """The directory, for messages to people."""

    def exists(self, name: str) -> bool: ...

    def size(self, name: str) -> int: ...

    def read(self, name: str) -> bytes: ...

    def read_at(self, name: str, offset: int, length: int) -> bytes:
        """Read this many bytes, fewer only at the end of the file."""

    def append(self, name: str, data: bytes) -> None:
        """Write at the end of a file, which is made if it isn't there."""

    def sync(self, name: str) -> None: ...

    def truncate(self, name: str, size: int) -> None: ...

    def rename(self, name: str, new_name: str) -> None:
        """Rename a file, replacing any file of the new name, in one atomic step."""

    def remove(self, name: str) -> None: ...

    def sync_directory(self) -> None: ...


_DELETED = "it was deleted while the node ran"
_REPLACED = "another file was put in its place while the node ran"

_AHEAD_BYTES = 1 << 17
_BUSY_S = 0.01
_BUSY_APPENDS = 100
"""This many appends in a row, each within `_BUSY_S` of the one before, are a load."""


Method = TypeVar("Method", bound=Callable[..., Any])


def _naming(method: Method) -> Method:
    """Let each `OSError` of a method name the file; the operating system's names none."""

    @wraps(method)
    def named(self: RealDisk, name: str, *arguments: Any) -> Any:
        try:
            return method(self, name, *arguments)
        except OSError as error:
            error.filename = error.filename or str(self.path / name)
            raise

    return cast(Method, named)


class RealDisk:
    """A directory of the operating system; files are made for their owner alone.

    A write that makes a file longer costs half as much again to make durable as one within the
    file. So the files `ahead` are made longer beforehand, by NULs, while many small appends follow
    one another closely. `rest` and `close` take the NULs off; a crash may leave some.
    """

    def __init__(self, path: Path, ahead: Collection[str] = ()) -> None:
        self.syncs = 0
        """How often something was made durable."""
        self.path = path
        self._descriptors: dict[str, int] = {}
        self._named: set[str] = set()
        """The files that had a name when they were opened; some file systems count no names."""
        self._ahead = {name: _PreallocatedFile() for name in ahead}

    def exists(self, name: str) -> bool:
        return (self.path / name).exists()

    def size(self, name: str) -> int:
        return os.stat(self.path / name).st_size

    def read(self, name: str) -> bytes:
        return read_regular(self.path / name)

    @_naming
    def read_at(self, name: str, offset: int, length: int) -> bytes:
        return os.pread(self._open(name), length, offset)

    @_naming
    def append(self, name: str, data: bytes) -> None:
        descriptor = self._open(name)
        ahead = self._ahead.get(name)
        if ahead is not None:
            ahead.write(descriptor, data)
        else:
            _write(descriptor, data)

    @_naming
    def sync(self, name: str) -> None:
        """Make a file's content durable. Raises `OSError`, also for a file that was deleted."""
        self.syncs += 1
        descriptor = self._open(name)
        os.fdatasync(descriptor)
        # Only after the fsync does this tell that what was synced can still be found.
        if os.fstat(descriptor).st_nlink == 0 and name in self._named:
            raise FileNotFoundError(errno.ENOENT, _DELETED, str(self.path / name))

    @_naming
    def truncate(self, name: str, size: int) -> None:
        descriptor = self._open(name)
        os.ftruncate(descriptor, size)
        if name in self._ahead:
            self._ahead[name].begin(descriptor)

    def rest(self) -> None:
        """Take the NULs off the files to which nothing is being appended for now.

        Raises `OSError`, also if another file has taken the place of one of them.
        """
        for name, ahead in self._ahead.items():
            if name in self._descriptors and not ahead.is_busy:
                self._cut(name)
                self._require_in_place(name)

    def _require_in_place(self, name: str) -> None:
        path = self.path / name
        with suppress(FileNotFoundError):  # moved away: the next file to be opened fails
            if not os.path.samestat(os.stat(path), os.fstat(self._descriptors[name])):
                raise FileExistsError(errno.EEXIST, _REPLACED, str(path))

    def rename(self, name: str, new_name: str) -> None:
        os.rename(self.path / name, self.path / new_name)
        self._forget(name)
        self._forget(new_name)

    def remove(self, name: str) -> None:
        os.unlink(self.path / name)
        self._forget(name)

    def sync_directory(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        self.syncs += 1
        try:
            os.fsync(descriptor)
        except OSError as error:
            error.filename = str(self.path)
            raise
        finally:
            os.close(descriptor)

    def close(self) -> None:
        for name in list(self._descriptors):
            self._forget(name)

    def _open(self, name: str) -> int:
        if name not in self._descriptors:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            if name not in self._ahead:
                flags |= os.O_APPEND
            self._descriptors[name] = os.open(self.path / name, flags, 0o600)
            if os.fstat(self._descriptors[name]).st_nlink > 0:
                self._named.add(name)
            if name in self._ahead:
                self._ahead[name].begin(self._descriptors[name])
        return self._descriptors[name]

    @_naming
    def _cut(self, name: str) -> None:
        self._ahead[name].cut(self._descriptors[name])

    @_naming
    def _forget(self, name: str) -> None:
        descriptor = self._descriptors.pop(name, None)
        if descriptor is not None:
            try:
                if name in self._ahead:
                    self._ahead[name].cut(descriptor)
            finally:
                os.close(descriptor)


class _PreallocatedFile:
    """A file that is kept longer than what was appended to it, while there is much to append."""

    def __init__(self) -> None:
        self._end = 0
        """The offset of the next append."""
        self._length = 0
        self._appended_at_s = -inf
        self._closely = 0
        """How many appends in a row each followed another one closely."""

    def begin(self, descriptor: int) -> None:
        """Take all that the file holds for what was appended."""
        self._end = self._length = os.fstat(descriptor).st_size

    @property
    def is_busy(self) -> bool:
        return time.monotonic() - self._appended_at_s < _BUSY_S

    def write(self, descriptor: int, data: bytes) -> None:
        now_s = time.monotonic()
        self._closely = self._closely + 1 if now_s - self._appended_at_s < _BUSY_S else 0
        self._appended_at_s = now_s
        end = self._end + len(data)
        if end > self._length and self._closely >= _BUSY_APPENDS and len(data) < _AHEAD_BYTES // 8:
            self._lengthen(descriptor)
        _write(descriptor, data, self._end)
        self._end = end
        self._length = max(self._length, end)

    def cut(self, descriptor: int) -> None:
        """Cut off the NULs after what was appended last."""
        if self._length > self._end:
            os.ftruncate(descriptor, self._end)
            self._length = self._end

    def _lengthen(self, descriptor: int) -> None:
        """Add NULs as far as there is room. On a full disk, the next append's own write fails."""
        try:
            _write(descriptor, bytes(_AHEAD_BYTES), self._end)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
        self._length = os.fstat(descriptor).st_size


def _write(descriptor: int, data: bytes, offset: int | None = None) -> None:
    """Write all of the data, at an offset or at the file's own position."""
    rest = memoryview(data)
    while len(rest) > 0:
        written = (
            os.write(descriptor, rest)
            if offset is None
            else os.pwrite(descriptor, rest, offset + len(data) - len(rest))
        )
        rest = rest[written:]


_REMEDIES = {
    errno.ENOSPC: "Make room on the disk, and start the node again",
    errno.EDQUOT: "Make room within the quota, and start the node again",
    errno.EROFS: "The node needs a disk that can be written to: start it again on one",
    errno.EIO: "The disk fails: start the node again when the disk is well",
    errno.EACCES: "Give the node's user the right to read and to write it",
    errno.EISDIR: "A directory stands in the file's place: move it away",
}


def remedy(error: OSError) -> str:
    """Say what to do about an error of the disk; empty if there is nothing to say."""
    return _REMEDIES.get(error.errno or 0, "")
