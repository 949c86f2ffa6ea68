"""A bar is shown where work takes over a second, on a terminal only."""

from __future__ import annotations

import io
import sys
import time

import pytest

from benmo.admin import progress
from benmo.admin.progress import Progress, Waiting

MEBIBYTE = 1 << 20


class Screen(io.StringIO):
    """A standard error that says whether it is a terminal."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


class Clock:
    """A time that stands still, until it is told to go on."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


def shown(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, took_s: float, is_wanted: bool = True
) -> str:
    """What is written while half of the work takes so long."""
    screen, clock = Screen(is_terminal), Clock()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.setenv("TERM", "xterm")
    with Progress("verifying", 2 * MEBIBYTE, is_wanted) as bar:
        clock.now_s += took_s
        bar.advance(MEBIBYTE)
    return screen.getvalue()


def test_long_work_shows_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, is_terminal=True, took_s=1.5)
    assert "verifying" in text and "50%" in text


@pytest.mark.parametrize(
    ("is_terminal", "took_s", "is_wanted"),
    [(True, 0.5, True), (False, 9.0, True), (True, 9.0, False)],
)
def test_no_bar_is_shown_for_short_work_or_elsewhere(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, took_s: float, is_wanted: bool
) -> None:
    assert shown(monkeypatch, is_terminal, took_s, is_wanted) == ""


def test_a_wait_shows_how_long_it_has_taken_and_claims_no_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen, clock = Screen(is_terminal=True), Clock()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.setenv("TERM", "xterm")
    clock.now_s = time.monotonic() - 75.0
    with Waiting("node 4: replace") as wait:
        clock.now_s += 75.0
        wait.show("node 1 asked to have it decided")
    text = screen.getvalue()
    assert "node 4: replace: node 1 asked to have it decided" in text and "0:01:" in text
    assert "%" not in text and "-:--" not in text
