"""A cluster of which one node is left, and `benmo rescue` on it."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from benmo.admin.rescue import main
from benmo.admin.verify import verified
from benmo.cluster import StateDirectory
from benmo.commands.answers import Status
from benmo.ledger.blocks import Block, encode_block
from benmo.ledger.transfers import Run
from benmo.paxos.step import AcceptRecord, PromiseRecord
from benmo.paxos.types import Ballot, Proposal
from benmo.storage.disk import RealDisk
from benmo.storage.journal import NodeState, QueueRecord
from benmo.storage.node_storage import NodeStorage
from tests.support.engine_cluster import CLUSTER
from tests.support.written_state import chain_of, content

BLOCKS = chain_of(
    Run(1, 1, (2,), (10,), (), ("rent",)),
    Run(2, 1, (3, 1), (5, 6)),
    Run(3, 1, (1,), (7,)),
    Run(1, 2, (3,), (90,)),
)


KEPT = {1: 100 - 10 + 6 + 7 - 90, 2: 100 + 10 - 11, 3: 100 + 5 - 7 + 90}


def rescue(new: StateDirectory, *sources: Path, options: tuple[str, ...] = ()) -> Result:
    words = [word for source in sources for word in ("--from", str(source))]
    return CliRunner().invoke(main, [*words, "--state-dir", str(new.path), *options])


def accept(new: StateDirectory, *sources: Path, options: tuple[str, ...] = ()) -> str:
    """Rescue with the loss accepted; what it said. All that was made must be sound."""
    done = rescue(new, *sources, options=("--accept-loss", *options))
    assert done.exit_code == 0, done.output
    assert verified(new).status is Status.DONE
    return done.output


def refusal(new: StateDirectory, *sources: Path, options: tuple[str, ...] = ()) -> str:
    """Why a rescue is refused, although the loss is accepted; nothing may be made."""
    before = content(new.path)
    done = rescue(new, *sources, options=("--accept-loss", *options))
    assert done.exit_code == 1, done.output
    assert content(new.path) == before
    return done.output


def opened(state: StateDirectory, node: int) -> tuple[NodeStorage, NodeState]:
    disk = RealDisk(state.node(node))
    found = NodeStorage.open(disk, state.load().cluster, node)
    disk.close()
    return found


def write_more(state: StateDirectory) -> Block:
    """Let node 1 queue two payments, and accept a block with one of them and another's."""
    disk = RealDisk(state.node(1))
    storage, left = NodeStorage.open(disk, CLUSTER, 1)
    ledger, ballot = left.ledger, Ballot(9, 1)
    runs = (Run(1, 3, (2,), (1,)), Run(2, 3, (1,), (4,)))
    block = encode_block(ledger.height + 1, ballot, ledger.head, 1.0, runs)
    storage.append((QueueRecord(Run(1, 3, (2, 2), (1, 1))),))
    storage.append((PromiseRecord(ballot), AcceptRecord(Proposal(ballot, block))))
    storage.sync()
    disk.close()
    return block
