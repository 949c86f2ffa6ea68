"""The event loop of threads that are Benmo's own: uvloop's, without its false alarms."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make an event loop for a thread.

    A TLS handshake that is cancelled, since a node or a client ends while it dials, makes uvloop
    report an error of its own, with a traceback; one that is cancelled just as the other end resets
    it leaves that to nobody. Both are left out; all other errors are reported.
    """
    loop = uvloop.new_event_loop()
    loop.set_exception_handler(_on_exception)
    return loop


def _on_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not _is_false_alarm(context.get("message"), context.get("exception")):
        loop.default_exception_handler(context)


def _is_false_alarm(message: str | None, error: BaseException | None) -> bool:
    match message:
        case "Fatal error on SSL protocol":
            return isinstance(error, RuntimeError) and "handler is closed" in str(error)
        case "Future exception was never retrieved":
            return isinstance(error, ConnectionResetError)
        case _:
            return False
