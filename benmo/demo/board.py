"""The board: shows notices in the order in which they happened, no faster than people read."""

from __future__ import annotations

import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from math import inf
from queue import Empty, SimpleQueue

from benmo.commands.fitting import fitted, terminal_columns, wrapped
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
_GATHERED_MAX = 1000
_LOOK_EVERY_S = 0.5
_GUIDE_COLUMNS_MIN, _GUIDE_COLUMNS_MAX = 30, 88


class Pacer:
    """Says when each entry may be shown: a dozen at once, then eight a second.

    If more notices wait than can be shown in three seconds, the backlog is summed up, one line per
    node. Guides and replies cost nothing. Pure: the time is an argument, in seconds.
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
        """Take out the entries that may be shown now, in order; they count as shown."""
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
        """Seconds from the last `due` until the next entry may be shown; infinite if none waits."""
        return max(0.0, 1.0 - self._credit) / LINES_PER_S if self._backlog else inf


def _summed_up(backlog: Iterable[BoardEntry]) -> deque[BoardEntry]:
    """Replace notices by one sum per node, anew after each guide or reply.

    Guides and replies stay, and so do the first few notices of the kinds that matter most.
    """
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
        order, pacer = NoticeOrder(), Pacer()
        while self._is_open:
            wait_s = min(order.wait_s(time.monotonic()), pacer.wait_s())
            for added in self._gather(None if wait_s == inf else wait_s):
                order.add(added, time.monotonic())
            now = time.monotonic()
            for entry in order.due(now):
                pacer.add(entry)
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
