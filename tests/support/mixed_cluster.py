"""A cluster of three kinds of nodes: in this process, in their own, and played by the test.

A `MixedCluster` is a cluster's state in a directory, with what a test has started in it. Its nodes
keep their own clocks, and a machine that is busy with other work may stop a test for seconds. So
no silence counts in such a cluster, unless a test asks for a short `heartbeat_s`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner

from benmo.admin.initialize import main as initialize
from benmo.cluster import StateDirectory, write_private
from benmo.commands.answers import Rendered
from benmo.network.rights import Right
from benmo.node.control_server import ControlServer
from benmo.node.execute import execute
from benmo.node.service import Service
from benmo.paxos.types import NodeId
from tests.support.processes import DEADLINE_S, NODE, ROOT, eventually
from tests.support.scripted_peers import ScriptedPeer

UNHURRIED_S = 600.0
"""Heartbeats so far apart that no node takes a peer's silence for its end while a test lasts."""

INITIALIZE = (sys.executable, "-c", "from benmo.admin.initialize import main; main()")


class MixedCluster:
    """A cluster's state under `path`; leaving the `with` ends all that was started in it.

    `settings` are those of `cluster.json`.
    """

    def __init__(self, path: Path, nodes: int = 3, **settings: object) -> None:
        self._stack = ExitStack()
        self.state = StateDirectory(path / "state")
        arguments = ["--state-dir", str(self.state.path), "--nodes", str(nodes)]
        result = CliRunner().invoke(initialize, [*arguments, "--election-delay", "0"])
        assert result.exit_code == 0, result.output
        made = self.state.load()
        timing = {"heartbeat_s": UNHURRIED_S, "round_timeout_s": 1.0}
        founders = tuple(
            msgspec.structs.replace(each, port=self.free_port()) for each in made.nodes
        )
        chosen = msgspec.structs.replace(made.settings, **{**timing, **settings})
        self.definition = msgspec.structs.replace(made, nodes=founders, settings=chosen)
        write_private(self.state.cluster_file, msgspec.json.encode(self.definition))

    def __enter__(self) -> MixedCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def address(self, node: NodeId) -> tuple[str, int]:
        address = self.definition.address(node)
        return address.host, address.port

    def service(self, node: NodeId, state: StateDirectory | None = None) -> Service:
        """A started node in this process; of another member, if its directory is given."""
        failures: list[BaseException] = []
        service = Service(state or self.state, node, failures.append, ControlServer)

        def stop() -> None:
            service.stop()
            assert not failures, f"node {node} failed: {failures}"

        self._stack.callback(stop)
        service.start()
        return service

    def process(
        self, node: NodeId, *arguments: str, state: StateDirectory | None = None
    ) -> subprocess.Popen[str]:
        """A node in a process of its own, without a prompt, that takes commands."""
        state = state or self.state
        process = subprocess.Popen(
            [*NODE, str(node), "--headless", "--state-dir", str(state.path), *arguments],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(_end, process)
        address = state.load().address(node)
        eventually(lambda: _answers((address.host, address.port), process), f"node {node} answers")
        return process

    def ended(self, node: NodeId) -> tuple[int, str]:
        """Run a node until it ends by itself: its exit status, and what it said."""
        arguments = [*NODE, str(node), "--headless", "--state-dir", str(self.state.path)]
        ended = subprocess.run(
            arguments, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        return ended.returncode, ended.stderr

    def free_port(self) -> int:
        """A port of 127.0.0.1 that is kept from others until the end."""
        port: int = self._stack.enter_context(held_port()).getsockname()[1]
        return port

    def peer(self, node: NodeId, silence_counts: bool = False) -> ScriptedPeer:
        """A node that the test plays, listening at its address.

        `silence_counts` where the test is about a peer that says nothing; everywhere else a peer
        may be as slow as the machine makes it.
        """
        assert silence_counts or self.definition.settings.heartbeat_s >= UNHURRIED_S
        return self._stack.enter_context(ScriptedPeer(self.state, node))

    def keep(self, connection: socket.socket) -> None:
        """Close this connection at the end."""
        self._stack.enter_context(connection)


def _answers(address: tuple[str, int], process: subprocess.Popen[str]) -> bool:
    assert process.poll() is None, f"the node ended: {process.communicate()}"
    with suppress(OSError), socket.create_connection(address, DEADLINE_S):
        return True
    return False


def command(service: Service, line: str, output_format: str = "json") -> Rendered:
    """Carry a line out at a node of this process."""
    return service.call(execute(service, Right.COMMAND, line, output_format)).result(DEADLINE_S)


def answer(service: Service, line: str) -> Any:
    """The JSON of what a line is answered with."""
    return msgspec.json.decode(command(service, line).output)


def held_port() -> socket.socket:
    """A free port of 127.0.0.1, kept from others: a listener may still bind to it."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder


def run(
    arguments: tuple[str, ...], stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a program of Benmo's to its end, without a terminal."""
    return subprocess.run(
        arguments,
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
        env={**os.environ, **environment},
    )


def one_line(stderr: bytes) -> str:
    """The one line that it is to be."""
    text = stderr.decode()
    assert "Traceback" not in text
    assert text.count("\n") == 1, text
    return text


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()
