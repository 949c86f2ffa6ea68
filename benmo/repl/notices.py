"""Prints notices above the prompt as they come, but no more than people can read."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO, cast

from prompt_toolkit.patch_stdout import StdoutProxy

from benmo.commands.fitting import fitted, terminal_columns
from benmo.notices import Notice
from benmo.paxos.notices import NoticeKind
from benmo.wording import sentence

_PRINT_EVERY_S = 0.03
"""How long printed text is gathered, as prompt_toolkit draws the prompt anew each time.

Short enough to see a notice at once.
"""
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


class NoticePrinter:
    """Prints notices as they come; of a burst, it prints the first ones and counts the rest.

    Called in the asyncio loop from which the notices come.
    """

    _PER_SECOND_MAX = 25
    _ALWAYS = (NoticeKind.REFUSED, NoticeKind.NO_QUORUM, NoticeKind.WARNING)

    def __init__(self, has_colour: bool) -> None:
        self._has_colour = has_colour
        self._second = 0
        self._printed = 0
        self._left_out = 0

    def __call__(self, notice: Notice, _at: float) -> None:
        if self._admits(notice):
            self._print(notice.kind, sentence(notice))

    def _admits(self, notice: Notice) -> bool:
        now = time.monotonic()
        if int(now) != self._second:
            self._tell_left_out()
            self._second, self._printed = int(now), 0
        self._printed += 1
        if self._printed <= self._PER_SECOND_MAX or notice.kind in self._ALWAYS:
            return True
        self._left_out += 1
        if self._left_out == 1:
            loop = asyncio.get_running_loop()
            loop.call_later(self._second + 1 - now, self._tell_left_out)
        return False

    def _tell_left_out(self) -> None:
        """Print how many notices of the last second were left out, if any were."""
        if self._left_out:
            self._print(NoticeKind.ACCEPTED, f"({self._left_out} more notices left out)")
            self._left_out = 0

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
