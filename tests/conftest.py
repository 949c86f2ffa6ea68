"""What holds for all tests."""

from __future__ import annotations

import gc
import signal


def pytest_configure() -> None:
    """Let signals end the programs under test, even where `&` or `nohup` started the tests.

    What is ignored here would be ignored there.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_finish() -> None:
    """Let Python's collector look at the tests themselves never, and for cycles as a node does."""
    gc.freeze()
    gc.set_threshold(20_000)
