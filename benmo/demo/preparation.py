"""Prepares the demo's cluster before any node starts: its state, its settings and its ports."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benmo.admin.addresses import addresses
from benmo.admin.making import make_anew, new_cluster, no_node_running, write_cluster
from benmo.admin.remains import Remains
from benmo.cluster import (
    Cluster,
    ClusterSettings,
    NodeAddress,
    StateDirectory,
    how_to_initialize,
)
from benmo.errors import CannotStart, Failure
from benmo.network.ports import holder_of
from benmo.paxos.types import Tenure

NODES = 5
BALANCE = 100
PORT = 9001
ELECTION_DELAY_S = (2.0, 6.0)
"""Seconds: short enough to wait for, long enough to follow what happens."""

_NEXT_RANGE = 100


@dataclass(frozen=True, slots=True)
class ClusterWishes:
    """The options about the cluster; None for each that wasn't given."""

    fresh: bool = False
    nodes: int | None = None
    balance: int | None = None
    port: int | None = None
    election_delay_s: tuple[float, float] | None = None
    tenure: Tenure | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A cluster whose nodes may start now."""

    cluster: Cluster
    is_new: bool


Offer = Callable[[str, int], bool]
"""Asks the user whether the nodes may use other ports, and returns the answer.

Called with what is wrong with the cluster's own ports, and the first of a range of free ones.
Raises `CannotStart` where there is no user to ask.
"""


def prepare(state: StateDirectory, wishes: ClusterWishes, offer: Offer) -> Prepared:
    """Make a cluster, or keep the existing one, with the settings that are wished for.

    Nothing is wiped or written if a node runs there or the ports aren't free. Raises `CannotStart`;
    `StateError` if files of the existing cluster are damaged or missing; `Failure` if the directory
    isn't Benmo's, or holds what can't be wiped; and `click.UsageError` for
    a number of nodes, or ports, that can't be.
    """
    is_new = wishes.fresh or not state.cluster_file.exists()
    with _told_as_failures(state):
        remains = _wipeable(state, wishes.fresh) if is_new else Remains()
        nodes = state.node_directories() if is_new else map(state.node, state.load().ids)
        with _nodes_locked_out(nodes):
            cluster = _with_free_ports(_new(wishes) if is_new else _kept(state, wishes), offer)
            if is_new:
                make_anew(state, cluster, remains.paths)
            elif cluster != state.load():
                write_cluster(state, cluster)
    return Prepared(cluster, is_new)


@contextmanager
def _told_as_failures(state: StateDirectory) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotStart(f"{error.filename or state.path}: {error.strerror}") from error


def _wipeable(state: StateDirectory, fresh: bool) -> Remains:
    """Find what a new cluster takes the place of. Raises `Failure` if it may not be wiped."""
    remains = Remains.of(state)
    if remains.is_elsewhere:
        raise CannotStart(
            f"{state.path} holds {remains.loss}: choose another --state-dir. "
            f"{how_to_initialize()} --yes would wipe that"
        )
    if remains.loss and not fresh:
        raise CannotStart(
            f"{state.cluster_file} is missing, but there are nodes beside it: --fresh wipes them "
            f"and makes a new cluster"
        )
    return remains


@contextmanager
def _nodes_locked_out(directories: Iterable[Path]) -> Iterator[None]:
    """Keep nodes from starting in their directories, as long as the context lasts.

    Raises `CannotStart` if one runs already, in another demo or by itself.
    """
    with ExitStack() as held:
        try:
            held.enter_context(no_node_running(directories))
        except Failure as error:
            raise CannotStart(
                f"{error}. A demo runs there already, or nodes do: end them, or run another demo "
                f"beside them with a --state-dir and a --port of its own"
            ) from error
        yield


def _new(wishes: ClusterWishes) -> Cluster:
    settings = ClusterSettings(
        balance=BALANCE if wishes.balance is None else wishes.balance,
        election_delay_s=wishes.election_delay_s or ELECTION_DELAY_S,
        tenure=wishes.tenure or Tenure.BLOCK,
    )
    return new_cluster(addresses(wishes.nodes or NODES, wishes.port or PORT), settings)


def _kept(state: StateDirectory, wishes: ClusterWishes) -> Cluster:
    cluster = state.load()
    if not any(state.node(node).is_dir() for node in cluster.ids):
        state.load_node(cluster.ids[0])  # which says what is missing
    _require_same(state, "nodes", wishes.nodes, len(cluster.ids))
    _require_same(state, "balance", wishes.balance, cluster.settings.balance)
    settings = msgspec.structs.replace(
        cluster.settings,
        election_delay_s=wishes.election_delay_s or cluster.settings.election_delay_s,
        tenure=wishes.tenure or cluster.settings.tenure,
    )
    cluster = msgspec.structs.replace(cluster, settings=settings)
    return cluster if wishes.port is None else _moved(cluster, wishes.port)


def _require_same(state: StateDirectory, option: str, wished: int | None, found: int) -> None:
    if wished is not None and wished != found:
        raise CannotStart(
            f"{state.path} holds a cluster with --{option} {found}, not {wished}: "
            f"--fresh wipes it, another --state-dir leaves it alone"
        )


def _moved(cluster: Cluster, port: int) -> Cluster:
    """The same cluster at the ports from `port` on. Raises `CannotStart` if they are too few."""
    if port + len(cluster.ids) - 1 > 65535:
        raise CannotStart(f"there are no {len(cluster.ids)} ports from {port} on")
    moved = tuple(
        NodeAddress(address.node, address.host, port + index)
        for index, address in enumerate(cluster.addresses)
    )
    return msgspec.structs.replace(cluster, known=moved)


def _with_free_ports(cluster: Cluster, offer: Offer) -> Cluster:
    """The cluster, moved to other ports if its own are in use and `offer` agrees."""
    while True:
        taken = next((address for address in cluster.addresses if not _is_free(address)), None)
        if taken is None:
            return cluster
        other = _free_range(cluster)
        if not offer(f"port {taken.port} is in use{holder_of(taken.port)}", other):
            raise CannotStart(f"port {taken.port} is in use: --port says which to use instead")
        cluster = _moved(cluster, other)


def _is_free(address: NodeAddress) -> bool:
    """Whether an address's port is free. Raises `CannotStart` if no node can listen there."""
    try:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        with socket.create_server((address.host, address.port), family=family):
            return True
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise CannotStart(
            f"{address}: {reason}. The demo runs all nodes on this machine: "
            f"another --state-dir has room for a new cluster"
        ) from error


def _free_range(cluster: Cluster) -> int:
    """The first of a range of free ports, one per node. Raises `CannotStart` if there is none."""
    first = cluster.addresses[0].port
    count = len(cluster.ids)
    port: int
    for port in (*range(first + _NEXT_RANGE, 65_536 - count, _NEXT_RANGE), *range(1025, first)):
        if all(_is_free(address) for address in _moved(cluster, port).addresses):
            return port
    raise CannotStart(f"there are no {count} free ports")
