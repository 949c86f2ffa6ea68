"""A worker: any number of threads ask, and one thing is done at a time."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from benmo.errors import Refused
from benmo.waiting import result_of
from benmo.worker import Worker
from tests.support.processes import DEADLINE_S, eventually

ASKING, EACH = 8, 50


def in_thread(work: Callable[[], Any]) -> Future[Any]:
    """Do this in a thread of its own; the future has what becomes of it."""
    outcome: Future[Any] = Future()

    def carry_out() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            outcome.set_exception(error)

    threading.Thread(target=carry_out, daemon=True).start()
    return outcome


class Endless:
    """Work that waits until it is interrupted."""

    def __init__(self) -> None:
        self.has_begun = threading.Event()
        self.has_ended = threading.Event()

    def __call__(self) -> None:
        self.has_begun.set()
        try:
            result_of(Future[None]())
        finally:
            self.has_ended.set()


def press_ctrl_c() -> None:
    """Interrupt the main thread once it waits: just before, its sockets would be left open."""
    main = threading.main_thread().ident or 0

    def waits() -> bool:
        frame = sys._current_frames()[main]
        return frame.f_code is result_of.__code__ and "left_s" in frame.f_locals

    eventually(waits, "the main thread waits")
    signal.pthread_kill(main, signal.SIGINT)


def test_what_several_threads_ask_for_is_done_one_after_the_other_in_one_thread() -> None:
    worker = Worker("the demo")
    inside: list[int] = []
    seen: set[tuple[int, ...]] = set()
    threads: set[int] = set()

    def work() -> None:
        inside.append(1)
        threads.add(threading.get_ident())
        result_of(in_thread(lambda: None))  # lets every other thread go on
        seen.add(tuple(inside))
        inside.pop()

    def ask() -> None:
        for _ in range(EACH):
            worker.do(work)

    for asked in [in_thread(ask) for _ in range(ASKING)]:
        asked.result(DEADLINE_S)
    assert seen == {(1,)}
    assert len(threads) == 1


def test_the_caller_gets_what_the_work_returns_or_raises_and_the_worker_goes_on() -> None:
    worker = Worker("the demo")
    with pytest.raises(ZeroDivisionError):
        worker.do(lambda: 1 // 0)
    assert worker.do(lambda: worker.do(lambda: 2)) == 2


def test_an_interrupt_ends_the_work_that_its_caller_waits_for() -> None:
    worker, endless = Worker("the demo"), Endless()

    def press_ctrl_c_once_it_has_begun() -> None:
        assert endless.has_begun.wait(DEADLINE_S)
        press_ctrl_c()

    in_thread(press_ctrl_c_once_it_has_begun)
    with pytest.raises(KeyboardInterrupt):
        worker.do(endless)
    assert endless.has_ended.wait(DEADLINE_S)
    assert worker.do(lambda: 3) == 3


def test_an_interrupt_also_ends_what_keeps_its_caller_waiting_and_nothing_after_that() -> None:
    worker, endless, done = Worker("the demo"), Endless(), threading.Event()
    others = in_thread(lambda: worker.do(endless))
    assert endless.has_begun.wait(DEADLINE_S)

    def press_ctrl_c_once_it_waits() -> None:
        eventually(lambda: worker._given.qsize() == 1, "the second waits")
        press_ctrl_c()

    in_thread(press_ctrl_c_once_it_waits)
    with pytest.raises(KeyboardInterrupt):
        worker.do(done.set)
    with pytest.raises(KeyboardInterrupt):
        others.result(DEADLINE_S)
    assert worker.do(lambda: 4) == 4
    assert not done.is_set(), "what was interrupted before it began was done all the same"


def test_the_last_work_interrupts_what_is_under_way_and_nothing_comes_after_it() -> None:
    worker, endless, done = Worker("the demo"), Endless(), threading.Event()
    first = in_thread(lambda: worker.do(endless))
    assert endless.has_begun.wait(DEADLINE_S)
    second = in_thread(lambda: worker.do(lambda: "too late"))
    eventually(lambda: worker._given.qsize() == 1, "the second waits")
    worker.end(done.set)
    assert done.is_set()
    with pytest.raises(KeyboardInterrupt):
        first.result(DEADLINE_S)
    for late in (second, in_thread(lambda: worker.do(lambda: "later"))):
        with pytest.raises(Refused, match="the demo ends"):
            late.result(DEADLINE_S)
