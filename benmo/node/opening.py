"""Opens a node's files, and sees that they, `cluster.json` and the certificate fit together."""

from __future__ import annotations

from contextlib import suppress

from benmo.cluster import Cluster, StateDirectory
from benmo.errors import StateError
from benmo.network.certificates import (
    NodeIdentity,
    WrongCertificate,
    require_member,
    require_node,
)
from benmo.paxos.types import NodeId
from benmo.storage.damage import ForeignFile, replacing
from benmo.storage.disk import RealDisk
from benmo.storage.journal import NodeState
from benmo.storage.node_storage import NodeStorage


def open_node(
    state: StateDirectory, cluster: Cluster, node: NodeId, disk: RealDisk
) -> tuple[NodeStorage, NodeState]:
    """The storage of the node whose directory is on this disk, and the state that it holds.

    Raises `StateError` if a file is missing, damaged or another's. A member that is retired starts,
    too: it may be the only one that has the block with the change.
    """
    try:
        storage, recovered = NodeStorage.open(disk, cluster.cluster, node)
    except ForeignFile as error:
        _require_cluster_file(state, cluster, node, error)
        raise
    membership = recovered.ledger.membership
    if membership.founders != cluster.founders.ids:
        raise StateError(
            f"{state.cluster_file} names other nodes than {disk.path}: put back the file that "
            f"belongs here, which is alike at all nodes"
        )
    _require_certificate(state, NodeIdentity(cluster.cluster, node, storage.member))
    return storage, recovered


def _require_certificate(state: StateDirectory, own: NodeIdentity) -> None:
    """Raises `StateError` unless the certificate is the member's own and can be used."""
    tls = state.tls(own.node)
    try:
        require_member(tls, own)
    except WrongCertificate as error:
        raise StateError(
            f"{error}. Put back any copy of {tls}: it holds no promises. If there is none, "
            f"{replacing(own.node)}"
        ) from error


def _require_cluster_file(
    state: StateDirectory, cluster: Cluster, node: NodeId, error: ForeignFile
) -> None:
    """Raises `StateError` if a foreign file and the certificate name another cluster than here."""
    if error.cluster == cluster.cluster:
        return
    with suppress(WrongCertificate):
        require_node(state.tls(node), error.cluster, node)
        raise StateError(
            f"{state.cluster_file} names cluster {cluster.cluster}, but {error.what}, and "
            f"so does the node's certificate. Put the cluster's own file back, or the id "
            f"{error.cluster} into it"
        )
