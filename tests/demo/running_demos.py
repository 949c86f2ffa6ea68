"""A demo as its user runs it, with a state directory and ports of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import (
    DEADLINE_S,
    Finished,
    end_process,
    environment,
    eventually,
    run,
)
from tests.support.real_cluster import free_ports
from tests.support.terminals import Terminal

_UNHURRIED = """
from msgspec.structs import replace
from benmo.cli import main
from benmo.commands import table
from benmo.demo import disk_handlers, fleet, preparation

def new_cluster(nodes, settings):
    return made(nodes, replace(settings, heartbeat_s=5.0))

made, preparation.new_cluster = preparation.new_cluster, new_cluster
table._PATIENCE_S = 600.0
fleet._CLEAN_END_S = fleet._QUORUM_S = disk_handlers._CATCH_UP_S = 60.0
main(prog_name="benmo")
"""
DEMO = (sys.executable, "-c", _UNHURRIED, "demo")
"""The demo, whose nodes may be as slow as the machine makes them: nobody takes that for an end."""

QUICK = ("--election-delay", "0-0.3")


@dataclass(frozen=True)
class Place:
    """Where a demo's state is, and its first port."""

    state: Path
    port: int

    @property
    def options(self) -> tuple[str, ...]:
        return ("--state-dir", str(self.state), "--port", str(self.port))

    def pipe(self, *lines: str, options: tuple[str, ...] = QUICK, form: str = "json") -> Finished:
        """Run a demo to its end, with these lines on a pipe."""
        return run(
            *DEMO, *self.options, *options, "--format", form, typed="".join(f"{x}\n" for x in lines)
        )

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """A demo that takes its commands from a pipe, and goes on as long as that is open."""
        return subprocess.Popen(
            [*DEMO, *self.options, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
        )

    def cluster_json(self) -> Any:
        return json.loads((self.state / "cluster.json").read_text())

    def processes(self) -> list[int]:
        """Whoever runs with this state directory: the demo, and its nodes."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if str(self.state).encode() in (path / "cmdline").read_bytes().split(b"\0"):
                    found.append(int(path.name))
        return found

    def nodes(self) -> list[int]:
        """The processes that are nodes."""
        return [each for each in self.processes() if b"benmo.node" in _command(each)]

    def until_nobody_is_left(self) -> None:
        """Wait until no process of it runs."""
        eventually(lambda: not self.processes(), "all processes ended", self._shown)

    def _shown(self) -> str:
        return f"{[_command(process) for process in self.processes()]}"

    def end_all(self) -> None:
        """For the end of a test that failed."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


@contextmanager
def place(directory: Path, nodes: int = 5) -> Iterator[Place]:
    """Give a place that nobody else uses; nothing runs there any more when it ends."""
    with free_ports(nodes) as port:
        found = Place(directory / "state", port)
        try:
            yield found
        finally:
            found.end_all()


@contextmanager
def terminal(place: Place, *options: str, **more: Any) -> Iterator[Terminal]:
    """A demo in a terminal, at its prompt."""
    shown = Terminal(*DEMO, *place.options, *options, **more)
    try:
        shown.wait_for("benmo 1>")
        yield shown
    finally:
        shown.close()


@contextmanager
def running(place: Place, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A demo at a pipe that stays open."""
    process = place.start(*options)
    try:
        yield process
    finally:
        end_process(process)


def leave(shown: Terminal) -> None:
    """Type Ctrl-D, and see it end well."""
    shown.type("\x04")
    assert shown.wait_exit() == 0


def _command(process: int) -> bytes:
    with suppress(OSError):
        return Path("/proc", str(process), "cmdline").read_bytes()
    return b""


__all__ = ["DEADLINE_S", "DEMO", "QUICK", "Place", "leave", "place", "running", "terminal"]
