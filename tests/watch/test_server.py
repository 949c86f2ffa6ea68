"""The server of the page: what a page gets, and what everybody else gets."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any, cast

import pytest
from msgspec.structs import replace
from websockets.exceptions import ConnectionClosed

from benmo.errors import CannotStart
from benmo.watch import open_page
from benmo.watch.open_page import UNDER_WAY_MAX, HandsAnswer, OpenPage
from benmo.watch.server import MESSAGE_BYTES_MAX, PAGES_MAX, PageServer
from tests.support.processes import DEADLINE_S, eventually
from tests.watch.server_client import (
    HEADER,
    STRICT,
    PageClient,
    answer,
    asked,
    host_of,
    note,
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
    assert headers.items() >= STRICT.items()
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


def test_one_who_may_watch_may_not_act(server: PageServer) -> None:
    DONE.clear()
    assert server.address != server.hands_address
    with PageClient(server, run=server.run, place=server.kept.end) as page:
        assert page.get()["act"] is False
        page.say({"id": 1, "line": "crashNode 3"})
        words = "from this page, one may watch and not act"
        assert page.get() == {"id": 1, "status": "refused", "text": words}
    assert DONE == []


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
        acting = pages.enter_context(PageClient(server, server.hands_address))
        assert acting.get()["act"] is True
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


class FullConnection:
    """The connection of a page that sends requests without end, and reads only the first answer."""

    def __init__(self) -> None:
        self.requests = 0
        self.sent = 0

    async def recv(self) -> str:
        await asyncio.sleep(0)
        if not self.sent:
            return '{"run": "", "place": 0}'
        self.requests += 1
        return f'{{"id": {self.requests}, "line": "ls"}}'

    async def send(self, _text: bytes, text: bool) -> None:
        assert text
        self.sent += 1
        if self.sent > 1:
            await asyncio.Future()


@pytest.mark.parametrize(
    ("may_act", "requests"), [(False, 1), (True, UNDER_WAY_MAX + 1)], ids=["watches", "acts"]
)
def test_of_a_page_that_reads_no_answers_no_further_request_is_read(
    server: PageServer, may_act: bool, requests: int
) -> None:
    connection = FullConnection()

    async def serve() -> None:
        page = asyncio.create_task(OpenPage(server, cast(Any, connection), may_act).serve())
        for _ in range(1_000):
            await asyncio.sleep(0)
        page.cancel()
        with suppress(asyncio.CancelledError):
            await page

    # Playwright may hold the loop of this thread.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, serve()).result()
    assert connection.requests == requests


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
