"""Waits of a main thread that is to leave when a signal says so.

Python acts on a signal between two of its own steps. One that comes just before a wait begins is
seen only when that ends, so each wait here is made of short ones.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from math import inf
from typing import TypeVar

T = TypeVar("T")

LOOK_S = 0.5

_READ_BYTES = 1 << 16


class SignalReceived(SystemExit):
    """A signal ends what the main thread is doing, wherever that is.

    A `SystemExit`, since an event loop swallows what else is raised in it: the prompt's does.
    """


def result_of(future: Future[T], timeout_s: float = inf) -> T:
    """A future's result. Raises what it raises, and `TimeoutError` once the time (in s) is up.

    Waits for a byte, not for a lock: a signal that ends a wait for a lock may leave it locked.
    """
    end = time.monotonic() + timeout_s
    heard, told = socket.socketpair()

    def tell(_done: Future[T]) -> None:
        with suppress(OSError):  # nobody waits any more
            told.send(b"!")

    with heard, told:
        future.add_done_callback(tell)
        while not future.done():
            left_s = end - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            heard.settimeout(min(LOOK_S, left_s))
            with suppress(TimeoutError):
                heard.recv(1)
    return future.result()


def lines_of(descriptor: int) -> Iterator[bytes]:
    """The lines that come from a file, pipe or terminal, without their ends, as they come."""
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
