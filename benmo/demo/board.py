"""The nodes' notices: in the order in which they happened, no faster than people can read."""

from __future__ import annotations

import re
import shutil
import textwrap
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from math import inf
from queue import Empty, SimpleQueue

from benmo.demo.board_entries import BoardEntry, Guide, Heard, HeardNotice, NoticeSum, Reply
from benmo.demo.notice_order import NoticeOrder
from benmo.notices import Notice
from benmo.paxos.notices import NoticeKind
from benmo.paxos.types import NodeId
from benmo.wording import sentence

LINES_PER_S = 8.0
BURST_LINES = 12
BACKLOG_LINES_MAX = 24
_ALWAYS_MAX = 8
_ALWAYS = (NoticeKind.REFUSED, NoticeKind.NO_QUORUM, NoticeKind.WARNING)
_MINOR = (NoticeKind.PROMISED, NoticeKind.ACCEPTED, NoticeKind.LINK)
_COLOURS = ("36", "33", "35", "32", "34", "96", "93", "95", "92", "94")
_WARNING_COLOUR = "31"
_GUIDE_COLOUR = "1"
_BALLOT = re.compile(r"\((\d+), (\d+)\)")
_GATHERED_MAX = 1000
_LOOK_EVERY_S = 0.5
_GUIDE_COLUMNS_MIN, _GUIDE_COLUMNS_MAX = 30, 88


class Pacer:
    """What may be shown by when: a dozen lines at once, a steady stream of a few a second.

    Whatever waits longer than about three seconds would is summed up, a line per node. Pure: the
    time comes in, in seconds.
    """

    def __init__(self) -> None:
        self._backlog: deque[BoardEntry] = deque()
        self._credit = float(BURST_LINES)
        self._counted_at = -inf

    def add(self, entry: Heard | Guide) -> None:
        self._backlog.append(entry)
        waiting = sum(not isinstance(waits, Guide | Reply) for waits in self._backlog)
        if waiting > BACKLOG_LINES_MAX:
            self._backlog = _summed_up(self._backlog)

    def due(self, now: float) -> list[BoardEntry]:
        """What may be shown now, in order; it counts as shown."""
        earned = (now - self._counted_at) * LINES_PER_S
        self._credit = min(float(BURST_LINES), self._credit + earned)
        self._counted_at = now
        shown: list[BoardEntry] = []
        while self._backlog:
            costs = 0.0 if isinstance(self._backlog[0], Guide | Reply) else 1.0
            if self._credit < costs:
                break
            self._credit -= costs
            shown.append(self._backlog.popleft())
        return shown

    def wait_s(self) -> float:
        """How long until more may be shown, counted from the last `due`; infinite if none waits."""
        return max(0.0, 1.0 - self._credit) / LINES_PER_S if self._backlog else inf


def _summed_up(backlog: Iterable[BoardEntry]) -> deque[BoardEntry]:
    """A line per node for what stands between what the demo says; what matters most stays."""
    entries: deque[BoardEntry] = deque()
    sums: dict[NodeId, NoticeSum] = {}
    always = 0
    for entry in backlog:
        if isinstance(entry, Guide | Reply):
            sums = {}
            entries.append(entry)
            continue
        if isinstance(entry, HeardNotice) and entry.notice.kind in _ALWAYS and always < _ALWAYS_MAX:
            always += 1
            entries.append(entry)
            continue
        if entry.node not in sums:
            sums[entry.node] = NoticeSum(entry.node)
            entries.append(sums[entry.node])
        counts = entry.counts if isinstance(entry, NoticeSum) else {entry.notice.kind: 1}
        sums[entry.node].counts.update(counts)
    return entries


class Style:
    """How an entry looks: which node says it, in a colour of that node's own."""

    def __init__(self, nodes: Sequence[NodeId], has_colour: bool) -> None:
        self._width = len(str(max(nodes))) + 1
        self._has_colour = has_colour

    def line(self, entry: BoardEntry) -> str:
        """One line, or for what the demo says as many as there are."""
        if isinstance(entry, Reply):
            return entry.text
        if isinstance(entry, Guide):
            return "\n".join(
                self._coloured(f"{'▶':>{self._width}}│ {line}", _GUIDE_COLOUR)
                for paragraph in entry.paragraphs
                for line in _wrapped(paragraph, self._guide_columns())
            )
        text = entry.text if isinstance(entry, NoticeSum) else sentence(entry.notice)
        return self._coloured(f"n{entry.node:<{self._width - 1}}│ {text}", self._colour(entry))

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


def _wrapped(paragraph: str, columns: int) -> list[str]:
    """Lines of at most so many columns; a ballot stays in one."""
    whole = _BALLOT.sub("(\\1,\u00a0\\2)", paragraph)
    return [line.replace("\u00a0", " ") for line in textwrap.wrap(whole, columns)]


class Board:
    """Shows entries through `show`, in a thread of its own; may be told things by any thread.

    Until `open`, and after `close`, nothing is shown. `is_quiet` holds the nodes' notices back.
    """

    def __init__(self, show: Callable[[str], None], style: Style) -> None:
        self.is_quiet = False
        self._show = show
        self._style = style
        self._told: SimpleQueue[Heard | Guide | None] = SimpleQueue()
        self._is_open = False

    def open(self) -> None:
        self._is_open = True
        threading.Thread(target=self._run, name="board", daemon=True).start()

    def close(self) -> None:
        self._is_open = False
        self._told.put(None)

    def tell(self, node: NodeId, notice: Notice, at: float) -> None:
        if not self.is_quiet:
            self._add(HeardNotice(node, notice, at))

    def guide(self, paragraphs: Iterable[str], on_shown: Callable[[], None]) -> None:
        """Say this after what the nodes have said so far; `on_shown` is called once it is seen."""
        self._add(Guide(tuple(paragraphs), on_shown))

    def reply(self, text: str) -> None:
        """Show a command's answer at its place among the notices, and return once it is shown."""
        is_shown = threading.Event()
        self._add(Reply(text, time.time(), is_shown.set))
        while self._is_open and not is_shown.wait(_LOOK_EVERY_S):
            pass

    def _add(self, entry: Heard | Guide) -> None:
        if self._is_open:
            self._told.put(entry)

    def _run(self) -> None:
        order, pacer = NoticeOrder(), Pacer()
        while self._is_open:
            wait_s = min(order.wait_s(time.monotonic()), pacer.wait_s())
            for told in self._gather(None if wait_s == inf else wait_s):
                order.add(told, time.monotonic())
            now = time.monotonic()
            for entry in order.due(now):
                pacer.add(entry)
            for shown in pacer.due(now):
                self._show(self._style.line(shown))
                if isinstance(shown, Guide | Reply):
                    shown.on_shown()

    def _gather(self, timeout_s: float | None) -> list[Heard | Guide]:
        """Wait for something to be told; that, and what else there is already, up to a limit."""
        gathered: list[Heard | Guide] = []
        with suppress(Empty):
            told = self._told.get(timeout=timeout_s)
            while told is not None:
                gathered.append(told)
                if len(gathered) == _GATHERED_MAX:
                    break
                told = self._told.get_nowait()
        return gathered
