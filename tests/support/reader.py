"""Someone who reads the documents in a clone and types what they show."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
from _bootstrap import MODULES, has_modules

from tests.support.processes import DEADLINE_S, ROOT, environment, eventually
from tests.support.real_cluster import RealCluster, free_ports
from tests.support.terminals import Terminal

_NODES = 5
_BENMO = "-c 'from benmo.cli import main; main(prog_name=\"benmo\")'"
_PROGRAMS = {"python": "", "python3": "", "benmo": _BENMO}


class Reader:
    """A clone with `.venv` activated, and a cluster of five in its `state/` that runs.

    Each method that takes a line is a way to run it, and fails if it doesn't do what it should.
    """

    def __init__(self, cluster: RealCluster) -> None:
        self.cluster = cluster
        self.directory = cluster.directory
        self._clones = 0
        _furnish(self.directory)
        self.decide()
        self.cluster.kill(1)  # a start moves what is decided to the chain file
        self.cluster.start(1)

    def to_end(self, line: str, status: int = 0, directory: Path | None = None) -> str:
        """Run it to its end; what it printed."""
        with self.begun(line, directory) as begun:
            out, _ = begun.communicate(timeout=DEADLINE_S)
        assert begun.returncode == status, f"{line}: status {begun.returncode}\n{out}"
        return out

    def runs(self, line: str) -> None:
        self.to_end(line)

    def prints(self, line: str) -> None:
        """Run it to its end; it shows something."""
        assert self.to_end(line).strip(), f"{line} prints nothing"

    def prints_of_a_run(self, line: str) -> None:
        """Do something with a run that was recorded before."""
        self.prints("benmo record --seconds 1")
        self.prints(line)

    def makes_played_page(self, line: str) -> None:
        """Make a page of a scenario that was recorded before."""
        self.prints("benmo play tests/scenarios/duelling_leaders.txt --record duel.jsonl.gz")
        self.prints(line)

    def watches(self, line: str) -> None:
        """Watch, until the page is served; Ctrl-C ends it."""
        with self.begun(line) as begun:
            assert begun.stdout is not None
            said = map(str.strip, iter(begun.stdout.readline, ""))
            address = next(line for line in said if line.startswith("http"))
            with urlopen(address.partition("#")[0], timeout=DEADLINE_S) as page:
                assert b"<title>" in page.read()
            os.killpg(begun.pid, signal.SIGINT)
            assert begun.wait(DEADLINE_S) == 0

    def reads_files(self, line: str) -> None:
        """Show something of node 1's files, of which each has something to show."""
        self.decide()
        self.prints(line)

    def decide(self) -> None:
        """Have a transfer of node 1's decided."""
        self.cluster.ask(1, "moneyTransfer 1,1,2")
        assert self.cluster.ask(1, "wait 60")["outcome"] == "decided"

    def runs_tests(self, line: str) -> None:
        """`scripts/test.py`; not where it would make `.venv` first, for that is the tester's."""
        if not has_modules(MODULES["dev"]):
            pytest.skip("this Python lacks a module of the tests': run them by scripts/test.py")
        self.prints(line)

    def runs_program(self, text: str) -> str:
        """A program in Python, in a file of its own; what it printed."""
        (self.directory / "program.py").write_text(text)
        return self.to_end("python program.py")

    def runs_elsewhere(self, line: str) -> None:
        """In another clone: what makes a new cluster is refused where one runs."""
        self.to_end(line, directory=self.another_clone())

    def finds(self, line: str) -> None:
        """The simulator with a mistake planted: it finds that, and says so by its status too."""
        assert "cut down to" in self.to_end(line, status=1)

    def stops_early(self, line: str) -> None:
        """The exploration of fewer states than there are: status 3 says that."""
        assert "this is not the whole" in self.to_end(line, status=3)

    def prints_first_row(self, line: str) -> None:
        """What takes minutes for a table: its first row."""
        with self.begun(line) as begun:
            assert begun.stdout is not None
            row = begun.stdout.readline()
        assert row.startswith("| `"), row

    def runs_node(self, line: str) -> None:
        """A node without a prompt: it listens, and leaves when it is told to."""
        with self._without(node_of(line)) as node, self.begun(line) as begun:
            eventually(lambda: self.cluster.listens(node), f"node {node} listens")
            os.killpg(begun.pid, signal.SIGTERM)
            assert begun.wait(DEADLINE_S) == 0

    def feeds_node(self, line: str) -> None:
        """A node that is fed by a pipe: it answers, and leaves at the end of its input."""
        with self._without(node_of(line)):
            self.prints(line)

    def prompts_node(self, line: str) -> None:
        """A node's own prompt, in a terminal."""
        with self._without(node_of(line)) as node:
            self.prompts(line, f"benmo {node}>")

    def prompts_attached(self, line: str) -> None:
        self.prompts(line, f"benmo {node_of(line)}>")

    def prompts_play(self, line: str) -> None:
        self.prompts(line, "benmo play>")

    def prompts_demo(self, line: str) -> None:
        """The demo in a terminal of another clone, at ports that nobody else has."""
        with free_ports(_NODES) as port:
            self.prompts(f"{line} --port {port}", "benmo 1>", self.another_clone())

    def feeds_demo_by_line(self, line: str) -> None:
        """The demo that is fed by a pipe, likewise."""
        with free_ports(_NODES) as port:
            out = self.to_end(f"{line} --port {port}", directory=self.another_clone())
        assert out.strip(), f"{line} prints nothing"

    def feeds_demo(self, typed: str) -> None:
        """What is typed at the demo's prompt, through a pipe; none of it fails."""
        directory = self.another_clone()
        (directory / "typed").write_text(typed)
        with free_ports(_NODES) as port:
            options = f"--fresh --port {port} --election-delay 0.2-0.6"
            self.to_end(f"python3 scripts/demo.py {options} < typed", directory=directory)

    def prompts(self, line: str, prompt: str, directory: Path | None = None) -> None:
        """Run it in a terminal until it asks for a command, and leave by Ctrl-D."""
        where = directory or self.directory
        path = _environment(where)["PATH"]
        terminal = Terminal("/bin/bash", "-c", line, cwd=where, PATH=path)
        try:
            terminal.wait_for(prompt)
            terminal.type("\x04")
            assert terminal.wait_exit() == 0, terminal.all_text()
        finally:
            terminal.close()

    def another_clone(self) -> Path:
        """A clone in which nothing was done yet."""
        self._clones += 1
        directory = self.directory / f"clone-{self._clones}"
        _furnish(directory)
        return directory

    @contextmanager
    def begun(self, line: str, directory: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """Begin it; at the end, nothing that it started is left."""
        where = directory or self.directory
        process = subprocess.Popen(
            ["bash", "-c", line],
            cwd=where,
            env=_environment(where),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        with process:
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    @contextmanager
    def _without(self, node: int) -> Iterator[int]:
        """While that node of the cluster is down, so that the line can be it."""
        self.cluster.signal(node, signal.SIGTERM)
        assert self.cluster.ended(node) == 0
        try:
            yield node
        finally:
            self.cluster.start(node)


def node_of(line: str) -> int:
    """The node that a line starts or attaches to."""
    match = re.search(r"benmo(?:\.node| node| attach) ([1-5])\b", line)
    assert match is not None, line
    return int(match[1])


def _furnish(directory: Path) -> None:
    """Put into a directory what a clone has."""
    programs = directory / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("scripts", "docs", "tests"):
        (directory / name).symlink_to(ROOT / name)
    (programs / "activate").write_text(f"PATH={programs}:$PATH\n")
    for name, options in _PROGRAMS.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {options} "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)


def _environment(directory: Path) -> dict[str, str]:
    known = environment()
    return {**known, "PATH": f"{directory / '.venv' / 'bin'}:{known['PATH']}"}
