"""A progress bar for work that takes over a second, on standard error if that is a terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import ProgressColumn

_SHOWN_AFTER_S = 1.0
_STEP_BYTES = 1 << 18


class Progress:
    """Shows how much of some work is done. A context, at whose end the bar is wiped off.

    The work is counted in bytes; or in something else, of which the bar moves on after each `step`.
    """

    def __init__(
        self, what: str, total: int, is_wanted: bool = True, step: int = _STEP_BYTES
    ) -> None:
        self._what = what
        self._total = total
        self._step = step
        self._is_wanted = is_wanted and sys.stderr.isatty()
        self._done = 0
        self._shown = 0
        self._began_s = time.monotonic()
        self._bar: RichProgress | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, done: int) -> None:
        """Count this much more as done."""
        self._done += done
        if self._is_wanted and self._done - self._shown >= self._step:
            self._shown = self._done
            self._show()

    def _show(self) -> None:
        if self._bar is None and time.monotonic() - self._began_s > _SHOWN_AFTER_S:
            self._bar = _bar()
            self._bar.start()
            self._bar.add_task(self._what, total=self._total)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done)


class Waiting:
    """Shows what a wait that takes over a second waits for. A context, as `Progress`."""

    def __init__(self, what: str, is_wanted: bool = True) -> None:
        self._what = what
        self._is_wanted = is_wanted and sys.stderr.isatty()
        self._began_s = time.monotonic()
        self._bar: RichProgress | None = None

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, reason: str) -> None:
        """Show what the wait waits for now, beside how long it has taken so far."""
        if self._bar is None:
            if not self._is_wanted or time.monotonic() - self._began_s < _SHOWN_AFTER_S:
                return
            self._bar = _elapsed()
            self._bar.start()
            self._bar.add_task(self._what, total=None)
            self._bar.tasks[0].start_time = self._began_s
        self._bar.update(self._bar.task_ids[0], description=f"{self._what}: {reason}")


def _bar() -> RichProgress:
    from rich import progress  # noqa: PLC0415 - takes a while to load

    return _with(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
    )


def _elapsed() -> RichProgress:
    from rich import progress  # noqa: PLC0415

    return _with(progress.TextColumn("{task.description}"), progress.TimeElapsedColumn())


def _with(*columns: ProgressColumn) -> RichProgress:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress as RichProgress  # noqa: PLC0415

    return RichProgress(*columns, console=Console(stderr=True), transient=True)
