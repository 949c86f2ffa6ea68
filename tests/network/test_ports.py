"""Ports for a cluster that is made in passing."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benmo.network import ports
from benmo.network.ports import first_ports, free_ports
from tests.support import real_cluster
from tests.support.processes import end_process


@pytest.mark.parametrize(
    ("ephemeral", "begin"),
    [
        ("32768\t60999\n", range(10_000, 32_764)),
        ("11000\t60999\n", range(10_000, 10_996)),
        ("1024\t65535\n", range(10_000, 65_532)),
        ("10003\t60999\n", range(10_000, 65_532)),
        (None, range(10_000, 32_764)),
    ],
)
def test_they_are_none_that_a_dialling_process_may_be_given_if_there_are_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ephemeral: str | None, begin: range
) -> None:
    told = tmp_path / "ip_local_port_range"
    if ephemeral is not None:
        told.write_text(ephemeral)
    monkeypatch.setattr(ports, "_EPHEMERAL_RANGE", told)
    assert first_ports(5) == begin


def test_ports_that_somebody_listens_on_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with real_cluster.free_ports(4) as first, socket.create_server(("127.0.0.1", first + 1)):
        offered = iter([first, first + 1, first + 2])
        monkeypatch.setattr(ports, "Random", lambda: _Offers(offered))
        assert free_ports(2) == first + 2


def test_the_holder_of_a_port_is_named_whatever_its_command_line() -> None:
    program = "import socket; s = socket.create_server(('127.0.0.1', 0)); "
    program += "print(s.getsockname()[1], flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, b"\xe4\x1b[2J"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        told = ports.holder_of(int(process.stdout.readline()))
    finally:
        end_process(process)
    assert told.startswith(f". Process {process.pid} holds it: {sys.executable}")
    assert told.isprintable()


class _Offers:
    """Draws what it is told to."""

    def __init__(self, offered: Iterator[int]) -> None:
        self._offered = offered

    def choice(self, among: range) -> int:
        offer = next(self._offered)
        assert offer in among
        return offer
