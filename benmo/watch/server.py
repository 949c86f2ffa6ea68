"""Serves the page, and hands it the records of a cluster as they come.

    server = PageServer(header)           # or with hands=…: then a page may act, too
    server.start()
    server.address                        # prints as http://127.0.0.1:49152/#token=…
    server.hands_address                  # the same, with the token of one who may act
    server.put(record)                    # from any thread, in the order of the trace
    server.begin(header, records)         # another run in place of this one, for all pages
    server.show(situation)                # what a page shows besides the records so far
    server.say(node, words)               # why a node isn't heard; "" once it is
    server.close()

Its thread and its loop are its own. A page connects to `/live`. What it sends and gets are JSON
texts; a list is a batch of records, an object anything else:

    page                                  server
     │  {"run": "", "place": 0}             │   what the page has already, if anything
     ├─────────────────────────────────────▶│
     │  {"header": …, "run": "9c…", …}      │   see `_hello`
     │◀─────────────────────────────────────┤
     │  [record, record, …]                 │   from then on, any number of
     │◀─────────────────────────────────────┤
     │  {"missed": 812, "last": [[3,…,…]]}  │   records that the page was too slow for
     │◀─────────────────────────────────────┤
     │  {"silent": {"5": "words"}}          │   the nodes that aren't heard, and why
     │◀─────────────────────────────────────┤
     │  {"situation": …}                    │   what `show` was given last
     │◀─────────────────────────────────────┤
     │  {"id": 1, "line": "crashNode 3"}    │   what its viewer asks for
     ├─────────────────────────────────────▶│
     │  {"id": 1, "status": …, "text": …}   │
     │◀─────────────────────────────────────┤

Connections on which no page is open yet are few, and short: see `benmo.watch.opening`.

Another run begins with another `header` message. A page that reads slowly is behind, and loses what
isn't kept any more; one that reads nothing for `STALLED_S` is dropped. Without `hands`, nothing
that a page sends has any effect.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from email.utils import formatdate
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from benmo.errors import CannotStart
from benmo.paxos.types import NodeId
from benmo.tape.records import AnyRecord, Header
from benmo.watch.gate import LIVE_PATH, PROTOCOL, Gate, PageRight
from benmo.watch.history import RECORDS_MAX, RecordsKept
from benmo.watch.open_page import Hands, OpenPage
from benmo.watch.served_files import ServedFile, ServedFiles

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

    from benmo.watch.opening import OpeningConnections

PAGES_MAX = 8
"""The limit of pages with the same right that are open at a time.

So many who watch keep nobody out who may act.
"""
MESSAGE_BYTES_MAX = 64 << 10
WRITE_BYTES_MAX = 1 << 20
"""The limit of what waits for a page to read it; further records wait in the history."""
LOOPBACK = "127.0.0.1"
HTTP_PORT = 80
"""The port that browsers leave out."""
_TOO_MANY_PAGES = 4008
"""The code with which the connection of one page too many is closed."""
OPENING_S = 10.0
"""The time that a connection has to ask for something."""
_CLOSE_S = 1.0


class NewRun(NamedTuple):
    """A run that takes the place of the one that was shown."""

    header: Header
    records: tuple[AnyRecord, ...]


class NewSituation(NamedTuple):
    """The things that pages show from now on, besides the records."""

    situation: object


class PageServer:
    """A server of the page, in a thread of its own.

    header       the first line of the trace; its nodes have their places in the page
    port         the port to listen at; 0 for any that is free
    host         the address to listen at. Any but the machine's own loopback lets others watch,
                 unencrypted, so nobody may act then
    hands        carries out a line that a viewer asks for, and returns its answer; called in a
                 thread of its own for each line. None if nobody may act
    records_max  how many records are kept for pages that open later
    """

    def __init__(
        self,
        header: Header,
        port: int = 0,
        *,
        host: str = LOOPBACK,
        hands: Hands | None = None,
        records_max: int = RECORDS_MAX,
    ) -> None:
        assert hands is None or host == LOOPBACK
        self.header = header
        self.run = secrets.token_hex(8)
        """Tells this server's places of records from another's."""
        self.kept = RecordsKept(records_max)
        self.silent: dict[NodeId, str] = {}
        """By node that isn't heard, the words that say why."""
        self.hands = hands
        self._host = host.lower()  # as browsers name it
        self._port = port
        self.situation: object = None
        """The things that pages show besides the records; None for nothing."""
        self._records_max = records_max
        self._arrived: deque[AnyRecord | NewRun | NewSituation] = deque()
        self._is_woken = False
        self._pages: set[OpenPage] = set()
        self._opening: OpeningConnections
        self._files = ServedFiles()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="page server", daemon=True)

    # For the thread that owns the server.

    def start(self) -> None:
        """Listen. Raises `CannotStart` if that can't be done."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        place = f"{self._host}:{self._port}" if self._port else self._host
        try:
            self._socket = socket.create_server((self._host, self._port), family=family)
        except OSError as error:
            why = str(error.strerror).partition(" (while")[0]
            raise CannotStart(f"the page can't be served at {place}: {why}") from error
        address, self._port, *_ = self._socket.getsockname()
        if ip_address(address).is_unspecified:
            self._socket.close()
            raise CannotStart(
                f"the page is served at one address of this machine: {self._host!r} stands for all"
            )
        names = (self._host, "localhost") if self._host == LOOPBACK else (self._host,)
        ports = (f":{self._port}", "") if self._port == HTTP_PORT else (f":{self._port}",)
        hosts = tuple(f"{_in_address(name)}{port}" for name in names for port in ports)
        self._gate = Gate(hosts, self.hands is not None)
        self._thread.start()

    @property
    def address(self) -> str:
        """The address at which a page watches; whoever has it may watch."""
        return self._address(PageRight.WATCH)

    @property
    def hands_address(self) -> str:
        """The address at which a page may act; only with `hands`."""
        return self._address(PageRight.ACT)

    @property
    def pages_open(self) -> int:
        """Count the pages that are open."""
        return len(self._pages)

    @property
    def pages_opening(self) -> int:
        """The number of connections on which no page is open yet."""
        return len(self._opening)

    def put(self, record: AnyRecord) -> None:
        """Hand a record on; from any thread, as long as only one does so."""
        self._arrive(record)

    def begin(self, header: Header, records: Sequence[AnyRecord]) -> None:
        """Let all pages begin anew with a run, which has come so far; from the thread of `put`."""
        self._arrive(NewRun(header, tuple(records)))

    def show(self, situation: object) -> None:
        """Show what goes with the records so far, for JSON, until the next; as `begin`."""
        self._arrive(NewSituation(situation))

    def _arrive(self, arrived: AnyRecord | NewRun | NewSituation) -> None:
        self._arrived.append(arrived)
        if not self._is_woken:
            self._is_woken = True
            self._call(self._take)

    def say(self, node: NodeId, words: str) -> None:
        """Say why a node isn't heard; empty words if it is. From any thread."""
        self._call(lambda: self._say(node, words))

    def close(self) -> None:
        """Close all pages, and listen no more."""
        if self._thread.ident is not None:
            self._call(self._stop.set)
            self._thread.join()
        self._loop.close()

    def _address(self, right: PageRight) -> str:
        return f"http://{_in_address(self._host)}:{self._port}/#token={self._gate.token(right)}"

    def _call(self, work: Callable[[], object]) -> None:
        """Let the server's loop do something, unless it has ended."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work)

    # In the server's own thread.

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        from websockets.asyncio.server import serve  # noqa: PLC0415 - 0.2 s, only where it serves
        from websockets.typing import Subprotocol  # noqa: PLC0415

        from benmo.watch.opening import OpeningConnections  # noqa: PLC0415

        self._opening = OpeningConnections()
        async with serve(
            self._open,
            sock=self._socket,
            process_request=self._answer,
            select_subprotocol=lambda _connection, _offered: Subprotocol(PROTOCOL),
            create_connection=self._opening.held_kind(),
            open_timeout=OPENING_S,
            compression=None,
            server_header=None,
            close_timeout=_CLOSE_S,
            max_size=MESSAGE_BYTES_MAX,
            max_queue=4,
            write_limit=WRITE_BYTES_MAX,
        ):
            await self._stop.wait()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request for a file, or one that gets nothing; None to go on to a WebSocket."""
        denial = self._gate.denial(request)
        if denial is not None:
            return self._response(connection, denial.status, text=denial.text)
        if request.path == LIVE_PATH:
            return None
        file = self._files.get(request.path)
        if file is None:
            return self._response(connection, HTTPStatus.NOT_FOUND, text="there is no such file")
        return self._response(connection, HTTPStatus.OK, file, has_body=request.method == "GET")

    def _response(
        self,
        connection: ServerConnection,
        status: HTTPStatus,
        file: ServedFile | None = None,
        text: str = "",
        has_body: bool = True,
    ) -> Response:
        response = connection.respond(status, f"{text}\n")
        if file is not None:
            response.body = file.body if has_body else b""
            response.headers.clear()
            response.headers["Date"] = formatdate(usegmt=True)
            response.headers["Connection"] = "close"
            response.headers["Content-Type"] = file.media_type
            response.headers["Content-Length"] = str(len(file.body))
        for name, value in self._files.headers.items():
            response.headers[name] = value
        return response

    async def _open(self, connection: ServerConnection) -> None:
        """Serve a page for as long as it is open."""
        self._opening.release(connection)
        assert connection.request is not None
        may_act = self._gate.right(connection.request) is PageRight.ACT
        if sum(page.may_act is may_act for page in self._pages) >= PAGES_MAX:
            await connection.close(_TOO_MANY_PAGES, f"{PAGES_MAX} pages are open already")
            return
        page = OpenPage(self, connection, may_act)
        self._pages.add(page)
        try:
            await page.serve()
        finally:
            self._pages.discard(page)

    def _take(self) -> None:
        """Take what has arrived, for all pages."""
        self._is_woken = False
        while self._arrived:
            match self._arrived.popleft():
                case NewRun(header, records):
                    self.header, self.run = header, secrets.token_hex(8)
                    self.kept = RecordsKept(self._records_max)
                    for record in records:
                        self.kept.add(record)
                case NewSituation(situation):
                    self.situation = situation
                case record:
                    self.kept.add(record)
        self._tell()

    def _say(self, node: NodeId, words: str) -> None:
        if words:
            self.silent[node] = words
        else:
            self.silent.pop(node, None)
        for page in self._pages:
            page.is_silence_due = True
        self._tell()

    def _tell(self) -> None:
        for page in self._pages:
            page.news.set()


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host
