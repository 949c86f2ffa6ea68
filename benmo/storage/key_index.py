"""The index of keys on disk, in SQLite: `keys.sqlite` in a node's directory.

SQLite has no checksums, and a page that is not as it was written may hide a key, which would then
pay again. So each key is in two tables, each with a tree of its own: a key that only one of them
finds is damage. A key that is found is also compared with the chain. Keys are looked up many at a
time: a statement for each would cost several times as much.

SQLite's write-ahead log keeps the index whole through any crash. The latest entries may be lost,
and are then read from the chain again. The log is emptied after each change. If a crash prevents
that, the log could be of another time than the file, which somebody may have put back: then the
whole index is made anew from the chain.

The index is locked for other programs while it is open. So SQLite needs no memory that it shares
with them, which is a mapped file (`-shm`): on a full disk, such a file has places without room on
the disk, and a process that writes there is killed (SIGBUS).
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from benmo.errors import StateError
from benmo.ledger.payment_keys import KeyUse
from benmo.paxos.types import GENESIS_HASH, NodeId

_FORMAT = 1
_BUSY_S = 0.2
_KEYS_AT_ONCE = 500
_EMPTY_LOG = "pragma wal_checkpoint(truncate)"
_SUFFIXES = ("", "-wal", "-shm", "-journal")
"""Endings that SQLite may add to the file's name, for the files that it puts beside it."""

_TABLES = """
create table used (key text primary key, number integer not null, slot integer not null)
    without rowid;
create table seen (digest blob primary key) without rowid;
create table chain (node integer not null, height integer not null, head text not null);
"""


class SqliteKeyIndex:
    """A `KeyIndex` in a file, made anew if the file is missing, unreadable or another node's.

    Raises `StateError` if the disk fails or the index is damaged. A damaged index is removed by
    hand, and made again from the chain at the next start.
    """

    def __init__(self, path: Path, node: NodeId) -> None:
        self._path = path
        self._node = node
        self._chain: tuple[int, str] = (0, GENESIS_HASH)
        try:
            if _size(Path(f"{path}-wal")) > 0:
                raise sqlite3.DatabaseError("its log is not empty")
            self._connection = self._open()
        except sqlite3.DatabaseError as error:
            self._require_unlocked(error)
            self._remove()
            with self._guarded():
                self._connection = self._open()

    @property
    def height(self) -> int:
        return self._chain[0]

    @property
    def head(self) -> str:
        return self._chain[1]

    def find(self, keys: Sequence[str]) -> dict[str, KeyUse]:
        found: dict[str, KeyUse] = {}
        with self._guarded():
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                found |= self._find_some(keys[start : start + _KEYS_AT_ONCE])
        return found

    def _find_some(self, keys: Sequence[str]) -> dict[str, KeyUse]:
        places = ",".join("?" * len(keys))
        digests = [_digest(key) for key in keys]
        used = self._connection.execute(
            f"select key, number, slot from used where key in ({places})", keys
        )
        found = {key: KeyUse(key, int(number), int(slot)) for key, number, slot in used}
        rows = self._connection.execute(
            f"select digest from seen where digest in ({places})", digests
        )
        seen = {digest for (digest,) in rows}
        pairs = zip(keys, digests, strict=True)
        if any((key in found) != (digest in seen) for key, digest in pairs):
            raise sqlite3.DatabaseError("it is damaged: its tables contradict each other")
        return found

    def extend(self, uses: Iterable[KeyUse], height: int, head: str) -> None:
        rows = list(uses)
        digests = [(_digest(use.key),) for use in rows]
        with self._guarded(), self._connection:
            self._connection.execute("begin immediate")
            self._connection.executemany("insert or ignore into used values (?, ?, ?)", rows)
            self._connection.executemany("insert or ignore into seen values (?)", digests)
            self._connection.execute("update chain set height = ?, head = ?", (height, head))
        self._chain = (height, head)
        with self._guarded():
            self._connection.execute(_EMPTY_LOG)

    def clear(self) -> None:
        with self._guarded():
            self._connection.close()
            self._remove()
            self._connection = self._open()

    def count(self) -> int:
        """Count the keys, in time that grows with their number."""
        with self._guarded():
            ((count,),) = self._connection.execute("select count(*) from used").fetchall()
            return int(count)

    def close(self) -> None:
        """Leave the file to others; no method may be called any more."""
        with self._guarded():
            self._connection.close()

    def _open(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("pragma locking_mode = exclusive")
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            ((found,),) = connection.execute("pragma user_version").fetchall()
            if found == 0:
                self._make(connection)
            elif found != _FORMAT:
                raise sqlite3.DatabaseError(f"format {found}")
            ((node, height, head),) = connection.execute("select * from chain").fetchall()
            if node != self._node:
                raise sqlite3.DatabaseError(f"the index of node {node}")
            self._chain = (int(height), str(head))
        except (ValueError, TypeError, OverflowError) as error:
            connection.close()
            raise sqlite3.DatabaseError(str(error)) from error
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _make(self, connection: sqlite3.Connection) -> None:
        connection.executescript(
            f"begin; {_TABLES} insert into chain values ({self._node}, 0, '{GENESIS_HASH}');"
            f"pragma user_version = {_FORMAT}; commit;"
        )

    def _remove(self) -> None:
        for suffix in _SUFFIXES:
            with suppress(FileNotFoundError):
                os.unlink(f"{self._path}{suffix}")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
            self._require_unlocked(error)
            raise StateError(f"{self._path}: {error}. {_remedy(error)}") from error

    def _require_unlocked(self, error: Exception) -> None:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise StateError(f"{self._path} is locked by another program: end it") from error


_REMEDIES = {
    sqlite3.SQLITE_FULL: "Make room on the disk, and start the node again",
    sqlite3.SQLITE_READONLY: "The node needs a disk that can be written to",
}


def _remedy(error: Exception) -> str:
    """Say what to do about an error of SQLite."""
    number = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if number in _REMEDIES:
        return _REMEDIES[number]
    return "If the disk is sound, remove this file: it is made again from the chain"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode(), digest_size=16).digest()
