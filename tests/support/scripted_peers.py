"""Nodes that the test plays: they speak the wire protocol to a real node, and say what it says."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from threading import Lock, Thread
from typing import Any

from benmo.cluster import StateDirectory
from benmo.network.certificates import client_context, server_context
from benmo.network.frames import frame
from benmo.network.listening import decode_listens
from benmo.network.wire import decode_message, encode_message
from benmo.paxos.messages import Message
from benmo.paxos.types import NodeId
from tests.support.processes import DEADLINE_S, eventually

_LOOK_S = 0.05
"""How long a read waits at a time, before something may be said on its connection."""


class ScriptedPeer:
    """A node played by the test: TLS under that node's certificate, whatever is said in it."""

    def __init__(self, state: StateDirectory, node: NodeId) -> None:
        self.received: list[tuple[int, Message]] = []
        """The number of the connection, from 0, and what came on it."""
        self.lost: set[int] = set()
        """The connections that the other side has closed."""
        self.accepted = 0
        self._cluster = state.load()
        tls = state.tls(node)
        self._server, self._client = server_context(tls), client_context(tls)
        self._listener = socket.create_server(self._address(node))
        self._connections: list[ssl.SSLSocket] = []
        self._one_at_a_time = Lock()
        """OpenSSL's connections can't be read and written at the same time."""
        self._threads = [Thread(target=self._listen, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> ScriptedPeer:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()  # so that no connection is added any more
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
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
        connection = eventually(lambda: self._dialled(node), f"node {node} shakes hands")
        self._connections.append(connection)
        return connection

    def _dialled(self, node: NodeId) -> ssl.SSLSocket | None:
        """None if the test was stopped for longer than a handshake may take."""
        plain = socket.create_connection(self._address(node), DEADLINE_S)
        try:
            return self._client.wrap_socket(plain)
        except OSError:
            plain.close()
            return None

    def _address(self, node: NodeId) -> tuple[str, int]:
        address = self._cluster.address(node)
        return address.host, address.port

    def say_back(self, data: bytes) -> None:
        """Say something on each connection that is dialled to this peer, where it should listen."""
        for connection in list(self._connections):
            with suppress(OSError), self._one_at_a_time:
                if connection.server_side:
                    connection.sendall(data)

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
        connection.settimeout(_LOOK_S)
        unread = b""
        with suppress(OSError):
            while data := self._read_some(connection):
                unread += data
                while len(unread) >= (end := 4 + int.from_bytes(unread[:4], "big")) > 4:
                    payload, unread = unread[4:end], unread[end:]
                    if decode_listens(0, payload) is None:
                        self.received.append((number, decode_message(payload)))
        self.lost.add(number)

    def _read_some(self, connection: ssl.SSLSocket) -> bytes:
        while True:
            with suppress(TimeoutError), self._one_at_a_time:
                return connection.recv(1 << 16)
            time.sleep(0)  # whoever wants to say something has the lock now


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
