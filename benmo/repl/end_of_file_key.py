"""The terminal's key for the end of a file, Ctrl-D, which can be switched off.

Between two prompts the terminal itself takes the keys, and keeps them for the next prompt; but
Ctrl-D it would take for the end of a file that nobody reads.
"""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CONTROL_CHARACTERS = 6
"""The place of the control characters in what `tcgetattr` returns."""


class EndOfFileKey:
    """Switches the key off and on; does nothing where standard input is no terminal."""

    def __init__(self) -> None:
        self._usual = self._disabled = b""
        with suppress(termios.error, OSError, ValueError):
            self._disabled = bytes([os.fpathconf(sys.stdin.fileno(), "PC_VDISABLE")])
            self._usual = termios.tcgetattr(sys.stdin)[_CONTROL_CHARACTERS][termios.VEOF]

    @contextmanager
    def off(self) -> Iterator[None]:
        """While in this context, let the terminal keep the key like any other."""
        self._set(self._disabled)
        try:
            yield
        finally:
            self._set(self._usual)

    @contextmanager
    def on(self) -> Iterator[None]:
        """While in this context, which is inside `off`, let the key be what it was before."""
        self._set(self._usual)
        try:
            yield
        finally:
            self._set(self._disabled)

    def _set(self, key: bytes) -> None:
        if self._usual:
            with suppress(termios.error, OSError, ValueError):  # the terminal is gone
                modes = termios.tcgetattr(sys.stdin)
                modes[_CONTROL_CHARACTERS][termios.VEOF] = key
                termios.tcsetattr(sys.stdin, termios.TCSANOW, modes)
