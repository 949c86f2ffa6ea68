"""The main thread's waits end when they should, and at a signal that didn't interrupt them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import Future

import pytest

from benmo.waiting import lines_of, result_of
from tests.support.processes import DEADLINE_S, environment

PROGRAM = """
import os, signal, threading
from concurrent.futures import Future
from benmo.waiting import lines_of, result_of

class Left(BaseException):
    pass

def leave(_signal, _frame):
    raise Left

signal.signal(signal.SIGTERM, leave)
begun = threading.Event()

def signal_to_another_thread():
    begun.wait()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threading.Thread(target=signal_to_another_thread).start()
try:
    threading.Timer(0.3, begun.set).start()
    {wait}
except Left:
    print("left")
"""
WAITS = ("result_of(Future())", "next(lines_of(os.pipe()[0]))")


@pytest.mark.parametrize("wait", WAITS)
def test_a_signal_that_does_not_interrupt_a_wait_is_acted_on_all_the_same(wait: str) -> None:
    """As one does not that comes just before it begins: here it comes to another thread."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(wait=wait)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env=environment(),
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "left\n"), ended


def test_a_result_that_is_there_or_comes_is_given() -> None:
    there: Future[int] = Future()
    there.set_result(1)
    assert result_of(there) == 1
    coming: Future[int] = Future()
    threading.Timer(0.01, coming.set_result, (2,)).start()
    assert result_of(coming, DEADLINE_S) == 2


def test_what_a_future_raises_is_raised_and_so_is_that_the_time_is_up() -> None:
    failed: Future[int] = Future()
    failed.set_exception(KeyError("why"))
    with pytest.raises(KeyError, match="why"):
        result_of(failed)
    with pytest.raises(TimeoutError):
        result_of(Future[int](), 0.01)


def test_lines_are_given_as_they_come_and_the_last_needs_no_end() -> None:
    reading, writing = os.pipe()
    lines = lines_of(reading)
    os.write(writing, b"one\ntw")
    assert next(lines) == b"one"
    os.write(writing, b"o\n\nthree")
    assert next(lines) == b"two"
    os.close(writing)
    assert list(lines) == [b"", b"three"]
    os.close(reading)
