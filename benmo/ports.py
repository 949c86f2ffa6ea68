"""Who holds a TCP port: asked of `/proc`, for the one line that says why a node can't start."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_LISTEN = "0A"


def holder_of(port: int) -> str:
    """Words about the process that listens on a port, to end a sentence with; empty if unknown."""
    sockets = _listening_sockets(port)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(os.readlink(link) in sockets for link in (process / "fd").iterdir()):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                return f". Process {process.name} holds it: {command[:100]}"
    return "" if not sockets else ". A process of another user holds it"


def _listening_sockets(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found
