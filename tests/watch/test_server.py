"""The server of the page: what a page gets, and what everybody else gets."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from msgspec.structs import replace
from websockets.exceptions import ConnectionClosed

from benmo.errors import CannotStart
from benmo.watch import open_page
from benmo.watch.open_page import UNDER_WAY_MAX, HandsAnswer
from benmo.watch.server import MESSAGE_BYTES_MAX, PAGES_MAX, PageServer
from tests.support.processes import DEADLINE_S, eventually
from tests.watch.server_client import (
    HEADER,
    PageClient,
    answer,
    asked,
    host_of,
    live,
    note,
    token_of,
)

DONE: list[str] = []


def act(line: str) -> HandsAnswer:
    DONE.append(line)
    return HandsAnswer("done", f"{line}: done")


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    made = PageServer(HEADER, hands=act)
    made.start()
    yield made
    made.close()


# What a page gets.


def test_the_page_s_files_come_with_a_strict_policy(server: PageServer) -> None:
    status, headers, body = answer(server, asked(server))
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    found = re.search('<script type="importmap">(.+?)</script>', body.decode())
    assert found is not None
    digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
    assert headers["Content-Security-Policy"] == (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self'; "
        "connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'none'"
    )
    for name in json.loads(found[1])["imports"].values():
        status, headers, source = answer(server, asked(server, name))
        assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
        assert int(headers["Content-Length"]) == len(source)


def test_a_page_gets_what_was_recorded_and_then_what_comes(server: PageServer) -> None:
    first = server.kept.end
    server.put(note(first + 1, "early"))
    eventually(lambda: server.kept.end == first + 1, "the record is kept")
    with PageClient(server) as page:
        hello = page.get()
        assert hello["header"]["nodes"] == [1, 2, 3]
        assert (hello["place"], hello["is_on"], hello["act"]) == (0, False, False)
        assert page.get()[-1]["text"] == "early"
        server.put(note(first + 2, "late"))
        assert [each["text"] for each in page.get()] == ["late"]
    with PageClient(server, run=server.run, place=first + 1) as again:
        hello = again.get()
        assert (hello["place"], hello["is_on"]) == (first + 1, True)
        assert [each["text"] for each in again.get()] == ["late"]
    with PageClient(server, run="another", place=first + 1) as anew:
        assert anew.get()["place"] == 0


def test_a_page_is_told_which_nodes_are_not_heard_and_why(server: PageServer) -> None:
    server.say(2, "node 2 is not running")
    with PageClient(server, run=server.run, place=server.kept.end) as page:
        assert page.get()["silent"] == {"2": "node 2 is not running"}
        server.say(2, "")
        assert page.get() == {"silent": {}}


def test_one_who_may_act_acts_with_the_words_of_the_prompt(server: PageServer) -> None:
    DONE.clear()
    with PageClient(server, server.hands_address, server.run, server.kept.end) as page:
        assert page.get()["act"] is True
        page.say({"id": 4, "line": "crashNode 3"})
        assert page.get() == {"id": 4, "status": "done", "text": "crashNode 3: done"}
        page.say({"id": 5, "line": "crashNode 3\nexit"})
        assert page.get()["status"] == "refused"
    assert DONE == ["crashNode 3"]


def test_a_line_that_waits_keeps_no_other_line_of_its_page_waiting() -> None:
    goes_on = threading.Event()

    def hands(line: str) -> HandsAnswer:
        if line == "wait":
            goes_on.wait(DEADLINE_S)
        return HandsAnswer("done", line)

    server = PageServer(HEADER, hands=hands)
    server.start()
    try:
        with PageClient(server, server.hands_address) as page:
            page.get()
            for number in range(UNDER_WAY_MAX - 1):
                page.say({"id": number, "line": "wait"})
            page.say({"id": 10, "line": "ls"})
            assert page.get() == {"id": 10, "status": "done", "text": "ls"}
            page.say({"id": 11, "line": "wait"})
            page.say({"id": 12, "line": "ls"})
            words = f"{UNDER_WAY_MAX} lines of this page are under way"
            assert page.get() == {"id": 12, "status": "refused", "text": words}
            goes_on.set()
            assert page.get()["text"] == "wait"
    finally:
        goes_on.set()
        server.close()


def test_a_page_that_comes_too_late_is_told_how_much_is_gone() -> None:
    server = PageServer(HEADER, records_max=100)
    server.start()
    try:
        for number in range(1, 151):
            server.put(note(number))
        eventually(lambda: server.kept.end == 150, "the records are kept")
        with PageClient(server) as page:
            hello = page.get()
            assert hello["gone"] == hello["place"] == 55
            assert [each["n"] for each in page.get()] == list(range(56, 151))
    finally:
        server.close()
    with pytest.raises(OSError, match="refused"):
        answer(server, asked(server))


def test_another_run_takes_the_place_of_the_one_that_is_shown() -> None:
    server = PageServer(HEADER)
    server.start()
    try:
        server.put(note(1, "of the first run"))
        server.show({"place": 1})
        with PageClient(server) as page:
            first = page.get()
            assert page.get()[0]["text"] == "of the first run"
            assert page.get() == {"situation": {"place": 1}}
            server.begin(replace(HEADER, nodes=(1, 2, 3, 4, 5)), [note(1, "of the other")])
            server.show({"place": 2})
            hello = page.get()
            assert hello["header"]["nodes"] == [1, 2, 3, 4, 5]
            assert (hello["place"], hello["end"], hello["is_on"]) == (0, 1, False)
            assert hello["run"] != first["run"]
            assert [each["text"] for each in page.get()] == ["of the other"]
            assert page.get() == {"situation": {"place": 2}}
            server.put(note(2, "on"))
            assert [each["text"] for each in page.get()] == ["on"]
        with PageClient(server, run=first["run"], place=1) as late:
            assert (late.get()["is_on"], len(late.until(2))) == (False, 2)
    finally:
        server.close()


def test_a_port_that_is_taken_is_named(server: PageServer) -> None:
    port = int(host_of(server).partition(":")[2])
    second = PageServer(HEADER, port)
    with pytest.raises(CannotStart, match=f"127.0.0.1:{port}: Address already in use"):
        second.start()
    second.close()


# What everybody else gets.

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
        for secret in server._gate.tokens:
            assert secret.encode() not in found[2]


def test_an_attacker_gets_no_record(server: PageServer) -> None:
    own, token = host_of(server), token_of(server.address)
    port = own.partition(":")[2]
    gets = {
        live(server): 101,
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


def test_one_who_may_watch_may_not_act(server: PageServer) -> None:
    DONE.clear()
    with PageClient(server, run=server.run, place=server.kept.end) as page:
        page.get()
        page.say({"id": 1, "line": "crashNode 3"})
        words = "from this page, one may watch and not act"
        assert page.get() == {"id": 1, "status": "refused", "text": words}
    assert DONE == []


def test_nobody_acts_where_a_server_has_no_hands() -> None:
    server = PageServer(HEADER)
    server.start()
    with pytest.raises(KeyError):
        print(server.hands_address)
    server.close()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"id": 1, "line": "' + "a" * MESSAGE_BYTES_MAX + '"}', 1009),
        ("{", 1008),
        ('{"id": 1}', 1008),
        ('{"id": 1, "line": "help", "more": 2}', 1008),
        ("[" * 60_000, 1008),
    ],
)
def test_a_page_that_sends_what_no_page_sends_is_closed(
    server: PageServer, message: str, code: int
) -> None:
    with PageClient(server, run=server.run, place=server.kept.end) as page:
        page.get()
        page.connection.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            page.get()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code
    with PageClient(server) as other:
        assert "header" in other.get()


def test_the_ninth_page_is_told_that_there_are_eight(server: PageServer) -> None:
    eventually(lambda: server.pages_open == 0, "earlier pages are closed")
    with ExitStack() as pages:
        for _ in range(PAGES_MAX):
            pages.enter_context(PageClient(server)).get()
        ninth = pages.enter_context(PageClient(server))
        with pytest.raises(ConnectionClosed) as closed:
            ninth.get()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
            4008,
            "8 pages are open already",
        )
    eventually(lambda: server.pages_open == 0, "the pages are closed")
    with PageClient(server) as page:
        assert "header" in page.get()


def test_a_slow_reader_loses_records_and_is_told_which() -> None:
    server = PageServer(HEADER, records_max=1_000)
    server.start()
    count = 20_000  # of 1 KB: more than all buffers between them hold
    try:
        with PageClient(server) as page:
            hello = page.get()
            for number in range(1, count + 1):
                server.put(note(number, "a" * 1000))
            eventually(lambda: server.kept.end == count, "the records are kept")
            found = page.until(count)
        assert hello["place"] == 0
        numbers = [each["n"] for each in found if "n" in each]
        gaps = [each for each in found if "missed" in each]
        assert sum(each["missed"] for each in gaps) + len(numbers) == count
        assert gaps
        for gap in gaps:
            next_number = found[found.index(gap) + 1]["n"]
            assert gap["last"] == [[3, 9, next_number - 1]]
        assert numbers == sorted(set(numbers))
    finally:
        server.close()


def test_a_reader_that_reads_nothing_is_dropped(
    server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_page, "STALLED_S", 0.1)
    with PageClient(server, run=server.run, place=server.kept.end) as page:
        page.get()
        for number in range(20_000):
            server.put(note(number, "a" * 1000))
        eventually(lambda: server.pages_open == 0, "the page is dropped")
        with pytest.raises(ConnectionClosed):
            page.until(server.kept.end)
