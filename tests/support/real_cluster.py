"""What a user has: several nodes of one machine, each a process with its port and directory.

The state is made by the command's own code, but without a process for it: tests make many clusters.
The nodes' heartbeats are further apart than a user's: a busy machine may stop a process for some
seconds, and its peers are not to count that as its end.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner

from benmo.admin.initialize import main as initialize
from benmo.cluster import StateDirectory, write_private
from benmo.commands.answers import Status
from benmo.control.attached_node import AttachedNode
from benmo.control.places import find_node
from benmo.network.ports import first_ports
from benmo.repl.batch import outcome_of
from tests.support.forked import ForkedProcess
from tests.support.processes import (
    BENMO,
    NODE,
    Finished,
    environment,
    eventually,
    run,
)
from tests.support.terminals import Terminal

HEARTBEAT_S = 5.0
ADDED_MAX = 2
"""How many ports behind the nodes' own are kept free, for nodes that are added."""


@contextmanager
def free_ports(count: int) -> Iterator[int]:
    """The first of `count` consecutive ports that nobody else has, or takes while this lasts.

    A datagram socket on each keeps off other tests.
    """
    while True:
        first = random.choice(first_ports(count))
        with ExitStack() as held:
            try:
                for port in range(first, first + count):
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        bound = held.enter_context(socket.socket(socket.AF_INET, kind))
                        bound.bind(("127.0.0.1", port))
                        if kind == socket.SOCK_STREAM:
                            bound.close()
            except OSError:
                continue
            yield first
            return


class RealCluster:
    """Several nodes of one machine, each a process. A context: its end is the processes' end."""

    def __init__(self, directory: Path, nodes: int = 5, **options: str) -> None:
        """Options are the initialize script's: `tenure="stable"` and so on."""
        self.directory = directory
        self.state = directory / "state"
        self.nodes = tuple(range(1, nodes + 1))
        self._held = ExitStack()
        self.port = self._held.enter_context(free_ports(nodes + ADDED_MAX))
        self.moved: dict[int, int] = {}
        """The ports of nodes that have moved from their own."""
        self._running: dict[int, ForkedProcess] = {}
        self._attached: dict[int, AttachedNode] = {}
        self._terminals: list[Terminal] = []
        settings = {"election_delay": "0-0.3", **options, "nodes": str(nodes)}
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        made = CliRunner().invoke(
            initialize, [*self.state_option, f"--port={self.port}", *flags], catch_exceptions=False
        )
        assert made.exit_code == 0, made.output
        self._slow_heartbeats_down()

    def __enter__(self) -> RealCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def _slow_heartbeats_down(self) -> None:
        state = StateDirectory(self.state)
        made = state.load()
        settings = msgspec.structs.replace(made.settings, heartbeat_s=HEARTBEAT_S)
        changed = msgspec.structs.replace(made, settings=settings)
        write_private(state.cluster_file, msgspec.json.encode(changed))

    @property
    def state_option(self) -> tuple[str, str]:
        return ("--state-dir", str(self.state))

    def node_directory(self, node: int) -> Path:
        return self.state / f"node-{node}"

    # Processes.

    def start(self, *nodes: int) -> None:
        """Start these, or all, without a prompt, and wait until they listen."""
        for node in nodes or self.nodes:
            words = [*NODE[1:], str(node), "--headless", *self.state_option]
            with open(os.devnull) as nothing, open(self.log(node), "ab") as log:
                files = (nothing.fileno(), log.fileno(), log.fileno())
                self._running[node] = ForkedProcess(words, files, None, environment())
            self._held.callback(self._running[node].end)
        for node in nodes or self.nodes:
            self._until_listening(node)

    def _until_listening(self, node: int) -> None:
        eventually(lambda: self.listens(node), f"node {node} listens", self._logs)

    def until_linked(self, *nodes: int) -> None:
        """Wait until the links between these nodes, or between all, are up at both ends."""
        linked = nodes or self.nodes
        for node in linked:
            self.until_reaches(node, *(other for other in linked if other != node))

    def until_reaches(self, node: int, *peers: int) -> None:
        """Wait until the node's links to these peers are up, and no others."""
        self.until(
            node,
            "printStatus",
            lambda status: (
                {peer["node"] for peer in status["peers"] if peer["link"] == "up"} == set(peers)
            ),
        )

    def listens(self, node: int) -> bool:
        with socket.socket() as probe:
            port = self.moved.get(node, self.port + node - 1)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def log(self, node: int) -> Path:
        """Where a node without a prompt says what goes wrong."""
        return self.directory / f"node-{node}.log"

    def signal(self, node: int, number: signal.Signals) -> None:
        os.kill(self._running[node].pid, number)

    def ended(self, node: int) -> int:
        """Wait until a node's process ended; its exit status, or minus the signal."""
        process = self._running[node]
        eventually(lambda: process.poll() is not None, f"node {node} ended", self._logs)
        self._drop_attached(node)
        assert process.returncode is not None
        return process.returncode

    def kill(self, *nodes: int) -> None:
        for node in nodes:
            self.signal(node, signal.SIGKILL)
        for node in nodes:
            assert self.ended(node) == -signal.SIGKILL

    def terminal(self, *command: str, **options: Any) -> Terminal:
        """Run a command with this state directory in a terminal."""
        if not self._terminals:
            self._held.callback(self.close_terminals)
        self._terminals.append(Terminal(*command, *self.state_option, **options))
        return self._terminals[-1]

    def close_terminals(self) -> None:
        """Close all that are open; what runs in them is killed."""
        while self._terminals:
            self._terminals.pop().close()

    # Commands.

    def attach(self, node: int, *lines: str, form: str = "json") -> Finished:
        """`benmo attach N -e LINE …`, run to its end."""
        flags = [flag for line in lines for flag in ("-e", line)]
        words = ("attach", str(node), *flags, "--format", form)
        return run(*BENMO, *words, *self.state_option)

    def ask(self, node: int, line: str) -> Any:
        """One command as `benmo attach` carries it out, over a connection that stays; its answer.

        Without a process for it: tests ask much.
        """
        if node not in self._attached:
            self._attached[node] = AttachedNode(StateDirectory(self.state), node, find_node)
            self._held.callback(self._drop_attached, node)
        rendered = outcome_of(self._attached[node], line, "json")
        if rendered.status is not Status.DONE:
            self._drop_attached(node)
        return json.loads(rendered.output)

    def until(self, node: int, line: str, wanted: Callable[[Any], object]) -> Any:
        """Ask until the answer is as wanted; that answer."""
        last: list[Any] = []

        def look() -> bool:
            last[:] = [self.ask(node, line)]
            return bool(wanted(last[0]))

        eventually(look, f"node {node}: {line}", lambda: f"{last}\n{self._logs()}")
        return last[0]

    def _drop_attached(self, node: int) -> None:
        attached = self._attached.pop(node, None)
        if attached is not None:
            attached.close()

    def _logs(self) -> str:
        logs = [(node, self.log(node)) for node in self.nodes if self.log(node).exists()]
        return "\n".join(f"node {node}: {log.read_text()}" for node, log in logs)
