"""`benmo rescue`: a new cluster that goes on where the longest chain left of an old one ends.

For the day on which a majority of the disks is lost: what is left can't decide anything, not even a
change of the members. So the chain is written anew, byte by byte, into the directories of new
members, in a new cluster with an authority of its own. Behind the chain they have one more block
for each node, which nobody voted for, in ballot (0, 0): it replaces the node's old member by its
new one. From then on all is as after any change: who votes in which slot is a function of the
chain, old members' queues are void, and numbers and keys go on. The old members can't speak to the
new ones, whose authority is another.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path

import click
from msgspec.structs import replace

from benmo.admin.addresses import addresses_elsewhere
from benmo.admin.authority import Authority
from benmo.admin.initialize import described, explain_start
from benmo.admin.making import begin_member, make_anew, new_cluster_id, new_member
from benmo.admin.ownership import holds_state
from benmo.admin.progress import Progress
from benmo.admin.remains import Remains
from benmo.admin.surviving_chain import SurvivingChain, surviving_chain
from benmo.admin.unknowable import report, require_lost
from benmo.cluster import Cluster, NodeAddress, StateDirectory
from benmo.commands.fitting import fitted, terminal_columns
from benmo.errors import Failure
from benmo.ledger.blocks import AppliedBlock, encode_block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.options import die, state_dir_option
from benmo.paxos.membership import Membership
from benmo.paxos.types import Ballot, Change, ChangeKind, Durable, MemberId, NodeId
from benmo.storage.node_files import NodeFiles
from benmo.storage.node_storage import NodeStorage

_CHECKPOINT_BYTES = 4 << 20
"""The limit, in bytes, of blocks that are held in memory before all directories get them."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--from",
    "sources",
    metavar="DIRECTORY",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    multiple=True,
    required=True,
    help="What is left: a node's directory, or a state. May be given several times.",
)
@click.option("--accept-loss", is_flag=True, help="Begin the new cluster, without what is lost.")
@click.option(
    "--hosts",
    metavar="H1,H2,…",
    help="A host for each node, or HOST:PORT, in the order of their numbers. [default: as before]",
)
@state_dir_option
def main(sources: tuple[Path, ...], accept_loss: bool, hosts: str | None, state_dir: Path) -> None:
    """Begin a new cluster with the longest chain that is left, when most disks are lost.

    Balances, numbers of transfers, keys and history go on. What only the lost disks had is lost:
    without --accept-loss, the program says what that is, as far as anybody can know it, and changes
    nothing. What is in each --from stays as it is. The new cluster is made in --state-dir, which
    must hold none. After an interruption, type the same again.
    """
    state = StateDirectory(state_dir)
    try:
        _require_apart(state, sources)
        with surviving_chain(sources) as found:
            said, cluster = _rescue(state, found, accept_loss, hosts)
    except Failure as error:
        die(error)
    except OSError as error:
        die(f"{error.filename or state_dir}: {error.strerror}")
    click.echo(fitted(said, terminal_columns()))
    if cluster is None:
        die("nothing is changed: --accept-loss begins the new cluster")
    _explain(state, cluster)


def _require_apart(state: StateDirectory, sources: Iterable[Path]) -> None:
    """Raises `Failure` if one of the directories is, or is inside, the other."""
    new = Path(os.path.realpath(state.path))
    for source in sources:
        old = Path(os.path.realpath(source))
        if new.is_relative_to(old) or old.is_relative_to(new):
            raise Failure(
                f"{state.path} and {source}: the new cluster needs a directory apart from what is "
                f"left of the old one: choose another --state-dir"
            )


def _rescue(
    state: StateDirectory, found: SurvivingChain, accept_loss: bool, hosts: str | None
) -> tuple[str, Cluster | None]:
    """Begin the new cluster; what to say, and the cluster, None if the loss isn't accepted."""
    remains = Remains.of(state)
    with Progress("reading", found.chain_bytes) as progress:
        for _ in found.blocks(progress.advance):
            pass
    if remains.paths and not state.is_unfinished:
        again = _begun_before(state, found)
        return f"{state.path} holds the rescued cluster already: {described(again)}.", again
    require_lost(found)
    cluster = _new_cluster(found, hosts)
    text, first = report(found), found.ledger.height + 1
    if not accept_loss:
        where = f"in {state.path}: {described(cluster)}"
        return (
            f"{text}\nA new cluster would be made {where}. It would go on from slot {first} on.",
            None,
        )
    make_anew(state, cluster, remains.paths, partial(_write_members, found=found))
    last = first + len(cluster.addresses) - 1
    done = (
        f"{state.path}: {described(cluster)}, which goes on from slot {first} on. Its first blocks "
        f"({first} to {last}) put new members in the places of the old ones."
    )
    return f"{text}\n{done}", cluster


def _begun_before(state: StateDirectory, found: SurvivingChain) -> Cluster:
    """The cluster in the state, if it was rescued from what is found. Raises `Failure` if not."""
    cluster = state.load()
    if cluster.cluster == found.cluster.cluster or cluster.nodes != found.cluster.nodes:
        raise Failure(f"{state.path} holds another cluster: choose another --state-dir")
    membership = _known_members(state, cluster)
    old = next(iter(found.ledger.membership.voters.values()))
    replaced = None if membership is None else membership.find(old.id)
    first = found.ledger.height + 1
    if membership is not None and (replaced is None or replaced.until != first):
        raise Failure(
            f"{state.path} holds a cluster that doesn't go on where this chain ends, at height "
            f"{first - 1}: it was rescued from another one, which may be shorter. Choose another "
            f"--state-dir"
        )
    return cluster


def _known_members(state: StateDirectory, cluster: Cluster) -> Membership | None:
    """All members that the nodes' files in the state know of; None if there are no such files.

    Raises `StateError` if one can't be read.
    """
    checkpoints = [
        NodeFiles(path, cluster.cluster, node, cluster.founders.ids).checkpoint
        for node, path in ((node, state.node(node)) for node in cluster.ids)
        if holds_state(path)
    ]
    highest = max(checkpoints, key=lambda checkpoint: checkpoint.height, default=None)
    return None if highest is None else Membership(highest.members)


def _explain(state: StateDirectory, cluster: Cluster) -> None:
    said = (
        "The old members can't speak to the new ones. Don't start one again: a program that still "
        "asks it would read old balances.\nEach program needs a new certificate: benmo "
        "client-certificate."
    )
    click.echo(fitted(said, terminal_columns()))
    explain_start(state, cluster)


def _new_cluster(found: SurvivingChain, hosts: str | None) -> Cluster:
    """The new cluster, with the old one's founders, whose votes began the chain.

    Raises `click.UsageError` if `hosts` can't be the nodes' hosts.
    """
    old = found.cluster
    before = _addresses(old, found.ledger.membership)
    known = before if hosts is None else addresses_elsewhere(before, hosts)
    return replace(old, cluster=new_cluster_id(), known=known)


def _addresses(cluster: Cluster, membership: Membership) -> tuple[NodeAddress, ...]:
    """Find where each node listened, as the chain says, and `cluster.json` of founders."""
    founders = {founder.node: founder for founder in cluster.nodes}
    return tuple(
        NodeAddress(node, member.host, member.port)
        if member.host
        else NodeAddress(node, founders[node].host, founders[node].port)
        for node, member in membership.voters.items()
    )


# The new members' directories.


def _write_members(
    state: StateDirectory, cluster: Cluster, authority: Authority, found: SurvivingChain
) -> None:
    """Write new members' directories, each with the chain that was found and its changes."""
    ids = {address.node: new_member() for address in cluster.addresses}
    with ExitStack() as held:
        storages: dict[NodeId, NodeStorage] = {}
        for node, host in ((each.node, each.host) for each in cluster.addresses):
            path = state.node(node)
            disk, storages[node] = begin_member(path, cluster, authority, node, ids[node], host)
            held.callback(disk.close)
            held.callback(disk.sync_directory)
        with Progress("writing", found.chain_bytes) as progress:
            again = found.again()
            blocks = again.blocks(progress.advance)
            changes = _changes(again.ledger, cluster.addresses, ids)
            _write_chain(storages, again.ledger, chain(blocks, changes))
    assert again.ledger.height == found.ledger.height + len(ids)


def _changes(
    ledger: Ledger, addresses: Iterable[NodeAddress], ids: dict[NodeId, MemberId]
) -> Iterator[AppliedBlock]:
    """The blocks behind the chain, each of which replaces one node's member; applied."""
    for address in addresses:
        old = ledger.membership.voters[address.node].id
        change = Change(
            ChangeKind.REPLACE, address.node, old, ids[address.node], address.host, address.port
        )
        assert ledger.why_change_void(change) is None
        slot, now = ledger.height + 1, time.time()
        block = encode_block(slot, Ballot.ZERO, ledger.head, now, (), change)
        yield ledger.apply(block)


def _write_chain(
    storages: dict[NodeId, NodeStorage], ledger: Ledger, blocks: Iterable[AppliedBlock]
) -> None:
    """Write blocks that `ledger` has just applied into all directories, durably."""
    waiting = 0
    for applied in blocks:
        for storage in storages.values():
            storage.applied(applied)
        waiting += len(applied.block.data)
        if waiting > _CHECKPOINT_BYTES:
            _checkpoint(storages, ledger)
            waiting = 0
    _checkpoint(storages, ledger)


def _checkpoint(storages: dict[NodeId, NodeStorage], ledger: Ledger) -> None:
    durable = Durable(height=ledger.height, head=ledger.head)
    for node, storage in storages.items():
        own = ledger.membership.find(storage.member)
        ordinal = 0 if own is None else own.ordinal
        queue = Run(node, ledger.last.get(node, 0) + 1, (), (), member=ordinal)
        storage.checkpoint(durable, ledger, queue)
