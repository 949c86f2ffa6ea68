"""Processes that are forked from one which has already loaded most of what they need.

Loading is most of what a node's start or a short command costs, and the tests start many hundreds.
After the fork, all is as with `python -m MODULE …` or `python -c CODE …`: that runs as `__main__`,
with its own standard files, directory and environment, and ends as a program does.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

_LOADED = ("benmo.node.process", "benmo.program")
_DEADLINE_S = 180.0
_PART_BYTES = 1 << 16
_POLL_S = 0.005


class ForkedProcess:
    """A process that runs `python -m …` or `python -c …`, of which `words` are all but `python`.

    `files` are the descriptors of its standard input, output and error.
    """

    def __init__(
        self,
        words: Sequence[str],
        files: Sequence[int],
        directory: Path | None,
        variables: Mapping[str, str],
    ) -> None:
        self._forker = _forker(variables["LANG"])
        request = {
            "words": words,
            "directory": str(directory or Path.cwd()),
            "variables": variables,
        }
        self.pid: int = self._forker.ask(request, files)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, or minus the signal; None while it runs."""
        if self.returncode is None:
            self.returncode = self._forker.ask(self.pid)
        return self.returncode

    def wait(self) -> int:
        """Wait until it has ended; its exit status, or minus the signal."""
        end = time.monotonic() + _DEADLINE_S
        while (status := self.poll()) is None:
            assert time.monotonic() < end, f"process {self.pid} does not end"
            time.sleep(_POLL_S)
        return status

    def end(self) -> None:
        """Kill it unless it ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()


class _Forker:
    """The process that forks; it ends with this one.

    Of the variables, it has that of the language: Python reads this one at its start alone.
    """

    def __init__(self, language: str) -> None:
        self._lock = threading.Lock()
        self._channel, theirs = socket.socketpair()
        self._channel.settimeout(_DEADLINE_S)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
                env={"LANG": language},
            )

    def ask(self, request: object, files: Sequence[int] = ()) -> Any:
        with self._lock:
            socket.send_fds(self._channel, [json.dumps(request).encode() + b"\n"], files)
            return json.loads(_received(self._channel)[0])

    def close(self) -> None:
        self._channel.close()
        self._process.wait(_DEADLINE_S)


def _received(channel: socket.socket) -> tuple[bytes, list[int]]:
    """Wait for a line; returns it, or nothing at the end, and the descriptors that came with it."""
    line, files, _, _ = socket.recv_fds(channel, _PART_BYTES, 3)
    while line and not line.endswith(b"\n"):
        line += channel.recv(_PART_BYTES)
    return line, files


@cache
def _forker(language: str) -> _Forker:
    made = _Forker(language)
    atexit.register(made.close)
    return made


# The process that forks.


def _serve(channel: socket.socket) -> list[str]:
    """Answer requests until the other end is gone; returns in forked processes, with their words.

    A request is a process to begin, or the id of one: the answer is its id, or how it ended.
    """
    with channel:
        while True:
            line, files = _received(channel)
            if not line:
                sys.exit()
            request = json.loads(line)
            if isinstance(request, int):
                ended, status = os.waitpid(request, os.WNOHANG)
                answer = os.waitstatus_to_exitcode(status) if ended else None
            else:
                answer = os.fork()
                if answer == 0:
                    _settle(files, request["directory"], request["variables"])
                    return list(request["words"])
                for file in files:
                    os.close(file)
            channel.sendall(json.dumps(answer).encode() + b"\n")


def _settle(files: Sequence[int], directory: str, variables: Mapping[str, str]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(variables)


def _run(words: list[str]) -> None:
    """Go on as Python does when it is started with these words."""
    option, what, *arguments = words
    if option == "-m":
        sys.argv[1:] = arguments
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        assert option == "-c"
        sys.argv = [option, *arguments]
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), main.__dict__)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its parent ends it
    for module in _LOADED:
        import_module(module)
    _run(_serve(socket.socket(fileno=int(sys.argv[1]))))
