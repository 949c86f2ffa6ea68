"""Programs run as a user runs them, to their end.

Every wait polls for a condition and has a deadline; what it fails with shows what was said.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypeVar

from tests.support.forked import ForkedProcess

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 180.0
_POLL_S = 0.02
_PIPE_CHARACTERS_MAX = 10_000

BENMO = (sys.executable, "-c", "from benmo.cli import main; main(prog_name='benmo')")
NODE = (sys.executable, "-m", "benmo.node")
INITIALIZE = (sys.executable, str(ROOT / "scripts" / "initialize.py"))


def eventually(look: Callable[[], T | None], what: str, shown: Callable[[], str] = str) -> T:
    """What `look` returns, once that is true; else, at the deadline, an assertion fails."""
    end = time.monotonic() + DEADLINE_S
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"not within {DEADLINE_S:g} s: {what}\n{shown()}"
        time.sleep(_POLL_S)


def environment(**more: str) -> dict[str, str]:
    """A user's environment, in which nothing of the tester's own settings is left."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "TERM": "xterm-256color", **more}


@dataclass(frozen=True)
class Finished:
    """What a program that ended left behind."""

    status: int
    out: str
    err: str

    @property
    def values(self) -> list[Any]:
        """Its standard output as JSON, one value a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def run(*command: str, typed: str = "", cwd: Path | None = None, **more: str) -> Finished:
    """Run a program to its end, with `typed` on a pipe as its standard input."""
    is_python = command[0] == sys.executable and command[1] in ("-c", "-m")
    if is_python and len(typed) < _PIPE_CHARACTERS_MAX and not more:
        return _run_forked(command[1:], typed, cwd)
    ended = subprocess.run(
        command,
        input=typed,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        cwd=cwd,
        env=environment(**more),
        check=False,
    )
    return Finished(ended.returncode, ended.stdout, ended.stderr)


def _run_forked(words: Sequence[str], typed: str, cwd: Path | None) -> Finished:
    """As `run`, but Python doesn't load anew what it needs in nearly all tests."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as input_file:
        input_file.write(typed)
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        with os.fdopen(reading) as files:
            numbers = (files.fileno(), out.fileno(), err.fileno())
            process = ForkedProcess(words, numbers, cwd, environment())
        try:
            status = process.wait()
        finally:
            process.end()
        out.seek(0)
        err.seek(0)
        return Finished(status, out.read(), err.read())


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Kill it unless it ended, and reap it."""
    if process.poll() is None:
        process.kill()
    process.wait(DEADLINE_S)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
