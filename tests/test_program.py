"""The outermost handler of all programs: one line for a failure, a traceback for a bug."""

from __future__ import annotations

import errno
import signal
from collections.abc import Callable, Iterator

import click
import pytest

from benmo.errors import CannotStart, StateError
from benmo.program import exit_status


@pytest.fixture(autouse=True)
def _interrupts_are_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def raising(error: BaseException) -> Callable[[], object]:
    def work() -> object:
        raise error

    return work


def abort() -> None:
    """As click does at Ctrl-C."""
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt as error:
        raise click.Abort from error


NAMED = OSError(errno.EROFS, "Read-only file system", "state/node-1/lock")


@pytest.mark.parametrize(
    ("work", "status", "told"),
    [
        (lambda: None, 0, ""),
        (lambda: 2, 2, ""),
        (raising(SystemExit(3)), 3, ""),
        (raising(SystemExit("benmo: no")), 1, "benmo: no\n"),
        (raising(StateError("chain.jsonl is missing")), 1, "benmo: chain.jsonl is missing\n"),
        (raising(CannotStart("the port is in use")), 1, "benmo: the port is in use\n"),
        (raising(NAMED), 1, "benmo: state/node-1/lock: Read-only file system\n"),
        (raising(OSError("odd")), 1, "benmo: odd\n"),
        (raising(KeyboardInterrupt()), 130, "stopped\n"),
        (abort, 130, "stopped\n"),
        (raising(click.Abort()), 1, "Aborted!\n"),
    ],
)
def test_each_end_has_its_status_and_at_most_one_line(
    work: Callable[[], object], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status(work) == status
    assert capsys.readouterr().err == told


def test_what_is_not_understood_is_told_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(raising(click.UsageError("no such option"))) == 2
    assert "no such option" in capsys.readouterr().err


@pytest.mark.parametrize("bug", [AssertionError("A1"), ValueError("x"), KeyError(3)], ids=repr)
def test_a_bug_passes_so_that_python_shows_where_it_is(bug: Exception) -> None:
    with pytest.raises(type(bug)):
        exit_status(raising(bug))
