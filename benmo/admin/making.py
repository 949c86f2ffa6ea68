"""Makes a cluster's state, in the place of an old one: all of the new or all of the old.

The new state is made whole inside the state directory, in `.benmo-new`. Only then, renames move the
old state into `.benmo-old` and the new one out of `.benmo-new`. `cluster.json` goes first and comes
last; no node starts without it. What a crash interrupts before the first rename leaves the old
cluster as it was. Later, `.benmo-old` without a `cluster.json` beside it tells the next run that a
wipe was agreed to and has begun; that run makes its cluster from the start. Once the new cluster is
in its place, `.benmo-old` becomes `.benmo-wiped`, which means nothing, and is removed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from benmo.admin.authority import Authority
from benmo.admin.founding import founded_ledger
from benmo.cluster import (
    TLS,
    Cluster,
    ClusterSettings,
    Founder,
    NodeAddress,
    StateDirectory,
    write_private,
)
from benmo.errors import Failure
from benmo.paxos.types import MemberId, NodeId
from benmo.storage.disk import RealDisk
from benmo.storage.lock import LOCK, DirectoryInUse, DirectoryLock
from benmo.storage.node_storage import CHECKPOINT, NodeStorage


def new_cluster(nodes: tuple[NodeAddress, ...], settings: ClusterSettings) -> Cluster:
    """A new cluster of these nodes, with an id that no other cluster has, and new members."""
    founders = tuple(Founder(each.node, each.host, each.port, new_member()) for each in nodes)
    return Cluster(new_cluster_id(), founders, settings)


def new_cluster_id() -> str:
    """Draw the id of a cluster, whose certificates no other cluster takes."""
    return uuid.uuid4().hex


def new_member() -> MemberId:
    """Draw the id of a member, for the one directory that is about to be made."""
    return secrets.token_hex(16)


@contextmanager
def no_node_running(directories: Iterable[Path]) -> Iterator[None]:
    """Keep nodes from starting in their directories, as long as the context lasts.

    Raises `Failure` if one runs, and `OSError`.
    """
    with ExitStack() as held:
        for path in directories:
            if (path / LOCK).exists() or (path / CHECKPOINT).exists():  # else none can start
                try:
                    held.callback(DirectoryLock(path).release)
                except DirectoryInUse as error:
                    raise Failure(f"{error.where}: stop the nodes first") from error
        yield


def make_anew(
    state: StateDirectory,
    cluster: Cluster,
    old: Iterable[Path] = (),
    write_members: Callable[[StateDirectory, Cluster, Authority], None] | None = None,
) -> None:
    """Write the state of a new cluster in the place of the `old` paths (see `Remains`).

    `write_members` writes the nodes' directories, by default those of the founders, with an empty
    chain. The caller must have made sure that no node runs here: see `no_node_running`. A directory
    that is there keeps its mode. Raises `Failure` if another program makes a cluster here;
    `OSError`.
    """
    _make_directory(state.path)
    with alone_in(state.path):
        if state.is_unfinished:
            _put_away(state, old)
            old = ()
        else:
            _remove_replaced(state)
        _make_beside(state, cluster, write_members or _write_founders)
        _replace(state, old)
        _remove_replaced(state)


def write_cluster(state: StateDirectory, cluster: Cluster) -> None:
    """Write `cluster.json`, as a whole or not at all."""
    document = msgspec.json.format(msgspec.json.encode(cluster), indent=2)
    write_private(state.changed_file, document + b"\n")
    state.changed_file.rename(state.cluster_file)
    RealDisk(state.path).sync_directory()


def _make_directory(path: Path) -> None:
    missing = [each for each in (path, *path.absolute().parents) if not each.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for made in missing:
        with suppress(PermissionError):  # a parent may be writable and not readable
            RealDisk(made.absolute().parent).sync_directory()


@contextmanager
def alone_in(directory: Path, what: str = "making a cluster") -> Iterator[None]:
    """Keep other programs from making a cluster or changing one here, as long as the context lasts.

    Raises `Failure`, which says that another is doing `what`.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Failure(f"{directory}: another program is {what} there") from error
        yield
    finally:
        os.close(descriptor)


def _remove_replaced(state: StateDirectory) -> None:
    """Remove an old cluster's state whose place is taken, or that a run before has left.

    It is renamed first: `.benmo-old` alone must never stand for a wipe that was agreed to.
    """
    if state.wiped.path.exists():
        shutil.rmtree(state.wiped.path)
    if state.replaced.path.exists():
        state.replaced.path.rename(state.wiped.path)
        RealDisk(state.path).sync_directory()
        shutil.rmtree(state.wiped.path)


def _make_beside(
    state: StateDirectory,
    cluster: Cluster,
    write_members: Callable[[StateDirectory, Cluster, Authority], None],
) -> None:
    """Make the new state whole, in a directory of its own; if that fails, leave none of it."""
    if state.begun.path.exists():
        shutil.rmtree(state.begun.path)
    try:
        _write(state.begun, cluster, write_members)
    except BaseException:
        shutil.rmtree(state.begun.path, ignore_errors=True)
        raise


def _write(
    state: StateDirectory,
    cluster: Cluster,
    write_members: Callable[[StateDirectory, Cluster, Authority], None],
) -> None:
    authority = Authority.make(cluster.cluster)
    for directory in (state.path, state.authority):
        directory.mkdir(mode=0o700)
    authority.write(state.authority)
    RealDisk(state.authority).sync_directory()
    write_members(state, cluster, authority)
    write_cluster(state, cluster)


def _write_founders(state: StateDirectory, cluster: Cluster, authority: Authority) -> None:
    for founder in cluster.nodes:
        path = state.node(founder.node)
        write_member(path, cluster, authority, founder.node, founder.member, founder.host)


def write_member(
    path: Path, cluster: Cluster, authority: Authority, node: NodeId, member: MemberId, host: str
) -> None:
    """Make a new member's directory, durably but for its name: certificates and an empty chain.

    Nothing may make a directory for a member that had one before.
    """
    disk, _ = begin_member(path, cluster, authority, node, member, host)
    disk.sync_directory()
    disk.close()


def begin_member(
    path: Path, cluster: Cluster, authority: Authority, node: NodeId, member: MemberId, host: str
) -> tuple[RealDisk, NodeStorage]:
    """As `write_member`; but the directory isn't durable yet, and its chain may be written to."""
    tls = path / TLS
    for directory in (path, tls):
        directory.mkdir(mode=0o700)
    authority.write_node(node, member, host, tls)
    RealDisk(tls).sync_directory()
    disk = RealDisk(path)
    founded = founded_ledger(cluster)
    return disk, NodeStorage.create(disk, cluster.cluster, node, member, founded)


def _replace(state: StateDirectory, old: Iterable[Path]) -> None:
    """Move the old state away, and the new one into its place."""
    state.replaced.path.mkdir(mode=0o700, exist_ok=True)
    _put_away(state, old)
    for path in list(state.begun.path.iterdir()):
        if path != state.begun.cluster_file:
            path.rename(state.path / path.name)
    disk = RealDisk(state.path)
    disk.sync_directory()
    state.begun.cluster_file.rename(state.cluster_file)
    state.begun.path.rmdir()
    disk.sync_directory()


def _put_away(state: StateDirectory, old: Iterable[Path]) -> None:
    """Move what is to be wiped into `.benmo-old`, in this order."""
    for path in old:
        away = state.replaced.path / path.name
        if away.is_dir():  # from a run that was interrupted
            shutil.rmtree(away)
        try:
            path.rename(away)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # A directory of a container's image can't be renamed, only removed.
            shutil.rmtree(path)
    RealDisk(state.path).sync_directory()
