"""Puts the notices of several nodes into the order in which they happened.

Each node reports in order, but over a connection of its own: a promise may be heard here some
milliseconds before the campaign that asked for it. So each notice is held back for a moment.
"""

from __future__ import annotations

from collections import deque
from math import inf

from benmo.demo.board_entries import Guide, Heard

HOLD_S = 0.25


class NoticeOrder:
    """Holds notices and replies back for `HOLD_S`, and gives them out in the order of their `at`.

    A guide isn't held back, but stays after everything that was added before it. Pure: the time is
    an argument, in seconds.
    """

    def __init__(self) -> None:
        self._held: deque[tuple[float, Heard | Guide]] = deque()
        """Entries in the order in which they came, each after the latest time to give it out."""

    def add(self, entry: Heard | Guide, now: float) -> None:
        until = now if isinstance(entry, Guide) else now + HOLD_S
        self._held.append((until, entry))

    def wait_s(self, now: float) -> float:
        """Seconds until an entry is to be given out; infinite if none is held."""
        return max(0.0, self._held[0][0] - now) if self._held else inf

    def due(self, now: float) -> list[Heard | Guide]:
        """Take out the entries that were held for long enough, and what happened before them."""
        given: list[Heard | Guide] = []
        while self._held and self._held[0][0] <= now:
            entry = self._held[0][1]
            if isinstance(entry, Guide):
                self._held.popleft()
                given.append(entry)
            else:
                given += self._happened_until(now)
        return given

    def _happened_until(self, now: float) -> list[Heard]:
        """Take out what happened before the last entry that is due; a guide ends the search."""
        heard: list[tuple[float, Heard]] = []
        while self._held and not isinstance(entry := self._held[0][1], Guide):
            heard.append((self._held.popleft()[0], entry))
        latest = max(entry.at for until, entry in heard if until <= now)
        kept = [each for each in heard if each[1].at > latest]
        self._held.extendleft(reversed(kept))
        given = [entry for _, entry in heard if entry.at <= latest]
        return sorted(given, key=lambda entry: entry.at)
