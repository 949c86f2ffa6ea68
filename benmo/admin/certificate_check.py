"""A check of the certificates of nodes and clients: each is its owner's, and can be used."""

from __future__ import annotations

from dataclasses import dataclass

from benmo.cluster import Cluster, StateDirectory
from benmo.errors import StateError
from benmo.network.certificates import (
    NodeIdentity,
    WrongCertificate,
    require_client,
    require_member,
    require_node,
)
from benmo.paxos.types import MemberId, NodeId
from benmo.storage.node_files import Damage


@dataclass(frozen=True, slots=True)
class ClientCheck:
    """The check of a client's directory.

    name    the directory's name
    damage  its first damage, if there is any
    is_own  whether the client is of the cluster that is verified, and not of one before it
    """

    name: str
    damage: Damage | None = None
    is_own: bool = True

    @classmethod
    def of(cls, client: StateDirectory, cluster: Cluster) -> ClientCheck:
        """Check a client's files against one another, and whether it is of this cluster."""
        name = client.path.resolve().name
        try:
            own = client.load()
        except StateError as error:
            said = str(error).removeprefix(f"{client.cluster_file} ")
            what = f"it {said}" if client.cluster_file.exists() else "it is missing"
            return cls(name, Damage(client.cluster_file, 1, what))
        try:
            require_client(client.client_tls, own.cluster)
        except WrongCertificate as error:
            return cls(name, Damage(error.path, 1, error.what))
        return cls(name, is_own=own.cluster == cluster.cluster)

    @property
    def result(self) -> str:
        if self.damage is not None:
            return "damaged"
        return "sound" if self.is_own else "another cluster's"

    def value(self) -> dict[str, object]:
        """The JSON form of what was found."""
        return {"client": self.name, "result": self.result, "damage": damage_value(self.damage)}


def certificate_damage(
    state: StateDirectory, cluster: Cluster, node: NodeId, member: MemberId | None = None
) -> Damage | None:
    """Find what keeps a node from using its key and certificate; None if nothing does.

    Without a `member`, they may be those of any member of the node.
    """
    try:
        if member is None:
            require_node(state.tls(node), cluster.cluster, node)
        else:
            require_member(state.tls(node), NodeIdentity(cluster.cluster, node, member))
    except WrongCertificate as error:
        return Damage(error.path, 1, error.what)
    return None


def damage_value(damage: Damage | None) -> dict[str, object] | None:
    """The JSON form of a damage."""
    if damage is None:
        return None
    return {"file": str(damage.path), "line": damage.line, "what": damage.what}
