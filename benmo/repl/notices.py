"""Prints notices above the prompt as they come, but no more than people can read."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from math import inf
from typing import TextIO, cast

from prompt_toolkit.patch_stdout import StdoutProxy

from benmo.commands.fitting import fitted, terminal_columns
from benmo.notices import Notice
from benmo.paxos.notices import NoticeKind, ReachabilityChanged
from benmo.repl.gathered_links import HOLD_S, GatheredLinks
from benmo.wording import counted, sentence

_PRINT_EVERY_S = 0.03
"""The time for which printed text is gathered: prompt_toolkit draws the prompt anew each time.

Short enough to see a notice at once.
"""
_COUNT_EVERY_S = 1.0
"""The time, in seconds, after which the notices that were left out are counted."""
COLOURS = {
    NoticeKind.DECIDED: "32",
    NoticeKind.REFUSED: "31",
    NoticeKind.NO_QUORUM: "33",
    NoticeKind.WARNING: "31",
    NoticeKind.LEADER: "35",
    NoticeKind.PROPOSED: "35",
    NoticeKind.CAMPAIGN: "35",
    NoticeKind.LINK: "36",
    NoticeKind.CAUGHT_UP: "32",
}
DIM = "2"


@dataclass(slots=True)
class _Quota:
    """The lines of one rank that may be printed: `burst` at once, and `per_s` a second."""

    burst: float
    per_s: float
    left: float = field(init=False)
    counted_at: float = -inf

    def __post_init__(self) -> None:
        self.left = self.burst

    def admits(self, now: float) -> bool:
        earned = (now - self.counted_at) * self.per_s
        self.left, self.counted_at = min(self.burst, self.left + earned), now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class NoticePrinter:
    """Prints notices as they come; of a flood, it prints the first ones and counts the rest.

    Each rank has a quota of its own: what links do takes nothing from what the protocol does, of
    which more is printed than a person who types can lead to. Called in the asyncio loop from which
    the notices come.
    """

    _FIRST = (NoticeKind.REFUSED, NoticeKind.NO_QUORUM, NoticeKind.WARNING)

    def __init__(self, has_colour: bool) -> None:
        self._has_colour = has_colour
        self._first, self._protocol = _Quota(100, 10), _Quota(100, 10)
        self._links = _Quota(20, 2)
        self._gathered_links = GatheredLinks()
        self._left_out: Counter[NoticeKind] = Counter()

    def __call__(self, notice: Notice, _at: float) -> None:
        self._print_all(self._gathered_links.add(notice, time.monotonic()))
        if isinstance(notice, ReachabilityChanged):
            loop = asyncio.get_running_loop()
            loop.call_later(HOLD_S, self._print_held_links)

    def _print_held_links(self) -> None:
        self._print_all(self._gathered_links.due(time.monotonic()))

    def _print_all(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            if self._quota_of(notice.kind).admits(time.monotonic()):
                self._print(notice.kind, sentence(notice))
            else:
                self._leave_out(notice.kind)

    def _quota_of(self, kind: NoticeKind) -> _Quota:
        if kind in self._FIRST:
            return self._first
        return self._links if kind is NoticeKind.LINK else self._protocol

    def _leave_out(self, kind: NoticeKind) -> None:
        if not self._left_out:
            asyncio.get_running_loop().call_later(_COUNT_EVERY_S, self._tell_left_out)
        self._left_out[kind] += 1

    def _tell_left_out(self) -> None:
        """Print how many notices were left out since the last time."""
        self._print(NoticeKind.ACCEPTED, f"(left out: {counted(self._left_out)})")
        self._left_out.clear()

    def _print(self, kind: NoticeKind, text: str) -> None:
        at = time.strftime("%H:%M:%S ")
        line = fitted(f"{at}{text}", terminal_columns(), " " * len(at))
        colour = COLOURS.get(kind, DIM)
        print(f"\x1b[{colour}m{line}\x1b[0m" if self._has_colour else line)


@contextmanager
def above_prompt() -> Iterator[None]:
    """While in this context, print the output of all threads above the line that is being typed."""
    proxy = StdoutProxy(sleep_between_writes=_PRINT_EVERY_S, raw=True)
    out = cast(TextIO, proxy)
    with proxy, redirect_stdout(out), redirect_stderr(out):
        yield


def has_no_colour() -> bool:
    """Whether the user wants no colours: `NO_COLOR` is set."""
    return bool(os.environ.get("NO_COLOR"))
