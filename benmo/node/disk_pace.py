"""Watches how long the disk takes: whether it is slow, and when people are told."""

from __future__ import annotations

from collections.abc import Callable

from benmo.notices import DiskQuick, DiskSlow, Notice

_SLOW_S = 0.1
"""A wait this long makes the disk count as slow: the loop waits for it no more."""
_QUICK_WAITS = 100
"""After this many short waits in a row, the disk counts as quick again."""
REPORT_S = 1.0
"""A wait this long is reported; after that only one that is twice as long as any reported."""


class DiskPace:
    """Learns of each wait for the disk, and reports what people should know."""

    def __init__(self, on_notice: Callable[[Notice], None]) -> None:
        self.is_slow = False
        self.report_at_s = REPORT_S
        """The shortest wait that is reported."""
        self._on_notice = on_notice
        self._quick = 0

    def took(self, seconds: float) -> None:
        """Learn of a wait, which is over or goes on, by how long it has taken."""
        if seconds >= _SLOW_S:
            self.is_slow, self._quick = True, 0
            if seconds >= self.report_at_s:
                self.report_at_s = 2 * seconds
                self._on_notice(DiskSlow(seconds))
        elif self.is_slow:
            self._quick += 1
            if self._quick == _QUICK_WAITS:
                self._is_quick_again()

    def _is_quick_again(self) -> None:
        self.is_slow, self._quick = False, 0
        if self.report_at_s > REPORT_S:
            self.report_at_s = REPORT_S
            self._on_notice(DiskQuick())
