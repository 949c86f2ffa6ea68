"""The event loop of threads that are Benmo's own: uvloop's, without one false alarm."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make an event loop for a thread.

    A TLS handshake that is cancelled, since a node or a client ends while it dials, makes uvloop
    report an error of its own, with a traceback. That is left out; all other errors are reported.
    """
    loop = uvloop.new_event_loop()
    loop.set_exception_handler(_on_exception)
    return loop


def _on_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    is_tls = context.get("message") == "Fatal error on SSL protocol"
    error = context.get("exception")
    if not (is_tls and isinstance(error, RuntimeError) and "handler is closed" in str(error)):
        loop.default_exception_handler(context)
