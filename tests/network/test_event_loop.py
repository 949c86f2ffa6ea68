"""What the loops of Benmo's own threads report, and the false alarms that they don't."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from benmo.admin.authority import Authority
from benmo.network.certificates import client_context, server_context
from benmo.network.event_loop import new_event_loop
from benmo.paxos.membership import numbered_member

CLOSED = "unable to perform operation on <TCPTransport closed=True>; the handler is closed"


@pytest.mark.parametrize(
    ("message", "error", "is_reported"),
    [
        ("Fatal error on SSL protocol", RuntimeError(CLOSED), False),
        ("Fatal error on SSL protocol", RuntimeError("something else"), True),
        ("Fatal error on SSL protocol", ValueError(CLOSED), True),
        ("Fatal error on transport", RuntimeError(CLOSED), True),
        ("Task exception was never retrieved", RuntimeError(CLOSED), True),
        ("Future exception was never retrieved", ConnectionResetError(), False),
        ("Future exception was never retrieved", RuntimeError(CLOSED), True),
        ("Task exception was never retrieved", ConnectionResetError(), True),
    ],
)
def test_every_error_is_reported_but_that_of_a_handshake_that_was_cancelled(
    message: str, error: Exception, is_reported: bool, caplog: pytest.LogCaptureFixture
) -> None:
    loop = new_event_loop()
    loop.call_exception_handler({"message": message, "exception": error})
    loop.close()
    assert bool(caplog.records) == is_reported


def test_a_handshake_may_be_cancelled_at_any_moment(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Handshakes with a node that answers, cut off sooner or later."""
    Authority.make("c" * 32).write_node(1, numbered_member(1), "127.0.0.1", tmp_path)
    server, client = server_context(tmp_path), client_context(tmp_path)

    def answer(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                plain, _ = listening.accept()
                with suppress(OSError), plain, server.wrap_socket(plain, server_side=True) as found:
                    found.recv(1)

    async def cancelled(port: int, pause_s: float) -> None:
        loop = asyncio.get_running_loop()
        dialling = loop.create_task(
            loop.create_connection(
                asyncio.Protocol, "127.0.0.1", port, ssl=client, server_hostname=""
            )
        )
        await asyncio.sleep(pause_s)
        time.sleep(0.01)  # what the other end answers waits in the socket
        dialling.cancel()
        with suppress(asyncio.CancelledError):
            transport, _ = await dialling
            transport.abort()
        await asyncio.sleep(0.01)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=answer, args=(listening,), daemon=True)
        thread.start()
        loop = new_event_loop()
        for tenths in range(1, 60):
            loop.run_until_complete(cancelled(listening.getsockname()[1], tenths / 10_000))
        loop.close()
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert caplog.records == []
