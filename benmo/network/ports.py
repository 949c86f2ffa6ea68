"""TCP ports: which are free, and who holds one: asked of `/proc`, to say why a node can't start."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

_LISTEN = "0A"
_FIRST_PORT = 10_000
_ENOUGH_PORTS = 1_000
_PORTS = 65_536
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_EPHEMERAL_LOW = 32_768


def holder_of(port: int) -> str:
    """Words about the process that listens on a port, to end a sentence with; empty if unknown."""
    sockets = _listening_sockets(port)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if not sockets.isdisjoint(_open_files(process)):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                return f". Process {process.name} holds it: {command[:100]}"
    return "" if not sockets else ". A process of another user holds it"


def _open_files(process: Path) -> Iterator[str]:
    """What a process has open; it may close one of them at any moment."""
    for link in (process / "fd").iterdir():
        with suppress(OSError):
            yield os.readlink(link)


def _listening_sockets(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found


def free_ports(count: int) -> int:
    """The first of so many consecutive ports that nobody listens on."""
    random = Random()
    while True:
        first = random.choice(first_ports(count))
        sockets = [socket.socket() for _ in range(count)]
        try:
            for offset, listener in enumerate(sockets):
                listener.bind(("127.0.0.1", first + offset))
            return first
        except OSError:
            continue
        finally:
            for listener in sockets:
                listener.close()


def first_ports(count: int) -> range:
    """Where so many ports in a row may begin.

    Below those that the system gives to whoever dials: a node's port must be free when it comes
    back. Where hardly any are left there, all will do.
    """
    low = _ephemeral_low()
    end = low if low - _FIRST_PORT >= _ENOUGH_PORTS else _PORTS
    return range(_FIRST_PORT, end - count + 1)


def _ephemeral_low() -> int:
    """The first port of the range that the system gives out of its own accord."""
    try:
        return int(_EPHEMERAL_RANGE.read_text().split()[0])
    except OSError:  # not Linux
        return _EPHEMERAL_LOW
