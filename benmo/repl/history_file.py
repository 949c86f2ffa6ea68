"""The lines that were typed at a prompt, kept in a file as long as that can be written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory


class HistoryFile(FileHistory):
    """A history in a file that only its owner may read.

    Where the file can't be read or written, the lines are kept in memory, and that is said once.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._is_kept = True
        try:
            path.touch(mode=0o600)
        except OSError as error:
            self._keep_no_more(error)

    def load_history_strings(self) -> Iterable[str]:
        try:
            return list(super().load_history_strings()) if self._is_kept else []
        except OSError as error:
            self._keep_no_more(error)
            return []

    def store_string(self, string: str) -> None:
        if self._is_kept:
            try:
                super().store_string(string)
            except OSError as error:
                self._keep_no_more(error)

    def _keep_no_more(self, error: OSError) -> None:
        self._is_kept = False
        print(f"{self._path}: {error.strerror}: what you type is kept until you leave, no longer")
