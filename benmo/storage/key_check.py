"""A check that a node's index of keys says what its chain says; nothing is written.

The index may be missing, behind, or another chain's: the node's next start mends that. But what the
index says of this chain must be true, since a key that it lacks would be paid again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.ledger.payment_keys import KeyUse
from benmo.ledger.visible_text import escaped
from benmo.paxos.types import NodeId
from benmo.regular_files import open_regular
from benmo.storage.key_index import SqliteKeyIndex
from benmo.storage.node_files import Damage


class WrongIndex(ValueError):
    """The index contradicts the chain."""


class KeyCheck:
    """Follows a node's chain and looks up each key in a copy of the index; a context manager.

    SQLite may have to write in order to read what a crash left, so it gets a copy. A `path` that
    isn't there is an empty index. Raises `Damage` on entering if the index can't be read.
    """

    def __init__(self, path: Path, node: NodeId) -> None:
        self.path = path
        self._node = node
        self._held = ExitStack()
        self._index: SqliteKeyIndex | None = None
        self._known = 0

    def __enter__(self) -> KeyCheck:
        if not os.path.lexists(self.path):
            return self
        with ExitStack() as held:
            directory = held.enter_context(tempfile.TemporaryDirectory(prefix="benmo-"))
            copy = Path(directory, self.path.name)
            for suffix in ("", "-wal"):
                _copy(Path(f"{self.path}{suffix}"), Path(f"{copy}{suffix}"))
            self._index = SqliteKeyIndex(copy, self._node)
            held.callback(self._index.close)
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def follow(self, applied: AppliedBlock) -> None:
        """Check the chain's next block. Raises `WrongIndex`, or `StateError` for a damaged file."""
        slot = applied.block.slot
        if self._index is None or slot > self._index.height:
            return
        keyed = [
            transfer
            for transfer, outcome in applied.outcomes()
            if transfer.debit_node == self._node and transfer.key and outcome is not Outcome.SKIPPED
        ]
        uses = self._index.find([transfer.key for transfer in keyed])
        for transfer in keyed:
            if uses.get(transfer.key) != KeyUse(transfer.key, transfer.number, slot):
                raise WrongIndex(f"key {escaped(transfer.key)} of {transfer.id} is not in it")
        self._known += len(keyed)
        if slot == self._index.height:
            self._require_end(applied.block.hash)

    def _require_end(self, head: str) -> None:
        assert self._index is not None
        if self._index.head != head:
            raise WrongIndex("it is another chain's")
        if self._index.count() != self._known:
            raise WrongIndex(f"it holds {self._index.count()} keys, the chain has {self._known}")


def _copy(path: Path, to: Path) -> None:
    """Copy a file if it is there. Raises `Damage` if it can't be opened."""
    try:
        source = open_regular(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Damage(path, 1, f"it can't be read: {error.strerror}") from error
    with source, open(to, "wb") as copy:
        shutil.copyfileobj(source, copy)
