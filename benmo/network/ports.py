"""TCP ports: which are free, and which process holds one, so that a node can say so."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

from benmo.ledger.visible_text import escaped

_LISTEN = "0A"
_FIRST_PORT = 10_000
_ENOUGH_PORTS = 1_000
"""Fewer ports than this below the ephemeral ones are too few to choose from."""
_PORTS = 65_536
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_EPHEMERAL_LOW = 32_768


def holder_of(port: int) -> str:
    """Name the process that listens on a port, as `/proc` has it, in words to end a text with.

    Empty if no process is found.
    """
    sockets = _listening_sockets(port)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if not sockets.isdisjoint(_open_files(process)):
                return f". Process {process.name} holds it: {_command_of(process)[:100]}"
    return "" if not sockets else ". A process of another user holds it"


def is_taken(host: str, port: int) -> bool:
    """Whether a process listens at an address of this machine; False at another machine's."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        return isinstance(error, OSError) and error.errno == errno.EADDRINUSE
    return False


def _command_of(process: Path) -> str:
    """A process's command line, in which what is no printable text is escaped."""
    words = (process / "cmdline").read_bytes().replace(b"\0", b" ").strip()
    return escaped(words.decode(errors="surrogateescape"))


def _open_files(process: Path) -> Iterator[str]:
    """Yield the files and sockets of a process, which may close any of them meanwhile."""
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
    """Find `count` consecutive ports of 127.0.0.1 that are free; the first of them."""
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
    """The ports with which `count` consecutive ports may begin.

    They lie below the ports that the system gives to outgoing connections: a node's port must be
    free when the node comes back. If hardly any ports lie there, all ports above 10,000 will do.
    """
    low = _ephemeral_low()
    end = low if low - _FIRST_PORT >= _ENOUGH_PORTS else _PORTS
    return range(_FIRST_PORT, end - count + 1)


def _ephemeral_low() -> int:
    """The first port of the range that the system gives to outgoing connections."""
    try:
        return int(_EPHEMERAL_RANGE.read_text().split()[0])
    except OSError:  # not Linux
        return _EPHEMERAL_LOW
