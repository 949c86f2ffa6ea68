"""Five machines and a desk: network namespaces, joined by a bridge in one more.

Each has a directory that stands for its disk, and nothing of the others'. It has what the document
tells a reader to bring there, by the very lines of the document.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benmo.startup import PARENT_VARIABLE
from tests.support.documents import fences
from tests.support.processes import DEADLINE_S, ROOT, end_process, environment, eventually

DOCUMENT = "docs/machines.md"
DESK = 6
_SWITCH = 0
_PYTHON = shlex.quote(sys.executable)
_PROGRAMS = f"""
python3() {{ {_PYTHON} "$@"; }}
benmo() {{ {_PYTHON} -c "from benmo.cli import main; main(prog_name='benmo')" "$@"; }}
"""
_NAME = "benmo-{process}-{number}"


class NoNamespaces(Exception):
    """This system or this user can't make network namespaces; says why."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The document's unit file, as far as a test needs to do what systemd does."""

    command: str
    final_statuses: tuple[int, ...]
    """The statuses after which it is not started again."""
    stop_s: float

    @classmethod
    def shown(cls) -> Unit:
        (fence,) = [fence for fence in fences(DOCUMENT) if fence.kind == "ini"]
        found = dict(line.split("=", 1) for line in fence.lines if "=" in line)
        return cls(
            found["ExecStart"],
            tuple(map(int, found["RestartPreventExitStatus"].split())),
            float(found["TimeoutStopSec"].removesuffix("s")),
        )


class Network:
    """Namespaces 1 to 6 at 10.0.0.1 to 10.0.0.6, each on a cable to a switch."""

    def __init__(self) -> None:
        self._process = os.getpid()

    def name(self, number: int) -> str:
        return _NAME.format(process=self._process, number=number)

    def make(self) -> None:
        switch = self.name(_SWITCH)
        self._make_switch(switch)
        _ip(f"-n {switch} link set bridge up")
        for number in range(1, DESK + 1):
            name = self.name(number)
            _ip(f"netns add {name}")
            _ip(f"link add eth0 netns {name} type veth peer name port{number} netns {switch}")
            _ip(f"-n {switch} link set port{number} master bridge up")
            _ip(f"-n {name} addr add 10.0.0.{number}/24 dev eth0")
            _ip(f"-n {name} link set eth0 up")
            _ip(f"-n {name} link set lo up")

    def _make_switch(self, name: str) -> None:
        if os.geteuid() != 0 or shutil.which("ip") is None:
            raise NoNamespaces("network namespaces need root, and iproute2 installed")
        try:
            _ip(f"netns add {name}")
            _ip(f"-n {name} link add bridge type bridge")
        except RuntimeError as error:
            raise NoNamespaces(f"this system makes no network namespaces: {error}") from error

    def plug(self, number: int, how: str) -> None:
        """Pull a machine's cable out of the switch (`down`), or put it back (`up`)."""
        _ip(f"-n {self.name(_SWITCH)} link set port{number} {how}")

    def remove(self) -> None:
        """Remove what there is of it; the cables and the bridge go with the namespaces."""
        for name in _namespaces():
            if _process_of(name) == self._process:
                _ip(f"netns del {name}")


@contextmanager
def network() -> Iterator[Network]:
    """A network that is gone at the end. Raises `NoNamespaces`."""
    _remove_left_over()
    made = Network()
    try:
        made.make()
        yield made
    finally:
        made.remove()


def _ip(words: str) -> str:
    done = subprocess.run(
        ["ip", *words.split()], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"ip {words}: {done.stderr.strip()}")
    return done.stdout


def _namespaces() -> list[str]:
    """Those that tests made; none where there can be none."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return []
    found = [line.split()[0] for line in _ip("netns list").splitlines()]
    return [name for name in found if _process_of(name)]


def _process_of(name: str) -> int:
    """Whose test made a namespace; 0 if none did."""
    match = re.fullmatch(_NAME.format(process=r"(\d+)", number=r"\d"), name)
    return int(match[1]) if match else 0


def _remove_left_over() -> None:
    """What tests that were killed could not remove."""
    for name in _namespaces():
        if not Path("/proc", str(_process_of(name))).exists():
            with suppress(RuntimeError):  # another test may be about it too
                _ip(f"netns del {name}")


class Machine:
    """A computer: a namespace, and a directory in which `/var/lib/benmo`, `/root`, … are."""

    def __init__(self, number: int, network: Network, disk: Path, unit: Unit) -> None:
        self.number = number
        self.disk = disk
        self.network = network
        self.process: subprocess.Popen[bytes] | None = None
        self._unit = unit
        self._said_before = 0
        for name in ("root", "etc", "var/lib", "home"):
            (disk / name).mkdir(parents=True)
        for name in ("passwd", "group", "shadow", "gshadow"):
            (disk / "etc" / name).touch()
        self.log.touch()
        (self.home / "scripts").symlink_to(ROOT / "scripts")

    @property
    def state(self) -> Path:
        """`/var/lib/benmo`, or at the desk `state/`."""
        return self.home / "state" if self.number == DESK else self.disk / "var/lib/benmo"

    @property
    def home(self) -> Path:
        """Where somebody at this machine types."""
        return self.disk / "home"

    def run(self, line: str, status: int = 0) -> str:
        """Run a line of the shell's here, to its end; its standard output."""
        done = subprocess.run(
            self._inside("bash", "-c", f"{_PROGRAMS}\n{line}"),
            cwd=self.home,
            env=environment(PATH=f"{os.environ['PATH']}:/usr/sbin:/sbin"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == status, f"{line}: {done}"
        return done.stdout

    def types(self, line: str) -> None:
        """Run a line of the document here; a line for machine 2 as it is for this one."""
        self.run(self.here(line))

    def attach(self, node: int, *commands: str) -> list[Any]:
        """`benmo attach` from here; the answers."""
        flags = "".join(f" -e {shlex.quote(command)}" for command in commands)
        where = shlex.quote(str(self.state))
        out = self.run(f"benmo attach {node}{flags} --format json --state-dir {where}")
        return [json.loads(line) for line in out.splitlines()]

    # What systemd does.

    def start(self) -> None:
        """Start the unit, and wait until the node listens."""
        assert self.process is None
        words = shlex.split(self.here(self._unit.command.replace("%i", str(self.number))))
        self._said_before = len(self._said())
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self._inside(*words),
                cwd="/",
                env=environment(**{PARENT_VARIABLE: str(os.getpid())}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        eventually(self._listens, f"machine {self.number}: the node listens", self._said)

    def stop(self) -> None:
        """Stop it as the unit says, within the time that the unit gives it."""
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(signal.SIGTERM)
        assert process.wait(self._unit.stop_s) == 0, self._said()

    def kill(self) -> None:
        """End whatever runs."""
        if self.process is not None:
            end_process(self.process)
            self.process = None

    @property
    def log(self) -> Path:
        return self.disk / "log"

    def _said(self) -> str:
        return self.log.read_text()

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self._said()
        return "listens on" in self._said()[self._said_before :]

    def _inside(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.network.name(self.number), *command]

    def here(self, line: str) -> str:
        """A line of the document with this machine's paths and number, and the tests' Python."""
        if self.number != DESK:
            line = re.sub(r"(node-|benmo@)2\b", rf"\g<1>{self.number}", line)
        line = line.replace("/opt/benmo/.venv/bin/python", sys.executable)
        line = line.replace("/opt/benmo/.venv/bin/benmo", "benmo")
        line = line.replace("/opt/benmo", str(ROOT))
        return re.sub(r"(?<!\w)(/var/lib/benmo|/root/)", rf"{self.disk}\1", line)


class Machines:
    """All of them. A context: its end is the end of what runs."""

    def __init__(self, network: Network, directory: Path) -> None:
        unit = Unit.shown()
        self.network = network
        self.all = {
            number: Machine(number, network, directory / f"machine-{number}", unit)
            for number in range(1, DESK + 1)
        }
        self.desk = self.all.pop(DESK)
        self._held = ExitStack()

    def __enter__(self) -> Machines:
        for machine in self.all.values():
            self._held.callback(machine.kill)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
