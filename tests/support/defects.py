"""What the tests of the original's defects share: real nodes, and peers that a test plays.

A `World` is a cluster's state in a directory, with what a test has started in it: nodes in this
process (`Service`), nodes in processes of their own, and peers that the test itself plays.
"""

from __future__ import annotations

import os
import pty
import re
import select
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
from click.testing import CliRunner

import benmo
from benmo.admin.initialize import main as initialize
from benmo.cluster import NodeAddress, StateDirectory, write_private
from benmo.commands.answers import Rendered
from benmo.network.certificates import client_context, server_context
from benmo.network.frames import frame
from benmo.network.wire import decode_message, encode_message
from benmo.node.control_server import ControlServer
from benmo.node.execute import execute
from benmo.node.service import Service
from benmo.paxos.messages import Message
from benmo.paxos.types import NodeId

ROOT = Path(benmo.__file__).parents[1]
NODE = (sys.executable, "-m", "benmo.node")
INITIALIZE = (sys.executable, "-c", "from benmo.admin.initialize import main; main()")
BENMO = (sys.executable, "-c", "from benmo.cli import main; main()")
DEADLINE_S = 60.0


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition; a generous deadline tells a failure from a slow machine."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"never came true: {what}"
        time.sleep(0.01)


class World:
    """A cluster's state under `path`; leaving the `with` ends all that was started in it."""

    def __init__(self, path: Path, nodes: int = 3, **settings: object) -> None:
        self._stack = ExitStack()
        self.state = StateDirectory(path / "state")
        arguments = ["--state-dir", str(self.state.path), "--nodes", str(nodes)]
        result = CliRunner().invoke(initialize, [*arguments, "--election-delay", "0"])
        assert result.exit_code == 0, result.output
        made = self.state.load()
        quick: dict[str, object] = {"heartbeat_s": 0.3, "round_timeout_s": 1.0, **settings}
        addresses = tuple(
            NodeAddress(node, "127.0.0.1", self._stack.enter_context(held_port()).getsockname()[1])
            for node in made.ids
        )
        self.cluster = msgspec.structs.replace(
            made, nodes=addresses, settings=msgspec.structs.replace(made.settings, **quick)
        )
        write_private(self.state.cluster_file, msgspec.json.encode(self.cluster))

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def address(self, node: NodeId) -> tuple[str, int]:
        address = self.cluster.address(node)
        return address.host, address.port

    def service(self, node: NodeId) -> Service:
        """A started node in this process."""
        failures: list[BaseException] = []
        service = Service(self.state, node, failures.append)
        service.control = ControlServer

        def stop() -> None:
            service.stop()
            assert not failures, f"node {node} failed: {failures}"

        self._stack.callback(stop)
        service.start()
        return service

    def process(self, node: NodeId, *arguments: str) -> subprocess.Popen[str]:
        """A node in a process of its own, without a prompt, that takes commands."""
        process = subprocess.Popen(
            [*NODE, str(node), "--headless", "--state-dir", str(self.state.path), *arguments],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(_end, process)
        until(lambda: self._answers(node, process), f"node {node} answers")
        return process

    def peer(self, node: NodeId) -> RawPeer:
        """A node that the test plays, listening at its address."""
        return self._stack.enter_context(RawPeer(self, node))

    def keep(self, connection: socket.socket) -> None:
        """Close this connection at the end."""
        self._stack.enter_context(connection)

    def _answers(self, node: NodeId, process: subprocess.Popen[str]) -> bool:
        assert process.poll() is None, f"node {node} ended: {process.communicate()}"
        with suppress(OSError), socket.create_connection(self.address(node), DEADLINE_S):
            return True
        return False


def command(service: Service, line: str, output_format: str = "json") -> Rendered:
    """Carry a line out at a node of this process."""
    return service.call(execute(service, line, output_format)).result(DEADLINE_S)


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


class RawPeer:
    """A node played by the test: TLS under that node's certificate, whatever is said in it."""

    def __init__(self, world: World, node: NodeId) -> None:
        self.received: list[tuple[int, Message]] = []
        """The number of the connection, from 0, and what came on it."""
        self.lost: set[int] = set()
        """The connections that the other side has closed."""
        self.accepted = 0
        self._world = world
        tls = world.state.tls(node)
        self._server, self._client = server_context(tls), client_context(tls)
        self._listener = socket.create_server(world.address(node))
        self._connections: list[ssl.SSLSocket] = []
        self._threads = [Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *_: object) -> None:
        for open_socket in (self._listener, *self._connections):
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for open_socket in (self._listener, *self._connections):
            open_socket.close()

    @property
    def open(self) -> int:
        """How many connections to this peer are open."""
        return self.accepted - len(self.lost)

    def dial(self, node: NodeId) -> ssl.SSLSocket:
        """A connection on which this peer speaks to a node."""
        plain = socket.create_connection(self._world.address(node), DEADLINE_S)
        connection = self._client.wrap_socket(plain)
        self._world.keep(connection)
        return connection

    def messages(self, kind: type) -> list[Any]:
        return [message for _, message in self.received if isinstance(message, kind)]

    def _listen(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            with suppress(OSError):
                connection = self._server.wrap_socket(plain, server_side=True)
                self._connections.append(connection)
                self._threads.append(Thread(target=self._read, args=(connection, self.accepted)))
                self.accepted += 1
                self._threads[-1].start()

    def _read(self, connection: ssl.SSLSocket, number: int) -> None:
        with suppress(OSError), connection.makefile("rb") as file:
            while header := file.read(4):
                payload = file.read(int.from_bytes(header, "big"))
                self.received.append((number, decode_message(payload)))
        self.lost.add(number)


def say(connection: ssl.SSLSocket, *messages: Message) -> None:
    """Send messages as frames, all in one piece."""
    connection.sendall(b"".join(frame(encode_message(message)) for message in messages))


def is_closed_by_peer(connection: socket.socket) -> bool:
    """Wait until the other side closes; False if it only stays silent."""
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


class Terminal:
    """A program on a terminal, and what it has shown, without the escape sequences."""

    def __init__(self, arguments: tuple[str, ...]) -> None:
        self._own, others = pty.openpty()
        self._seen = b""
        self.process = subprocess.Popen(
            arguments,
            cwd=ROOT,
            stdin=others,
            stdout=others,
            stderr=others,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
        )
        os.close(others)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._own)

    @property
    def text(self) -> str:
        return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", self._seen).decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self._own, text.encode())

    def expect(self, text: str) -> None:
        try:
            until(lambda: text in self._shown(), f"{text!r} is shown")
        except AssertionError:
            raise AssertionError(f"{text!r} is not shown, but {self.text!r}") from None

    def wait(self) -> int:
        """The exit status."""
        until(lambda: (self._shown(), self.process.poll())[1] is not None, "it ends")
        return self.process.returncode

    def _shown(self) -> str:
        with suppress(OSError):
            while select.select([self._own], [], [], 0)[0]:
                self._seen += os.read(self._own, 65536)
        return self.text
