"""Says when the board shows an entry, and sums up what is more than people can read."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from math import inf

from benmo.demo.board_entries import BoardEntry, Guide, Heard, HeardNotice, NoticeSum, Reply
from benmo.paxos.notices import NoticeKind
from benmo.paxos.types import NodeId

LINES_PER_S = 8.0
BURST_LINES = 12
WAITING_LINES_MAX = 120
"""More lines than a person's commands lead to: what five nodes say of half a dozen blocks."""
FLOOD_LINES_MAX = 24
_DRAIN_S = 1.5
_ALWAYS_MAX = 8
_ALWAYS = (NoticeKind.REFUSED, NoticeKind.NO_QUORUM, NoticeKind.WARNING)
_LINKS = (NoticeKind.LINK,)
_VOTES = (*_LINKS, NoticeKind.PROMISED, NoticeKind.ACCEPTED)
_ALL = tuple(NoticeKind)


class Pacer:
    """Says when each entry may be shown: a dozen at once, then eight a second, or faster.

    Faster, so that what a person's commands have led to is shown within a few seconds. Only if more
    waits than that is it summed up, one line per node: notices of links first, then of votes, then
    all. From then on, and until nothing waits any more, there are eight lines a second; and once
    all was summed up, less may wait. Guides and replies cost nothing. Pure: the time is an
    argument, in seconds.
    """

    def __init__(self) -> None:
        self._backlog: deque[BoardEntry] = deque()
        self._waiting = 0
        """Count the entries of the backlog that cost a line."""
        self._is_summed_up = False
        self._is_flooded = False
        self._credit = float(BURST_LINES)
        self._counted_at = -inf

    def add(self, entry: Heard | Guide) -> None:
        self._backlog.append(entry)
        self._waiting += _cost(entry)
        if self._waiting > (FLOOD_LINES_MAX if self._is_flooded else WAITING_LINES_MAX):
            self._sum_up()

    def due(self, now: float) -> list[BoardEntry]:
        """Take out the entries that may be shown now, in order; they count as shown."""
        earned = (now - self._counted_at) * self._lines_per_s
        self._credit = min(float(BURST_LINES), self._credit + earned)
        self._counted_at = now
        shown: list[BoardEntry] = []
        while self._backlog:
            cost = _cost(self._backlog[0])
            if self._credit < cost:
                break
            self._credit -= cost
            self._waiting -= cost
            shown.append(self._backlog.popleft())
        if not self._backlog:
            self._is_summed_up = self._is_flooded = False
        return shown

    def wait_s(self) -> float:
        """Seconds from the last `due` until the next entry may be shown; infinite if none waits."""
        return max(0.0, 1.0 - self._credit) / self._lines_per_s if self._backlog else inf

    @property
    def _lines_per_s(self) -> float:
        return LINES_PER_S if self._is_summed_up else max(LINES_PER_S, self._waiting / _DRAIN_S)

    def _sum_up(self) -> None:
        self._is_summed_up = True
        for kinds in (_ALL,) if self._is_flooded else (_LINKS, _VOTES, _ALL):
            self._backlog = _summed_up(self._backlog, kinds)
            self._waiting = sum(map(_cost, self._backlog))
            self._is_flooded = kinds is _ALL
            if self._waiting <= WAITING_LINES_MAX // 2:
                return


def _cost(entry: BoardEntry) -> int:
    return 0 if isinstance(entry, Guide | Reply) else 1


def _summed_up(backlog: Iterable[BoardEntry], kinds: Collection[NoticeKind]) -> deque[BoardEntry]:
    """Replace notices of these kinds by one sum per node, anew after each guide or reply.

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
        if isinstance(entry, HeardNotice) and entry.notice.kind not in kinds:
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
