"""The board: shows notices in the order in which they happened, no faster than people read."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from math import inf
from queue import Empty, SimpleQueue

from benmo.commands.fitting import fitted, terminal_columns, wrapped
from benmo.demo.board_entries import BoardEntry, Guide, Heard, HeardNotice, NoticeSum, Reply
from benmo.demo.notice_order import NoticeOrder
from benmo.demo.pacer import Pacer
from benmo.notices import Notice
from benmo.paxos.notices import NoticeKind
from benmo.paxos.types import NodeId
from benmo.repl.gathered_links import GatheredLinks
from benmo.wording import sentence

_MINOR = (NoticeKind.PROMISED, NoticeKind.ACCEPTED, NoticeKind.LINK)
_COLOURS = ("36", "33", "35", "32", "34", "96", "93", "95", "92", "94")
_WARNING_COLOUR = "31"
_GUIDE_COLOUR = "1"
_GATHERED_MAX = 1000
_LOOK_EVERY_S = 0.5
_GUIDE_COLUMNS_MIN, _GUIDE_COLUMNS_MAX = 30, 88


class Style:
    """Turns entries into text: a notice begins with its node's number, in the node's colour."""

    def __init__(self, nodes: Sequence[NodeId], has_colour: bool) -> None:
        self._width = len(str(max(nodes))) + 1
        self._has_colour = has_colour

    def line(self, entry: BoardEntry) -> str:
        """An entry as text: one line for a notice or a sum, any number for a guide or a reply."""
        if isinstance(entry, Reply):
            return entry.text
        if isinstance(entry, Guide):
            return "\n".join(
                self._coloured(f"{'▶':>{self._width}}│ {line}", _GUIDE_COLOUR)
                for paragraph in entry.paragraphs
                for line in wrapped(paragraph, self._guide_columns())
            )
        text = entry.text if isinstance(entry, NoticeSum) else sentence(entry.notice)
        line = f"n{entry.node:<{self._width - 1}}│ {text}"
        indent = f"{'':{self._width}}│ "
        return self._coloured(fitted(line, terminal_columns(), indent), self._colour(entry))

    def _colour(self, entry: HeardNotice | NoticeSum) -> str:
        colour = _COLOURS[(entry.node - 1) % len(_COLOURS)]
        if isinstance(entry, NoticeSum) or entry.notice.kind in _MINOR:
            return f"2;{colour}"
        return _WARNING_COLOUR if entry.notice.kind is NoticeKind.WARNING else colour

    def _guide_columns(self) -> int:
        columns = shutil.get_terminal_size().columns - self._width - 2
        return max(_GUIDE_COLUMNS_MIN, min(_GUIDE_COLUMNS_MAX, columns))

    def _coloured(self, line: str, colour: str) -> str:
        return f"\x1b[{colour}m{line}\x1b[0m" if self._has_colour else line


class _LinkLines:
    """Joins each node's notices of links that change together; see `GatheredLinks`."""

    def __init__(self) -> None:
        self._links: dict[NodeId, GatheredLinks] = {}

    def add(self, entry: Heard | Guide, now: float) -> list[Heard | Guide]:
        """Take the next entry; returns those to show now. A guide or a reply is never held."""
        if isinstance(entry, HeardNotice):
            links = self._links.setdefault(entry.node, GatheredLinks())
            shown = links.add(entry.notice, now)
            return [HeardNotice(entry.node, notice, entry.at) for notice in shown]
        held = [(node, notice) for node, links in self._links.items() for notice in links.take()]
        return [*(HeardNotice(node, notice, now) for node, notice in held), entry]

    def due(self, now: float) -> list[HeardNotice]:
        return [
            HeardNotice(node, notice, now)
            for node, links in self._links.items()
            for notice in links.due(now)
        ]

    def wait_s(self, now: float) -> float:
        return min((links.wait_s(now) for links in self._links.values()), default=inf)


class Board:
    """Shows entries through `show`, in a thread of its own; any thread may add entries.

    An entry that is added before `open` or after `close` is dropped. While `is_quiet`, the nodes'
    notices are dropped, too.
    """

    def __init__(self, show: Callable[[str], None], style: Style) -> None:
        self.is_quiet = False
        self._show = show
        self._style = style
        self._added: SimpleQueue[Heard | Guide | None] = SimpleQueue()
        self._is_open = False

    def open(self) -> None:
        self._is_open = True
        threading.Thread(target=self._run, name="board", daemon=True).start()

    def close(self) -> None:
        self._is_open = False
        self._added.put(None)

    def tell(self, node: NodeId, notice: Notice, at: float) -> None:
        """Add a node's notice; `at` is when it happened, in seconds since 1970."""
        if not self.is_quiet:
            self._add(HeardNotice(node, notice, at))

    def guide(self, paragraphs: Iterable[str], on_shown: Callable[[], None]) -> None:
        """Add a guide after all notices so far; `on_shown` is called once the guide is shown."""
        self._add(Guide(tuple(paragraphs), on_shown))

    def reply(self, text: str) -> None:
        """Show a command's answer at its place among the notices; return once it is shown."""
        is_shown = threading.Event()
        self._add(Reply(text, time.time(), is_shown.set))
        while self._is_open and not is_shown.wait(_LOOK_EVERY_S):
            pass

    def _add(self, entry: Heard | Guide) -> None:
        if self._is_open:
            self._added.put(entry)

    def _run(self) -> None:
        order, links, pacer = NoticeOrder(), _LinkLines(), Pacer()
        while self._is_open:
            now = time.monotonic()
            wait_s = min(order.wait_s(now), links.wait_s(now), pacer.wait_s())
            for added in self._gather(None if wait_s == inf else wait_s):
                order.add(added, time.monotonic())
            now = time.monotonic()
            for entry in order.due(now):
                for each in links.add(entry, now):
                    pacer.add(each)
            for gathered in links.due(now):
                pacer.add(gathered)
            for shown in pacer.due(now):
                self._show(self._style.line(shown))
                if isinstance(shown, Guide | Reply):
                    shown.on_shown()

    def _gather(self, timeout_s: float | None) -> list[Heard | Guide]:
        """Wait for an entry; return that one and all others that have come, up to a limit."""
        gathered: list[Heard | Guide] = []
        with suppress(Empty):
            entry = self._added.get(timeout=timeout_s)
            while entry is not None:
                gathered.append(entry)
                if len(gathered) == _GATHERED_MAX:
                    break
                entry = self._added.get_nowait()
        return gathered
