"""Programs run as a user runs them: to their end, or attached to a node for long.

Every wait polls for a condition and has a deadline; what it fails with shows what was said.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 180.0
_POLL_S = 0.02

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


class Attached:
    """A `benmo attach` that stays: a line in, one JSON value out."""

    def __init__(self, node: int, state: Path) -> None:
        self._node = node
        self._process = subprocess.Popen(
            [*BENMO, "attach", str(node), "--format", "json", "--state-dir", str(state)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
        )
        self._rest = b""

    def ask(self, line: str) -> Any:
        """The answer. A command that failed is the last that this one carries out."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        answer = self._read_line(line)
        assert answer.startswith(("{", "[")), f"node {self._node}, {line}: {answer}"
        return json.loads(answer)

    def _read_line(self, asked: str) -> str:
        assert self._process.stdout is not None
        end = time.monotonic() + DEADLINE_S
        while b"\n" not in self._rest:
            ready = select.select([self._process.stdout], [], [], max(0, end - time.monotonic()))
            assert ready[0], f"node {self._node} does not answer {asked}: {self._rest!r}"
            data = os.read(self._process.stdout.fileno(), 1 << 16)
            assert data, f"attach {self._node} ended at {asked}: {self._rest!r}"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def close(self) -> None:
        end_process(self._process)


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Kill it unless it ended, and reap it."""
    if process.poll() is None:
        process.kill()
    process.wait(DEADLINE_S)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
