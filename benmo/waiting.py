"""Waits that something else can end: those of a main thread, a signal; another thread's, a future.

Python handles a signal between two of its own steps. A signal that comes just before a wait begins
is handled only when that wait ends, so each wait here is made of short ones.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from math import inf
from types import FrameType
from typing import TypeVar

T = TypeVar("T")
Handler = Callable[[int, FrameType | None], None]

LOOK_S = 0.5
"""The time limit of each of the short waits."""

_READ_BYTES = 1 << 16
_interruption: ContextVar[Future[None] | None] = ContextVar("interruption", default=None)


class SignalReceived(SystemExit):
    """Raised by a signal handler to end what the main thread is doing, wherever that is.

    It is a `SystemExit`, since the prompt's event loop swallows any other exception.
    """


def on_signals(numbers: Iterable[signal.Signals], handler: Handler) -> None:
    """Handle these signals, except those that this process was started to ignore, as by `nohup`."""
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


@contextmanager
def interruptible(interruption: Future[None]) -> Iterator[None]:
    """Let `result_of`, in this thread, raise `KeyboardInterrupt` once `interruption` is done.

    So does this context itself where it begins, if `interruption` is done by then.
    """
    token = _interruption.set(interruption)
    try:
        if interruption.done():
            raise KeyboardInterrupt
        yield
    finally:
        _interruption.reset(token)


def interrupt(interruption: Future[None]) -> None:
    """End the waits that are `interruptible` by this."""
    with suppress(InvalidStateError):  # it was interrupted already
        interruption.set_result(None)


def result_of(future: Future[T], timeout_s: float = inf) -> T:
    """Wait up to `timeout_s` for a future's result. Raises the future's error, or `TimeoutError`.

    Raises `KeyboardInterrupt` if the wait is interrupted: see `interruptible`.

    Waits for a byte, not for a lock: a signal that ends a wait for a lock may leave the lock held.
    """
    end = time.monotonic() + timeout_s
    receiving, sending = socket.socketpair()

    def wake(_done: object) -> None:
        with suppress(OSError):  # the wait is over, and the socket closed
            sending.send(b"!")

    interruption = _interruption.get()
    with receiving, sending:
        future.add_done_callback(wake)
        if interruption is not None:
            interruption.add_done_callback(wake)
        while not future.done():
            if interruption is not None and interruption.done():
                raise KeyboardInterrupt
            left_s = end - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            receiving.settimeout(min(LOOK_S, left_s))
            with suppress(TimeoutError):
                receiving.recv(1)
    return future.result()


def lines_of(descriptor: int) -> Iterator[bytes]:
    """Yield the lines of a file, pipe or terminal as they come, without their line ends."""
    rest = b""
    while data := _read(descriptor):
        *lines, rest = (rest + data).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _read(descriptor: int) -> bytes:
    while not select.select([descriptor], [], [], LOOK_S)[0]:
        pass
    return os.read(descriptor, _READ_BYTES)
