"""Requests that the page's server gets from strangers: what an attacker gets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from benmo.watch.open_page import HandsAnswer
from benmo.watch.server import PageServer
from tests.support.processes import DEADLINE_S
from tests.watch.server_client import HEADER, STRICT, answer, asked, host_of, live, token_of


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    made = PageServer(HEADER, hands=lambda _line: HandsAnswer("done", "by a stranger"))
    made.start()
    yield made
    made.close()


NOT_OURS = (0, 414, 431)
"""The statuses of what is no request to `websockets`, which answers them itself, or not at all."""

TRAVERSALS = [
    "/../server.py",
    "/modules/../../server.py",
    "/modules/%2e%2e/%2e%2e/server.py",
    "//etc/passwd",
    "/etc/passwd",
    "/modules/",
    "/style.css/",
    "/modules/app.js%00",
    "file:///etc/passwd",
    "*",
]


def test_an_attacker_gets_no_file_and_no_token(server: PageServer) -> None:
    own, token = host_of(server), token_of(server.address)
    port = own.partition(":")[2]
    gets = {
        asked(server, Host="evil.example"): 403,  # a name that leads to this machine
        asked(server, Host=f"evil.example:{port}"): 403,
        asked(server, Host="127.0.0.1"): 403,
        asked(server, Host=""): 403,
        asked(server).replace("\r\n\r\n", f"\r\nHost: {own}\r\n\r\n"): 403,
        asked(server, Host=f"localhost:{port}"): 200,
        **{asked(server, path): 404 for path in TRAVERSALS},
        asked(server, f"/?token={token}"): 404,
        asked(server, method="POST"): 405,
        asked(server, method="POST", Content_Length="0"): 405,
        asked(server, method="POST", Content_Length="5") + "crash": 0,  # closed without an answer
        asked(server, method="OPTIONS", Origin="http://evil.example"): 405,
        asked(server, method="CONNECT"): 405,
        asked(server, X_Long="a" * 20_000): 431,
        asked(server, f"/{'a' * 20_000}"): 414,
        "\x16\x03\x01 TLS\r\n\r\n": 0,
    }
    for request, status in gets.items():
        found = answer(server, request)
        assert found[0] == status, (request, found)
        assert "Access-Control-Allow-Origin" not in found[1]
        assert status in NOT_OURS or found[1].items() >= STRICT.items(), (request, found)
        for secret in server._gate.tokens:
            assert secret.encode() not in found[2]


def test_an_attacker_gets_no_record(server: PageServer) -> None:
    own, token = host_of(server), token_of(server.address)
    port = own.partition(":")[2]
    may_act = f"benmo.1, {token_of(server.hands_address)}"
    gets = {
        live(server): 101,
        live(server, Sec_WebSocket_Protocol=may_act): 101,
        live(server, Origin="http://evil.example", Sec_WebSocket_Protocol=may_act): 403,
        live(server, Origin=f"http://localhost:{port}"): 101,
        live(server, Host="evil.example", Origin="http://evil.example"): 403,
        live(server, Origin="http://evil.example"): 403,
        live(server, Origin=f"https://{own}"): 403,
        live(server, Origin="http://127.0.0.1"): 403,
        live(server, Origin=f"http://{own}.evil.example"): 403,
        live(server, Origin="null"): 403,
        live(server, Origin=""): 403,
        live(server, Sec_WebSocket_Protocol="benmo.1"): 401,
        live(server, Sec_WebSocket_Protocol=""): 401,
        live(server, Sec_WebSocket_Protocol=f"benmo.1, {token[:-1]}"): 401,
        live(server, Sec_WebSocket_Protocol=f"benmo.1, {token}a"): 401,
        live(server, Sec_WebSocket_Protocol="benmo.1, é"): 401,
        live(server, Sec_WebSocket_Protocol="benmo.1", Cookie=f"token={token}"): 401,
        live(server, f"/live?token={token}", Sec_WebSocket_Protocol="benmo.1"): 404,
        live(server, f"/live?token={token}"): 404,
        live(server).replace("GET", "POST", 1): 405,
    }
    for request, status in gets.items():
        if status == 101:
            assert b"101 Switching" in opened(server, request)
        else:
            found = answer(server, request)
            assert found[0] == status, (request, found)


def opened(server: PageServer, request: str) -> bytes:
    """What comes first of a connection that stays."""
    host, port = host_of(server).split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE_S) as sent:
        sent.sendall(request.encode())
        return sent.recv(4096)
