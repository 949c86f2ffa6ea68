"""Notices at the prompt: as they come, and of a burst no more than people can read."""

import re
import time
from collections.abc import Callable
from itertools import repeat
from types import SimpleNamespace

import pytest

from benmo.ledger.transfers import Transfer
from benmo.notices import TransferVoid
from benmo.paxos.notices import CaughtUp, LeaderLost, ReachabilityChanged
from benmo.repl.gathered_links import HOLD_S
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


def test_what_a_person_leads_to_is_printed_whole(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Links that come and go take nothing from what the protocol does."""
    printer = NoticePrinter(has_colour=False)
    for number in range(40):
        printer(ReachabilityChanged((2 + number % 2,), number % 4 < 2), 0.0)
    for notice in repeat(AGAIN, 100):
        printer(notice, 0.0)
    assert printed(capsys).count("caught up to height 7") == 100


def test_of_a_flood_the_rest_is_counted_by_kind(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    printer = NoticePrinter(has_colour=False)
    for notice in repeat(AGAIN, 140):
        printer(notice, 0.0)
    printer(LeaderLost(2), 0.0)
    assert printed(capsys) == ["caught up to height 7"] * 100
    ((delay_s, ring),) = clock.timers
    assert delay_s == 1.0
    ring()
    assert printed(capsys) == ["(left out: 40 caught up, 1 leading)"]


def test_a_flood_that_lasts_is_printed_slowly(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    printer = NoticePrinter(has_colour=False)
    for _ in range(10_000):
        clock.now += 0.001
        printer(AGAIN, 0.0)
    assert 150 <= len(printed(capsys)) <= 201


def test_what_is_refused_has_a_quota_of_its_own(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    printer = NoticePrinter(has_colour=False)
    for notice in repeat(AGAIN, 1000):
        printer(notice, 0.0)
    printed(capsys)
    for void in repeat(TransferVoid(1, Transfer(1, 2, 3, 5)), 40):
        printer(void, 0.0)
    assert printed(capsys) == ["refused 1-2 (5 from node 1 to node 3)"] * 40


def test_links_that_come_back_together_are_one_line(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    printer = NoticePrinter(has_colour=False)
    for peer in (4, 2, 3):
        printer(ReachabilityChanged((peer,), True), 0.0)
        clock.now += 0.1
    assert printed(capsys) == []
    clock.now += HOLD_S
    clock.timers[-1][1]()
    assert printed(capsys) == ["links to nodes 2, 3 and 4 are up"]


def test_a_link_is_told_before_what_comes_after_it(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    printer = NoticePrinter(has_colour=False)
    printer(ReachabilityChanged((2,), True), 0.0)
    printer(ReachabilityChanged((3,), False), 0.0)
    printer(AGAIN, 0.0)
    assert printed(capsys) == [
        "the link to node 2 is up",
        "node 3 is unreachable",
        "caught up to height 7",
    ]
    for _, ring in clock.timers:
        ring()
    assert printed(capsys) == []
