"""Work of a node on its disk between turns, while little is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benmo.node.turns import Turns
from benmo.storage.disk import RealDisk
from benmo.storage.node_storage import NodeStorage

_REST_EVERY_S = 0.25
_NOTE_SYNCED_EVERY_S = 1.0


class DiskRest:
    """Tidies the journal from time to time, as long as there are turns.

    `failed` takes the `OSError` of a disk that fails.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        turns: Turns,
        disk: RealDisk,
        storage: NodeStorage,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._loop = loop
        self._turns = turns
        self._disk = disk
        self._storage = storage
        self._failed = failed

    def begin(self) -> None:
        self._shorten()
        self._note_synced()

    def _shorten(self) -> None:
        """Take the NULs off the journal's end, while little is appended to it."""
        if self._turns.is_on:
            try:
                if not self._turns.is_slow:
                    self._disk.rest()
            except OSError as error:
                self._failed(error)
                return
            self._loop.call_later(_REST_EVERY_S, self._shorten)

    def _note_synced(self) -> None:
        """Let the storage note how long the journal is, while it rests."""
        if self._turns.is_on:
            if not self._turns.is_slow and self._storage.has_rested():
                self._turns.wait_between(self._storage.note_synced)
            self._loop.call_later(_NOTE_SYNCED_EVERY_S, self._note_synced)
