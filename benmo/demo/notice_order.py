"""What several nodes said, in the order in which it happened.

Each node tells in order, but over a connection of its own: that a node promised may be heard here
some milliseconds before that another one asked for it. So what is heard is held back for a moment.
"""

from __future__ import annotations

from collections import deque
from math import inf

from benmo.demo.board_entries import Guide, Heard

HOLD_S = 0.25


class NoticeOrder:
    """Holds entries back, and gives them out by when they happened: `at`.

    What the guide says stays after all that was heard before it. Pure: the time comes in, in
    seconds.
    """

    def __init__(self) -> None:
        self._held: deque[tuple[float, Heard | Guide]] = deque()
        """With when they are to be given out at the latest; in the order in which they came."""

    def add(self, entry: Heard | Guide, now: float) -> None:
        until = now if isinstance(entry, Guide) else now + HOLD_S
        self._held.append((until, entry))

    def wait_s(self, now: float) -> float:
        """How long until something is to be given out; infinite if nothing is held."""
        return max(0.0, self._held[0][0] - now) if self._held else inf

    def due(self, now: float) -> list[Heard | Guide]:
        """What has been held for long enough, and whatever happened before that."""
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
        """Up to the guide's next word."""
        heard: list[tuple[float, Heard]] = []
        while self._held and not isinstance(entry := self._held[0][1], Guide):
            heard.append((self._held.popleft()[0], entry))
        latest = max(entry.at for until, entry in heard if until <= now)
        kept = [each for each in heard if each[1].at > latest]
        self._held.extendleft(reversed(kept))
        given = [entry for _, entry in heard if entry.at <= latest]
        return sorted(given, key=lambda entry: entry.at)
