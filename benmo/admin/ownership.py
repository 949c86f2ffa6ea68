"""Whose things lie in a directory where a cluster is to be made: Benmo's, or somebody else's.

Nothing is written here, and no link is followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from benmo.cluster import StateDirectory
from benmo.errors import Failure, StateError
from benmo.network.certificates import AUTHORITY, KEY
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL

OR_ELSEWHERE = "or choose another --state-dir"
_HARMLESS = {"lost+found", ".DS_Store", ".gitkeep", ".gitignore"}
"""Names that file systems and desktops make by themselves."""


def require_own(state: StateDirectory) -> tuple[Path, ...]:
    """Find a cluster's remains: `cluster.json`, `ca/` and all members' directories, in this order.

    Raises `Failure`, naming the first thing that is in the way, if the directory or one of these
    is not Benmo's; and `OSError` if something can't be read.
    """
    if not state.path.is_dir():
        if os.path.lexists(state.path):
            raise Failure(f"{state.path} is no directory: choose another --state-dir")
        return ()
    nodes = [*state.node_directories(), *state.other_member_directories()]
    passing = (state.begun.path, state.replaced.path, state.wiped.path, state.desk)
    directories = (state.authority, *nodes, *passing)
    for path in (state.cluster_file, state.changed_file):
        _require_kind(path, stat.S_ISREG, "file")
    for path in directories:
        _require_kind(path, stat.S_ISDIR, "directory")
    _require_clusters(state)
    _require_own_authority(state)
    for path in nodes:
        _require_node(state, path)
    remains = (state.cluster_file, state.authority, state.desk, *nodes)
    return tuple(path for path in remains if path.exists())


def holds_state(directory: Path) -> bool:
    """Whether a node's state is in a directory, and not only its key and certificates."""
    return any((directory / name).exists() for name in (CHECKPOINT, JOURNAL, CHAIN))


def _require_kind(path: Path, is_kind: Callable[[int], bool], kind: str) -> None:
    """Raises `Failure` if there is something that isn't of its kind, such as a link."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise Failure(
            f"{path} is a symbolic link, to {os.readlink(path)}: remove the link, {OR_ELSEWHERE}"
        )
    if not is_kind(mode):
        raise Failure(f"{path} is no {kind}: move it away, {OR_ELSEWHERE}")


def _require_clusters(state: StateDirectory) -> None:
    """Raises `Failure` if a directory holds other things, and no cluster that Benmo made."""
    if state.cluster_file.exists():
        _require_cluster_file(state)
    elif not state.is_unfinished:
        others = sorted(set(os.listdir(state.path)) - _names_beside(state) - _HARMLESS)
        if others:
            raise Failure(
                f"{state.path} holds no cluster, but other things, such as {others[0]}: "
                f"choose a new or an empty --state-dir"
            )


def _names_beside(state: StateDirectory) -> set[str]:
    """The names of what Benmo may have put into a directory, beside `cluster.json`."""
    files = (state.demo_history, state.changed_file, state.authority)
    passing = (state.begun, state.replaced, state.wiped)
    directories = (each.path for each in (*passing, *state.clients()))
    nodes = (*state.node_directories(), *state.other_member_directories(), state.desk)
    return {path.name for path in (*files, *directories, *nodes)}


def _require_cluster_file(state: StateDirectory) -> None:
    """Raises `Failure` if `cluster.json` is another program's, or belongs to a client."""
    if state.client_tls.exists():
        raise Failure(f"{state.path} is a client's directory: choose another --state-dir")
    if not (state.node_directories() or state.authority.exists()):
        try:
            state.load()
        except StateError as error:
            raise Failure(f"{error}. Move it away, {OR_ELSEWHERE}") from error


def _require_own_authority(state: StateDirectory) -> None:
    """Raises `Failure` unless `ca/` is the authority of the cluster here, and nothing else."""
    if not state.authority.exists():
        return
    names = set(os.listdir(state.authority))
    others = sorted(names - {KEY, AUTHORITY})
    if others:
        raise Failure(f"{state.authority / others[0]} isn't Benmo's: move it away, {OR_ELSEWHERE}")
    is_half = AUTHORITY not in names and state.is_unfinished
    if names and not is_half and not _is_own(state, state.authority / AUTHORITY):
        raise Failure(
            f"{state.authority} is not the authority of the cluster in {state.path}: "
            f"move it away, {OR_ELSEWHERE}"
        )


def _is_own(state: StateDirectory, authority: Path) -> bool:
    """Whether an authority is that of the cluster here; without a cluster, any of Benmo's."""
    from benmo.admin.authority import is_authority_of  # noqa: PLC0415 - takes a while to load

    if not authority.is_file():
        return False
    data = authority.read_bytes()
    clusters = []
    for place in (state, state.begun, state.replaced, state.wiped):
        with suppress(StateError):
            clusters.append(place.load().cluster)
    copies = [path / state.client_tls.name / AUTHORITY for path in state.node_directories()]
    if any(path.is_file() and path.read_bytes() == data for path in copies):
        return True
    if clusters:
        return any(is_authority_of(data, cluster) for cluster in clusters)
    return not copies and is_authority_of(data, "")


def _require_node(state: StateDirectory, path: Path) -> None:
    """Raises `Failure` if a directory that is named like a node's is somebody else's."""
    is_nodes = holds_state(path) or (path / state.client_tls.name / AUTHORITY).exists()
    is_benmos = is_nodes or not os.listdir(path)
    if not is_benmos and not state.is_unfinished:
        raise Failure(f"{path} holds no node of Benmo's: move it away, {OR_ELSEWHERE}")
