"""Notices at the prompt: as they come, and of a burst no more than people can read."""

import re
import time
from collections.abc import Callable
from itertools import repeat
from types import SimpleNamespace

import pytest

from benmo.paxos.step import Notice, NoticeKind
from benmo.repl.notices import NoticePrinter

STAMP = re.compile(r"^\d\d:\d\d:\d\d ", re.MULTILINE)
AGAIN = Notice(NoticeKind.ACCEPTED, "again")


class Clock:
    """Stands where it is put; timers ring when they are made to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.75
        self.timers: list[tuple[float, Callable[[], object]]] = []
        shown = SimpleNamespace(monotonic=lambda: self.now, strftime=time.strftime)
        monkeypatch.setattr("benmo.repl.notices.time", shown)
        loop = SimpleNamespace(call_later=lambda *timer: self.timers.append(timer))
        monkeypatch.setattr("benmo.repl.notices.asyncio.get_running_loop", lambda: loop)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give a quarter of a second before the second is over."""
    return Clock(monkeypatch)


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return STAMP.sub("", capsys.readouterr().out).splitlines()


def test_of_a_burst_the_rest_is_counted_when_the_second_is_over(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    printer = NoticePrinter(has_colour=False)
    for notice in repeat(AGAIN, 40):
        printer(notice)
    assert printed(capsys) == ["again"] * 25
    ((delay_s, ring),) = clock.timers
    assert delay_s == 0.25
    ring()
    assert printed(capsys) == ["(15 more notices left out)"]


def test_what_is_left_out_is_told_once_and_before_what_comes_later(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    printer = NoticePrinter(has_colour=False)
    for notice in repeat(AGAIN, 27):
        printer(notice)
    clock.now = 1001.0
    printer(AGAIN)
    assert printed(capsys)[25:] == ["(2 more notices left out)", "again"]
    clock.timers[0][1]()
    assert printed(capsys) == []


def test_what_is_refused_is_always_shown(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    printer = NoticePrinter(has_colour=False)
    for notice in repeat(Notice(NoticeKind.REFUSED, "refused"), 40):
        printer(notice)
    assert printed(capsys) == ["refused"] * 40
    assert clock.timers == []
