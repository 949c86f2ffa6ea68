"""Notices at the prompt: as they come, and of a burst no more than people can read."""

import re
import time
from collections.abc import Callable
from itertools import repeat
from types import SimpleNamespace

import pytest

from benmo.ledger.transfers import Transfer
from benmo.notices import TransferVoid
from benmo.paxos.notices import CaughtUp
from benmo.repl.notices import NoticePrinter

STAMP = re.compile(r"^\d\d:\d\d:\d\d ", re.MULTILINE)
AGAIN = CaughtUp(7)


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
        printer(notice, 0.0)
    assert printed(capsys) == ["caught up to height 7"] * 25
    ((delay_s, ring),) = clock.timers
    assert delay_s == 0.25
    ring()
    assert printed(capsys) == ["(15 more notices left out)"]


def test_what_is_left_out_is_told_once_and_before_what_comes_later(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    printer = NoticePrinter(has_colour=False)
    for notice in repeat(AGAIN, 27):
        printer(notice, 0.0)
    clock.now = 1001.0
    printer(AGAIN, 0.0)
    assert printed(capsys)[25:] == ["(2 more notices left out)", "caught up to height 7"]
    clock.timers[0][1]()
    assert printed(capsys) == []


def test_what_is_refused_is_always_shown(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    printer = NoticePrinter(has_colour=False)
    for notice in repeat(TransferVoid(1, Transfer(1, 2, 3, 5)), 40):
        printer(notice, 0.0)
    assert printed(capsys) == ["refused 1-2 (5 from node 1 to node 3)"] * 40
    assert clock.timers == []
