"""One open page, as its server sees it: what it gets, how far it has read, what it asks for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import msgspec

from benmo.paxos.types import NodeId
from benmo.tape.records import Header
from benmo.watch.history import RecordsKept

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

STALLED_S = 30.0
"""The time limit of a page that reads nothing while its connection is full; then it is dropped."""
LINE_CHARACTERS_MAX = 4_000
UNDER_WAY_MAX = 8
"""The limit of one page's lines that are carried out at a time: some wait for the nodes."""
_BATCH_BYTES_MAX = 256 << 10
_BATCH_EVERY_S = 0.05
_OPENING_S = 10.0
_WRONG_MESSAGE = 1008
"""The code with which a page's connection is closed that sends what no page sends."""

_encoder = msgspec.json.Encoder()

T = TypeVar("T")


class HandsAnswer(NamedTuple):
    """The answer to a line that a viewer asked for, as a prompt would print it.

    `status` is `done` or `refused`, or another word for how it went.
    """

    status: str
    text: str


Hands = Callable[[str], HandsAnswer]


class PageSource(Protocol):
    """The server, as far as a page needs it."""

    header: Header
    run: str
    kept: RecordsKept
    silent: dict[NodeId, str]
    situation: object
    hands: Hands | None


class HavingRecords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first thing that a page sends: up to which place it has the records of a run."""

    run: str
    place: int


class HandsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line that a viewer asks for; the answer bears the same `id`."""

    id: int
    line: str


_having = msgspec.json.Decoder(HavingRecords)
_request = msgspec.json.Decoder(HandsRequest)


class _WrongMessage(Exception):
    """A page sent what no page sends."""


class _Stalled(Exception):
    """A page reads nothing any more."""


class OpenPage:
    """Serves one page. `news` is to be set when there is more for it."""

    def __init__(self, source: PageSource, connection: ServerConnection, may_act: bool) -> None:
        self._source = source
        self._connection = connection
        self.may_act = may_act
        self._place = 0
        self._under_way = 0
        self._run = ""
        self._situation: object = None
        """The situation that the page has."""
        self.news = asyncio.Event()
        self.is_silence_due = False
        """Whether the words of the nodes that aren't heard have changed."""

    async def serve(self) -> None:
        """Serve the page until it is closed, or misbehaves, or reads nothing any more."""
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - see `server`

        try:
            await self._begin()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write())
                tasks.create_task(self._read(tasks))
        except* ConnectionClosed:
            pass
        except* (_WrongMessage, TimeoutError) as errors:
            await self._connection.close(_WRONG_MESSAGE, str(errors.exceptions[0])[:100])
        except* _Stalled:
            self._connection.transport.abort()

    async def _begin(self) -> None:
        async with asyncio.timeout(_OPENING_S):
            having = await self._receive(_having)
        kept = self._source.kept
        is_same = having.run == self._source.run and 0 <= having.place <= kept.end
        await self._greet(having.place if is_same else kept.first, is_same)

    async def _greet(self, place: int, is_same: bool) -> None:
        self._place, self._run = place, self._source.run
        await self._send(self._hello(is_same))

    def _hello(self, is_same: bool) -> object:
        """Tell a page of what it is about to get.

        header  the first line of the trace
        run     the identity of this server's run, which the page shows if it connects again
        place   the place of the first record that will come
        end     the place of the first record that is no history
        is_on   whether the page has the records before it already; else it begins anew
        gone    how many records there were before the oldest that is kept
        act     whether the viewer may act
        silent  the nodes that aren't heard, and why
        """
        source = self._source
        self.is_silence_due = False
        return {
            "header": source.header,
            "run": source.run,
            "place": self._place,
            "end": source.kept.end,
            "is_on": is_same,
            "gone": source.kept.first,
            "act": self.may_act,
            "silent": source.silent,
        }

    async def _write(self) -> None:
        while True:
            await self._send_news()
            await self.news.wait()
            self.news.clear()
            await asyncio.sleep(_BATCH_EVERY_S)

    async def _send_news(self) -> None:
        if self._run != self._source.run:
            await self._greet(self._source.kept.first, is_same=False)
        kept, situation = self._source.kept, self._source.situation
        while self._place < kept.end:
            if self._place < kept.first:
                missed, self._place = kept.first - self._place, kept.first
                await self._send({"missed": missed, "place": self._place, "last": kept.last_gone})
            else:
                lines = kept.lines(self._place, _BATCH_BYTES_MAX)
                self._place += len(lines)
                await self._send_text(b"[" + b",".join(lines) + b"]")
        if self.is_silence_due:
            self.is_silence_due = False
            await self._send({"silent": self._source.silent})
        if self._situation is not situation:
            self._situation = situation
            await self._send({"situation": situation})

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        """Read requests; no further one before a refusal is sent, so that no answers pile up."""
        while True:
            request = await self._receive(_request)
            refusal = self._why_not(request.line)
            if refusal or self._source.hands is None:
                await self._answer(request, HandsAnswer("refused", refusal))
            else:
                self._under_way += 1
                tasks.create_task(self._carry_out(request, self._source.hands))

    def _why_not(self, line: str) -> str:
        """Say why a line isn't carried out; empty if it is."""
        if self._source.hands is None or not self.may_act:
            return "from this page, one may watch and not act"
        if len(line) > LINE_CHARACTERS_MAX or not line.isprintable():
            return "that is not a line"
        if self._under_way >= UNDER_WAY_MAX:
            return f"{UNDER_WAY_MAX} lines of this page are under way"
        return ""

    async def _carry_out(self, request: HandsRequest, hands: Hands) -> None:
        """Carry out a line, which is under way until its answer is sent."""
        try:
            await self._answer(request, await asyncio.wrap_future(_in_thread(hands, request.line)))
        finally:
            self._under_way -= 1

    async def _answer(self, request: HandsRequest, answer: HandsAnswer) -> None:
        await self._send({"id": request.id, "status": answer.status, "text": answer.text})

    async def _receive(self, decoder: msgspec.json.Decoder[T]) -> T:
        message = await self._connection.recv()
        try:
            return decoder.decode(message)
        except msgspec.MsgspecError as error:
            raise _WrongMessage(f"not understood: {error}") from error

    async def _send(self, message: object) -> None:
        await self._send_text(_encoder.encode(message))

    async def _send_text(self, text: bytes) -> None:
        try:
            async with asyncio.timeout(STALLED_S):
                await self._connection.send(text, text=True)
        except TimeoutError as error:
            raise _Stalled from error


def _in_thread(hands: Hands, line: str) -> Future[HandsAnswer]:
    """Have a line carried out in a thread that doesn't keep the process from ending."""
    answer: Future[HandsAnswer] = Future()

    def carry_out() -> None:
        if answer.set_running_or_notify_cancel():
            try:
                answer.set_result(hands(line))
            except BaseException as error:  # noqa: BLE001 - the page's task raises it
                answer.set_exception(error)

    threading.Thread(target=carry_out, name="hands", daemon=True).start()
    return answer
