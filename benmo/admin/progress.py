"""A progress bar for work that takes over a second, on standard error if that is a terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_SHOWN_AFTER_S = 1.0
_STEP_BYTES = 1 << 18


class Progress:
    """Shows how many bytes of some work are done. A context, at whose end the bar is wiped off."""

    def __init__(self, what: str, total_bytes: int, is_wanted: bool = True) -> None:
        self._what = what
        self._total_bytes = total_bytes
        self._is_wanted = is_wanted and sys.stderr.isatty()
        self._done_bytes = 0
        self._shown_bytes = 0
        self._began_s = time.monotonic()
        self._bar: RichProgress | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, done_bytes: int) -> None:
        """Count `done_bytes` more as done."""
        self._done_bytes += done_bytes
        if self._is_wanted and self._done_bytes - self._shown_bytes >= _STEP_BYTES:
            self._shown_bytes = self._done_bytes
            self._show()

    def _show(self) -> None:
        if self._bar is None and time.monotonic() - self._began_s > _SHOWN_AFTER_S:
            self._bar = _bar()
            self._bar.start()
            self._bar.add_task(self._what, total=self._total_bytes)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done_bytes)


def _bar() -> RichProgress:
    from rich import progress  # noqa: PLC0415 - takes a while to load
    from rich.console import Console  # noqa: PLC0415

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
