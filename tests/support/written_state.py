"""A state directory written by hand: nodes' files as a storage leaves them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from benmo.admin.authority import Authority
from benmo.cluster import Cluster, ClusterSettings, Founder, StateDirectory
from benmo.ledger.blocks import Block, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.membership import numbered_member
from benmo.paxos.step import DecideRecord
from benmo.paxos.types import GENESIS_HASH, Ballot, Durable, NodeId
from benmo.storage.disk import Disk, RealDisk
from benmo.storage.lines import PREFIX_BYTES
from benmo.typed_json import to_json
from tests.support.engine_cluster import CLUSTER
from tests.support.numbered_nodes import created
from tests.support.written_storage import BALANCES, NODE, Writer


def empty_state(path: Path, port: int = 9001) -> StateDirectory:
    """A cluster of three, of which no node's files are there; node 1's port is given."""
    founders = tuple(
        Founder(node, "127.0.0.1", port + node - 1, numbered_member(node)) for node in BALANCES
    )
    path.mkdir()
    state = StateDirectory(path)
    state.cluster_file.write_text(to_json(Cluster(CLUSTER, founders, ClusterSettings())))
    return state


def write_first(state: StateDirectory, write: Callable[[Disk], Writer]) -> list[Block]:
    """Write node 1's files; the blocks that it knows as decided."""
    disk = new_disk(state, NODE)
    writer = write(disk)
    disk.close()
    return [applied.block for applied in writer.blocks]


def write_node(
    state: StateDirectory, node: NodeId, blocks: Iterable[Block], checkpoint_height: int = 0
) -> None:
    """Write a node's files: up to that height the blocks are in the chain file, then journalled."""
    disk = new_disk(state, node)
    storage = created(disk, CLUSTER, node, BALANCES)
    ledger = Ledger(BALANCES)
    for block in blocks:
        storage.append((DecideRecord(block, Ballot.ZERO),))
        storage.applied(ledger.apply(block))
        if block.slot == checkpoint_height:
            durable = Durable(Ballot.ZERO, None, ledger.height, ledger.head)
            storage.checkpoint(durable, ledger, Run(node, ledger.last[node] + 1, (), ()))
    disk.close()


def chain_of(*runs: Run, time: float = 1_790_000_000.0) -> list[Block]:
    """A block for each run, one after the other."""
    blocks: list[Block] = []
    head = GENESIS_HASH
    for slot, run in enumerate(runs, 1):
        blocks.append(encode_block(slot, Ballot(slot, 1), head, time + slot, (run,)))
        head = blocks[-1].hash
    return blocks


def new_disk(state: StateDirectory, node: NodeId) -> RealDisk:
    """Make a node's directory, with its certificate."""
    write_certificate(state, node)
    return RealDisk(state.node(node))


def write_certificate(state: StateDirectory, node: NodeId) -> None:
    state.tls(node).mkdir(parents=True)
    authority().write_node(node, numbered_member(node), "127.0.0.1", state.tls(node))


@cache
def authority() -> Authority:
    """The authority of `CLUSTER`."""
    return Authority.make(CLUSTER)


def resealed(line: bytes, old: bytes, new: bytes) -> bytes:
    """A line in which something was altered, with the checksum that belongs to what it says now."""
    assert line.count(old) == 1, (line, old)
    rest = line[PREFIX_BYTES:].replace(old, new)
    return b'{"crc":"%08x",%b' % (zlib.crc32(rest.rstrip(b"\n")), rest)


def content(path: Path) -> dict[Path, tuple[bytes, int]]:
    """Every file's bytes, and when it was last written."""
    files = [each for each in path.rglob("*") if each.is_file()]
    return {each: (each.read_bytes(), each.stat().st_mtime_ns) for each in files}
