"""What somebody sends to a page's server, and what comes back."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from benmo.tape.records import Header
from benmo.tape.world_records import NoteRecord
from benmo.watch.gate import PROTOCOL
from benmo.watch.server import PageServer
from tests.support.processes import DEADLINE_S

HEADER = Header("trace", 1, "live", (1, 2, 3), "block")

STRICT = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What goes with every answer, besides the policy."""


def note(number: int, text: str = "", node: int = 3) -> NoteRecord:
    return NoteRecord(node=node, life=9, number=number, time=float(number), text=text)


def host_of(server: PageServer) -> str:
    return server.address.split("/")[2]


def token_of(address: str) -> str:
    return address.partition("#token=")[2]


def answer(server: PageServer, request: str) -> tuple[int, dict[str, str], bytes]:
    """Send bytes, and return the status, the headers and the rest; status 0 if nothing comes."""
    host, port = host_of(server).split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as sent:
        try:
            sent.sendall(request.encode())
            parts = []
            while part := sent.recv(65536):
                parts.append(part)
        except ConnectionError:
            pass
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    if not head:
        return 0, {}, b""
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split(" ")[1]), headers, body


def asked(server: PageServer, path: str = "/", method: str = "GET", **headers: str) -> str:
    """Make a request as a browser sends it; an empty header is left out."""
    sent = {"Host": host_of(server), **{name.replace("_", "-"): headers[name] for name in headers}}
    lines = [f"{name}: {value}" for name, value in sent.items() if value]
    return "\r\n".join((f"{method} {path} HTTP/1.1", *lines, "", ""))


def live(server: PageServer, path: str = "/live", **headers: str) -> str:
    """Make the request by which a page asks for the records, with its headers changed."""
    usual = {
        "Origin": f"http://{host_of(server)}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Protocol": f"{PROTOCOL}, {token_of(server.address)}",
    }
    return asked(server, path, **{**usual, **headers})


class PageClient:
    """A page, as far as its server can tell."""

    def __init__(self, server: PageServer, address: str = "", run: str = "", place: int = 0):
        made = connect(
            f"ws://{host_of(server)}/live",
            origin=Origin(f"http://{host_of(server)}"),
            subprotocols=[
                Subprotocol(PROTOCOL),
                Subprotocol(token_of(address or server.address)),
            ],
            compression=None,
            proxy=None,
            open_timeout=DEADLINE_S,
            close_timeout=DEADLINE_S,
            max_size=None,
        )
        self._held = ExitStack()
        self.connection: ClientConnection = self._held.enter_context(made)
        with suppress(ConnectionClosed):  # which `get` tells of
            self.say({"run": run, "place": place})

    def say(self, message: object) -> None:
        self.connection.send(json.dumps(message))

    def get(self) -> Any:
        """Wait for the next message."""
        return json.loads(self.connection.recv(timeout=DEADLINE_S))

    def until(self, place: int) -> list[Any]:
        """Return what comes up to the record before a place: records, and `missed` objects."""
        found: list[Any] = []
        at = 0
        while at < place:
            message = self.get()
            if isinstance(message, list):
                found += message
                at += len(message)
            elif "header" in message:
                at = message["place"]
            elif "missed" in message:
                found.append(message)
                at = message["place"]
        return found

    def __enter__(self) -> PageClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
