"""Ports for a cluster that is made in passing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from benmo import ports
from benmo.ports import ephemeral_low, free_ports
from tests.support import real_cluster


def test_they_are_none_that_a_dialling_process_may_be_given() -> None:
    for _ in range(200):
        first = free_ports(5)
        assert 1024 < first < first + 4 < ephemeral_low()


def test_ports_that_somebody_listens_on_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with real_cluster.free_ports(3) as first, ExitStack() as bound:
        bound.enter_context(socket.create_server(("127.0.0.1", first)))
        offered = iter([first - 1, first, first + 1])
        monkeypatch.setattr(ports, "Random", lambda: _Offers(offered))
        assert free_ports(2) == first + 1


class _Offers:
    """Draws what it is told to."""

    def __init__(self, offered: Iterator[int]) -> None:
        self._offered = offered

    def randrange(self, _first: int, _end: int) -> int:
        return next(self._offered)
