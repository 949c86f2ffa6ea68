"""Connections that ask for nothing: what somebody gets who makes many, or holds one for long."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing, suppress

import pytest

from benmo.watch import server as page_server
from benmo.watch.opening import CONNECTIONS_MAX
from benmo.watch.server import PageServer
from tests.support.processes import DEADLINE_S, eventually
from tests.watch.server_client import HEADER, PageClient, answer, asked, host_of, live


def connected(server: PageServer, said: str = "") -> socket.socket:
    host, port = host_of(server).split(":")
    connection = socket.create_connection((host, int(port)), timeout=DEADLINE_S)
    with suppress(ConnectionError):  # it may be dropped already
        connection.sendall(said.encode())
    return connection


def got(connection: socket.socket) -> bytes:
    """What comes until the other end has dropped the connection."""
    found = b""
    with suppress(ConnectionError):
        while part := connection.recv(4096):
            found += part
    return found


def test_one_who_holds_many_connections_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 150, all but the newest are dropped without an answer; a page opens meanwhile."""
    monkeypatch.setattr(page_server, "OPENING_S", DEADLINE_S)
    server = PageServer(HEADER)
    server.start()
    with closing(server), ExitStack() as held:
        unfinished = asked(server)[:-2], live(server)[:-2], "GET / HT", ""
        many = [
            held.enter_context(closing(connected(server, unfinished[number % 4])))
            for number in range(150)
        ]
        for each in many[:-CONNECTIONS_MAX]:
            assert got(each) == b""
        assert server.pages_opening == CONNECTIONS_MAX
        with PageClient(server) as page:
            assert "header" in page.get()
            assert answer(server, asked(server))[0] == 200
            eventually(lambda: server.pages_opening < CONNECTIONS_MAX, "the answered one is gone")
            for _ in range(CONNECTIONS_MAX + 1):
                held.enter_context(closing(connected(server)))
            server.say(1, "node 1 is not running")
            assert page.get() == {"silent": {"1": "node 1 is not running"}}


def test_a_connection_that_asks_too_slowly_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_server, "OPENING_S", 0.1)
    server = PageServer(HEADER)
    server.start()
    with closing(server):
        for said in ("", "GET / HTTP/1.1\r\nHost: ", live(server)[:-2]):
            with closing(connected(server, said)) as connection:
                assert got(connection) == b""
        assert server.pages_opening == 0
