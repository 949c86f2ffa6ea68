"""The ways to make a cluster, and all that can be told of the directory it is made in."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benmo.admin.addresses import addresses
from benmo.admin.making import make_anew, new_cluster
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.network.ports import free_ports
from benmo.paxos.step import PromiseRecord
from benmo.paxos.types import Ballot
from benmo.storage.disk import RealDisk
from tests.support.numbered_nodes import opened
from tests.support.processes import BENMO, Finished, run

Seen = dict[str, tuple[object, ...]]


# Root may do what it likes, unless it gave that up: capabilities 1, 2 and 3.
WITHOUT_PRIVILEGE = (
    sys.executable,
    "-c",
    "import ctypes, os, sys\n"
    "for capability in (1, 2, 3): ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])",
)


def seen(path: Path) -> Seen:
    """All that can be told of a file, or of a directory and what is in it."""
    found: Seen = {}
    for each in (path, *path.rglob("*")) if path.is_dir() and not path.is_symlink() else (path,):
        stat = each.lstat()
        content: object = None
        if each.is_symlink():
            content = os.readlink(each)
        elif each.is_file():
            content = each.read_bytes()
        found[str(each)] = (
            content,
            stat.st_mode,
            stat.st_uid,
            stat.st_gid,
            stat.st_mtime_ns,
            stat.st_ino,
            stat.st_nlink if each.is_file() else None,
        )
    return found


def fill(path: Path) -> None:
    """Put other people's things into a directory, with names and modes like these have."""
    path.mkdir(exist_ok=True)
    (path / "elsewhere").mkdir()
    for name, text, mode in (
        ("notes.txt", "mine", 0o604),
        ("node-red/flows.json", "[]", 0o644),
        ("node-03/data", "3", 0o640),
        ("node-x", "x", 0o600),
        ("elsewhere/file", "precious", 0o444),
        ("old.node-1/journal.jsonl", "{}", 0o666),
        ("cluster.json.bak", "{}", 0o600),
        (".hidden", "", 0o400),
    ):
        file = path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        os.utime(file, ns=(10**18, 10**18))
    (path / "node-red").chmod(0o751)
    (path / "link").symlink_to("elsewhere")
    os.link(path / "notes.txt", path / "node-red" / "hard")
    path.chmod(0o775)


def made(path: Path, used: bool = False) -> StateDirectory:
    """A cluster of three nodes; if used, one has promised something."""
    state = StateDirectory(path)
    make_anew(state, new_cluster(addresses(3, 9001), ClusterSettings()))
    if used:
        disk = RealDisk(state.node(1))
        storage, _ = opened(disk, state.load().cluster, 1)
        storage.append((PromiseRecord(Ballot(3, 2)),))
        storage.sync()
        disk.close()
    return state


def initialize(path: Path, *options: str) -> Finished:
    return run(*BENMO, "initialize", "--nodes=3", "--state-dir", str(path), *options)


def demo(path: Path, *options: str) -> Finished:
    port = f"--port={free_ports(3)}"
    command = (*BENMO, "demo", "--nodes=3", port, "--state-dir", str(path), "-e", "ls")
    return run(*command, *options)


WAYS: list[Callable[[Path], Finished]] = [
    initialize,
    lambda path: initialize(path, "--yes"),
    demo,
    lambda path: demo(path, "--fresh"),
]


every_way = pytest.mark.parametrize("way", WAYS, ids=["initialize", "--yes", "demo", "--fresh"])


def require_refused(finished: Finished, *parts: str) -> None:
    assert (finished.status, finished.out) == (1, ""), finished
    assert finished.err.count("\n") == 1, finished.err
    for part in (*parts, "--state-dir"):
        assert part in finished.err, finished.err
