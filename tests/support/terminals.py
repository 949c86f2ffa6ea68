"""A terminal with a screen, and someone before it who types and reads."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyte

from tests.support.processes import DEADLINE_S, end_process, environment, eventually

# A session leader without a terminal gets the one that it opens.
_TAKE_TERMINAL = (
    sys.executable,
    "-c",
    "import os, sys\n"
    "os.close(os.open(os.ttyname(0), os.O_RDWR))\n"
    "os.execv(sys.argv[1], sys.argv[1:])",
)


class _Screen(pyte.HistoryScreen):
    """A terminal's screen that also answers what programs ask it, like where its cursor is."""

    def __init__(self, columns: int, lines: int, answer: Callable[[bytes], object]) -> None:
        super().__init__(columns, lines, history=5000)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data.encode())


class Terminal:
    """A program in a terminal, with someone before it who types and reads."""

    def __init__(
        self,
        *command: str,
        columns: int = 120,
        lines: int = 40,
        cwd: Path | None = None,
        **more: str,
    ) -> None:
        self._master, self._slave = os.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.modes_before = self.modes
        self.raw = b""
        self._screen = _Screen(columns, lines, lambda data: os.write(self._master, data))
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._is_closed = False
        self.process = subprocess.Popen(
            [*_TAKE_TERMINAL, *command],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            cwd=cwd,
            env=environment(**more),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def modes(self) -> list[Any]:
        """How the terminal treats what is typed: echo, line editing, signals."""
        return termios.tcgetattr(self._slave)

    @property
    def is_cooked(self) -> bool:
        """Whether no prompt reads from it: the terminal itself edits lines."""
        return bool(self.modes[3] & termios.ICANON)

    @property
    def is_given_back(self) -> bool:
        """Whether it is as it was before the program."""
        return self.modes == self.modes_before

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def enter(self, line: str = "") -> None:
        self.type(line + "\r")

    def screen_text(self) -> str:
        """What can be seen now."""
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    def cells(self) -> list[list[pyte.screens.Char]]:
        """What can be seen now, each character with its colours."""
        with self._lock:
            columns = range(self._screen.columns)
            rows = [self._screen.buffer[line] for line in range(self._screen.lines)]
            return [[row[column] for column in columns] for row in rows]

    def all_text(self) -> str:
        """What can be seen, below what was scrolled out of sight."""
        with self._lock:
            gone = ["".join(row[x].data for x in sorted(row)) for row in self._screen.history.top]
        return "\n".join([*(line.rstrip() for line in gone), self.screen_text()])

    def wait_for(self, wanted: str | re.Pattern[str] | Callable[[str], object]) -> str:
        """Wait until that is to be seen; the screen's text then."""

        def look() -> str:
            text = self.screen_text()
            if isinstance(wanted, str):
                is_there = wanted in text
            elif isinstance(wanted, re.Pattern):
                is_there = wanted.search(text) is not None
            else:
                is_there = bool(wanted(text))
            return text if is_there else ""

        return eventually(look, f"{wanted!r} on the screen", self._shown)

    def wait_exit(self) -> int:
        """Wait until the program has ended; its exit status, or minus the signal."""
        eventually(lambda: self.process.poll() is not None, "the program ended", self._shown)
        return self.process.returncode

    def close(self) -> None:
        end_process(self.process)
        self._is_closed = True
        self._reader.join(DEADLINE_S)
        os.close(self._slave)
        os.close(self._master)

    def _shown(self) -> str:
        return f"exit status {self.process.poll()}, screen:\n{self.all_text()}"

    def _read(self) -> None:
        while not self._is_closed:
            if not select.select([self._master], [], [], 0.1)[0]:
                continue
            data = os.read(self._master, 1 << 16)
            with self._lock:
                self.raw += data
                self._stream.feed(data)


def above_prompt(text: str) -> str:
    """What is above the last prompt; nothing while there is no prompt."""
    return "\n".join(text.splitlines()[: text[: text.rfind("\nbenmo ") + 1].count("\n")])


def is_above_prompt(told: str) -> Callable[[str], bool]:
    return lambda text: told in above_prompt(text)
