"""Instances of the protocol, taken step by step on a cluster of engines."""

from __future__ import annotations

from typing import Any

from benmo.ledger.blocks import encode_block
from benmo.ledger.transfers import Run
from benmo.network.wire import encode_message
from benmo.paxos.messages import Accept, Accepted, Decide, Message, Prepare, Promise
from benmo.paxos.step import AcceptRecord, DecideRecord, PromiseRecord
from benmo.paxos.types import Ballot, Durable, NodeId, Proposal
from benmo.play.sandbox import PendingMessage
from benmo.sim.disk import MemoryDisk
from benmo.storage.disk import Disk
from benmo.storage.journal import NodeState, QueueRecord
from benmo.storage.node_storage import NodeStorage
from tests.support.engine_cluster import CLUSTER, Cluster
from tests.support.numbered_nodes import created, opened


def at_once(nodes: int = 3, **options: Any) -> Cluster:
    """A cluster whose nodes campaign without an election delay; their links are up."""
    cluster = Cluster(nodes, election_delay_s=(0.0, 0.0), **options)
    cluster.settle()
    return cluster


def campaign(cluster: Cluster, node: NodeId) -> None:
    """Let a node campaign now; its messages stay under way."""
    due = cluster.engine(node).replica.election.deadline
    cluster.now = max(cluster.now, due)
    cluster.turn(node, [])
    assert cluster.engine(node).replica.leader.is_active, f"node {node} did not campaign"


def deliver(cluster: Cluster, kind: type, sender: NodeId, to: NodeId) -> None:
    """Let all messages of this kind arrive; there must be one."""
    found = cluster.matching(kind, sender, to)
    assert found, f"no {kind.__name__} from node {sender} to node {to}"
    for envelope in found:
        cluster.deliver(envelope)


def forge(cluster: Cluster, sender: NodeId, to: NodeId, message: Message) -> None:
    """Let a message arrive that its sender never sent now."""
    cluster.deliver_copy(PendingMessage(sender, to, encode_message(message)))


def prepare(cluster: Cluster, leader: NodeId, acceptor: NodeId) -> None:
    """Phase 1 with one other node; what concerns further nodes stays under way."""
    campaign(cluster, leader)
    deliver(cluster, Prepare, leader, acceptor)
    deliver(cluster, Promise, acceptor, leader)


def lead(cluster: Cluster, leader: NodeId, acceptor: NodeId, tells: bool = True) -> None:
    """Decide a block with one other node; what concerns further nodes stays under way."""
    prepare(cluster, leader, acceptor)
    deliver(cluster, Accept, leader, acceptor)
    deliver(cluster, Accepted, acceptor, leader)
    if tells:
        deliver(cluster, Decide, leader, acceptor)


def chain_ids(cluster: Cluster, node: NodeId) -> list[list[str]]:
    """The ids of the transfers in each block of a node's chain."""
    return [[transfer.id for transfer in block.transfers()] for block in cluster.chain(node)]


def queue_ids(cluster: Cluster, node: NodeId) -> list[str]:
    return [transfer.id for transfer in cluster.engine(node).queue.own.transfers()]


def node_with_blocks(disk: Disk, blocks: int) -> tuple[NodeStorage, NodeState]:
    """A node with some decided blocks, a promise, an accepted block and a queue."""
    storage = created(disk, CLUSTER, 1, {1: 100_000, 2: 100_000, 3: 100_000})
    head = Durable().head
    for slot in range(1, blocks + 2):
        runs = (Run(2, slot, (3,), (1,)),)
        block = encode_block(slot, Ballot(1, 2), head, 0.0, runs)
        head = block.hash
        if slot <= blocks:
            storage.append((DecideRecord(block, Ballot.ZERO),))
    storage.append((QueueRecord(Run(1, 1, (2,), (5,))), PromiseRecord(Ballot(7, 3))))
    storage.append((AcceptRecord(Proposal(Ballot(7, 3), block)),))
    storage.sync()
    return opened(disk, CLUSTER, 1)


class CountingDisk(MemoryDisk):
    """Knows how many bytes were written to it."""

    written = 0

    def append(self, name: str, data: bytes) -> None:
        super().append(name, data)
        self.written += len(data)


class NoTransport:
    """Nobody is reached."""

    def is_full(self, _to: int) -> bool:
        return False

    def send(self, to: NodeId, message: Message) -> None:
        """Lose it."""
