"""Directories of new members, made as an operator's program makes them, and changes asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from benmo.admin.authority import Authority
from benmo.admin.founding import founded_ledger
from benmo.admin.making import new_member, write_cluster
from benmo.cluster import NodeAddress, StateDirectory
from benmo.engine.events import ChangeRequested
from benmo.node.service import Service
from benmo.paxos.types import Change, MemberId, NodeId
from benmo.storage.disk import RealDisk
from benmo.storage.node_storage import NodeStorage
from tests.support.mixed_cluster import MixedCluster
from tests.support.processes import DEADLINE_S


def certified(cluster: MixedCluster, path: Path, node: NodeId, member: MemberId) -> StateDirectory:
    """A directory that holds `cluster.json` and the certificate of another member of a node."""
    state = StateDirectory(path)
    state.tls(node).mkdir(parents=True)
    shutil.copy(cluster.state.cluster_file, state.cluster_file)
    authority = Authority.load(cluster.definition.cluster, cluster.state.authority)
    authority.write_node(node, member, "127.0.0.1", state.tls(node))
    return state


class NewMember:
    """A new member's directory: empty, at height 0, and with the address where it will listen."""

    def __init__(self, cluster: MixedCluster, path: Path, node: NodeId, port: int) -> None:
        self.id = new_member()
        self.node = node
        self.port = port
        self.state = certified(cluster, path, node, self.id)
        made = cluster.definition
        others = [each for each in made.addresses if each.node != node]
        here = NodeAddress(node, "127.0.0.1", port)
        write_cluster(self.state, msgspec.structs.replace(made, known=(*others, here)))
        disk = RealDisk(self.state.node(node))
        NodeStorage.create(disk, made.cluster, node, self.id, founded_ledger(made))
        disk.close()


def ask_for(service: Service, change: Change) -> None:
    """Ask a running node for a change; it is decided some time later."""

    async def ask() -> None:
        service._turns.happened(ChangeRequested(1, change))

    service.call(ask()).result(DEADLINE_S)
