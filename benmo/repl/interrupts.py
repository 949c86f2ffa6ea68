"""Ctrl-C at a prompt: it drops the line that is being typed, or ends the command under way."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Handles SIGINT inside `handled`. Only for the main thread.

    Between two lines, Python would raise an exception wherever the prompt's event loop is just
    begun or ended, which shows a traceback or ends the process. So an exception is raised only in
    `ending_command`, once a command, however often Ctrl-C is pressed. Elsewhere, `drop_line` is
    called.
    """

    def __init__(self, drop_line: Callable[[], None]) -> None:
        self._drop_line = drop_line
        self._ends_command = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        before = signal.signal(signal.SIGINT, self._interrupted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def ending_command(self) -> Iterator[None]:
        """While in this context, the first SIGINT raises `KeyboardInterrupt`."""
        self._ends_command = True
        try:
            yield
        finally:
            self._ends_command = False

    def _interrupted(self, _number: int, _frame: FrameType | None) -> None:
        if self._ends_command:
            self._ends_command = False
            raise KeyboardInterrupt
        self._drop_line()
