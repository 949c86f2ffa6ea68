"""Finds the remains of a cluster where a new one is to be made; nothing is written here.

All that a wipe would remove is looked at first: a wipe begins only if it can be brought to its end.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benmo.admin.ownership import OR_ELSEWHERE, holds_state, require_own
from benmo.cluster import StateDirectory
from benmo.errors import Failure, StateError
from benmo.storage.lock import LOCK
from benmo.storage.node_files import NodeFiles
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL

_MOUNTS = Path("/proc/self/mountinfo")
_NODE_FILE = re.compile(
    rf"({CHAIN}|{CHECKPOINT}|{JOURNAL}|keys\.sqlite|{LOCK}|history|tls)(\.new|-[a-z]+)?"
)


@dataclass(frozen=True, slots=True)
class Remains:
    """The remains of a cluster: all of it is Benmo's, and can be wiped."""

    paths: tuple[Path, ...] = ()
    """`cluster.json`, `ca/` and the nodes' directories, as far as they are there, in this order."""
    loss: str = ""
    """Say what a wipe would lose; empty if there is nothing to ask the user about."""
    is_elsewhere: bool = False
    """Whether something of the cluster is here, but no node's state: its nodes run elsewhere."""

    @classmethod
    def of(cls, state: StateDirectory) -> Remains:
        """Look at all that is in a directory.

        Raises `Failure` if the directory, or what would have to be wiped, isn't Benmo's or can't be
        wiped; and `OSError` if something can't be read.
        """
        paths = require_own(state)
        _require_removable(state, paths)
        if state.is_unfinished:
            return cls(paths)
        nodes = [_number(path) for path in state.node_directories()]
        is_elsewhere = bool(paths) and not any(map(holds_state, state.node_directories()))
        return cls(paths, _loss(state, nodes, is_elsewhere), is_elsewhere)


def openness(path: Path) -> str:
    """One line about a directory in which others may replace things; empty if nobody else may.

    That others may enter it is no harm: what Benmo makes in it is closed to them.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o022 and not mode & stat.S_ISVTX:
        return f"Others may replace what is in {path} (mode {mode:04o}): chmod go-w {path}"
    return ""


# Can it be wiped?


def _require_removable(state: StateDirectory, paths: Iterable[Path]) -> None:
    """Raises `Failure` if this user can't remove all of that, or if something is mounted in it."""
    if not state.path.is_dir():
        return
    _require_writable(state.path)
    mounted = _mount_points()
    for path in (*paths, state.begun.path, state.replaced.path, state.wiped.path):
        _require_not_mounted(path, mounted)
        _require_owner(state.path, path)
        if path.is_dir():
            for directory, _, _ in os.walk(path, onerror=_raise):
                _require_writable(Path(directory))


def _require_writable(directory: Path) -> None:
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK, effective_ids=_CAN_BE_EFFECTIVE):
        raise Failure(f"{directory} can't be changed by this user, or is on a read-only disk")


_CAN_BE_EFFECTIVE = os.access in os.supports_effective_ids


def _require_owner(parent: Path, path: Path) -> None:
    """Raises `Failure` if only the owner may remove what is in `parent`, and that is another."""
    if path.exists() and parent.stat().st_mode & stat.S_ISVTX:
        user = os.geteuid()
        if user not in (0, path.stat().st_uid, parent.stat().st_uid):
            raise Failure(f"{path} is another user's, and can't be wiped by this one")


def _require_not_mounted(path: Path, mounted: Iterable[str]) -> None:
    real = os.path.realpath(path)
    for point in mounted:
        if point == real or point.startswith(real + "/"):
            raise Failure(f"{point} is a mount point: unmount it, {OR_ELSEWHERE}")
    if os.path.ismount(path):
        raise Failure(f"{path} is a mount point: unmount it, {OR_ELSEWHERE}")


def _mount_points() -> list[str]:
    """All mount points, also those that `os.path.ismount` can't tell; none without `/proc`."""
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return []
    return [os.fsdecode(_unescaped(line.split()[4])) for line in lines]


def _unescaped(path: bytes) -> bytes:
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), path)


def _raise(error: OSError) -> None:
    raise error


# What would be lost?


def _loss(state: StateDirectory, nodes: list[int], is_elsewhere: bool) -> str:
    """Say in words what a wipe would lose; empty if the cluster here was never used."""
    return " and ".join((*_ledger_loss(state, nodes, is_elsewhere), *_others_loss(state, nodes)))


def _ledger_loss(state: StateDirectory, nodes: list[int], is_elsewhere: bool) -> Iterator[str]:
    if is_elsewhere:
        yield "what belongs to a cluster whose nodes are not here"
    elif nodes and not state.cluster_file.exists():
        yield f"the state of {count(len(nodes), 'node')}, without cluster.json"
    elif nodes:
        try:
            yield from _ledger(state, nodes)
        except (StateError, ValueError) as error:
            yield f"a state that can't be read ({error})"


def _ledger(state: StateDirectory, nodes: list[int]) -> Iterator[str]:
    cluster = state.load()
    height = waiting = promises = 0
    for node in filter(lambda node: holds_state(state.node(node)), nodes):
        files = NodeFiles(state.node(node), cluster.cluster, node, cluster.founders.ids)
        found = files.tail().state
        height = max(height, found.ledger.height)
        waiting += len(found.queue)
        promises += found.promised.round > 0
    if height or waiting:
        yield f"a chain of {count(height, 'block')} and {count(waiting, 'waiting transfer')}"
    elif promises:
        yield f"promises of {promises} nodes"
    if not all(holds_state(state.node(node)) for node in cluster.ids):
        yield "the keys of nodes that are not here"


def _others_loss(state: StateDirectory, nodes: list[int]) -> Iterator[str]:
    for node in nodes:
        for name in sorted(os.listdir(state.node(node))):
            if not _NODE_FILE.fullmatch(name):
                yield f"{state.node(node) / name}, which isn't Benmo's"
                return


def _number(path: Path) -> int:
    return int(path.name.removeprefix("node-"))


def count(number: int, thing: str) -> str:
    """A number of things, in words: "1 block", "2 blocks"."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
