"""The chain that is left in the directories of a cluster's members: read, checked, never written.

The directories are read side by side, a slot at a time, as `benmo verify` reads them. Each is read
up to its first damage: a block before that is as good as any, since the chain of hashes leads to
it. Two directories with different blocks in one slot are of no use to anybody who can't tell which
is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benmo.admin.founding import founded_ledger
from benmo.admin.ownership import holds_state
from benmo.cluster import Cluster, StateDirectory
from benmo.errors import Failure
from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.ledger import Ledger
from benmo.paxos.types import MemberId, NodeId
from benmo.storage.journal import NodeState
from benmo.storage.lines import DamagedLine
from benmo.storage.lock import DirectoryInUse, kept_still
from benmo.storage.node_files import (
    Damage,
    ForeignFiles,
    NodeFiles,
    lines_of,
    read_line,
    require_outcomes,
)
from benmo.storage.node_storage import CHAIN

_HEAD_DIGITS = 12
_NODE = re.compile(r"node-([1-9][0-9]{0,8})(\..*)?")


class Survivor:
    """A member's directory, and how much of the chain is whole in it, once that has been read."""

    def __init__(self, path: Path, node: NodeId, cluster: Cluster) -> None:
        self.path = path
        self.node = node
        self.height = 0
        self.damage: Damage | None = None
        """The first damage; what stands before it is whole."""
        self.state: NodeState | None = None
        """The node's promise, accepted block and queue, as far as they are known."""
        self._files: NodeFiles | None = None
        try:
            self._files = NodeFiles(path, cluster.cluster, node, cluster.founders.ids)
        except ForeignFiles as error:
            raise Failure(str(error)) from error
        except Damage as damage:
            self.damage = damage

    @property
    def member(self) -> MemberId | None:
        """The member whose directory it is; None if its checkpoint is damaged."""
        return None if self._files is None else self._files.checkpoint.member

    def blocks(self, ledger: Ledger) -> Iterator[AppliedBlock]:
        """The blocks up to the first damage; `ledger` must apply each before the next is wanted."""
        try:
            yield from self._in_chain_file(ledger)
            if self._files is not None:
                yield from self._in_journal(self._files, ledger)
        except Damage as damage:
            self.damage = self.damage or damage

    def follow(self, written: AppliedBlock, applied: AppliedBlock) -> None:
        """Count a block as whole, unless the outcomes that are written beside it are others."""
        try:
            require_outcomes(written, applied)
        except DamagedLine as error:
            self.damage = Damage(self.path / CHAIN, applied.block.slot, str(error))
        else:
            self.height = applied.block.slot

    def _in_chain_file(self, ledger: Ledger) -> Iterator[AppliedBlock]:
        path = self.path / CHAIN
        lines = lines_of(path) if self._files is None else self._files.chain_lines()
        for slot, line in enumerate(lines, 1):
            try:
                yield read_line(line, ledger)
            except DamagedLine as error:
                raise Damage(path, slot, str(error)) from error

    def _in_journal(self, files: NodeFiles, ledger: Ledger) -> Iterator[AppliedBlock]:
        files.require_checkpoint(ledger)
        try:
            tail = files.tail()
        except Damage as damage:
            self.damage = damage
            if damage.line == 1:
                return
            tail = files.tail_before(damage.line)
        self.state = tail.state
        for _, applied in tail.blocks:
            yield applied


class SurvivingChain:
    """The longest whole chain of several directories of one cluster, and where it leads."""

    def __init__(self, cluster: Cluster, survivors: list[Survivor]) -> None:
        self.cluster = cluster
        self.survivors = survivors
        self.ledger = founded_ledger(cluster)
        """The ledger to which the blocks lead that were read."""

    def again(self) -> SurvivingChain:
        """The same directories, to be read from the start."""
        again = [Survivor(each.path, each.node, self.cluster) for each in self.survivors]
        return SurvivingChain(self.cluster, again)

    @property
    def chain_bytes(self) -> int:
        """The greatest length of their chain files: about how much there is to read."""
        paths = (each.path / CHAIN for each in self.survivors)
        return max((path.stat().st_size for path in paths if path.exists()), default=0)

    @property
    def longest(self) -> Survivor:
        """The first directory that holds all of the chain, once it has been read."""
        return max(self.survivors, key=lambda survivor: survivor.height)

    def blocks(self, advance: Callable[[int], None]) -> Iterator[AppliedBlock]:
        """Read and apply all blocks; `advance` is called with the length of each, in bytes.

        Raises `Failure`, naming the slot, if two directories hold different blocks.
        """
        following = [(survivor, survivor.blocks(self.ledger)) for survivor in self.survivors]
        while True:
            nexts = [(survivor, next(blocks, None)) for survivor, blocks in following]
            found = [(survivor, block) for survivor, block in nexts if block is not None]
            if not found:
                return
            self._require_one(found)
            applied = self.ledger.apply(found[0][1].block)
            for survivor, written in found:
                survivor.follow(written, applied)
            following = [each for each in following if each[0].height == self.ledger.height]
            advance(len(applied.block.data))
            yield applied

    def _require_one(self, found: list[tuple[Survivor, AppliedBlock]]) -> None:
        first, written = found[0]
        for survivor, other in found:
            if other.block.hash != written.block.hash:
                raise Failure(
                    f"two chains: the block of slot {other.block.slot} is "
                    f"{written.block.hash[:_HEAD_DIGITS]} in {first.path}, and "
                    f"{other.block.hash[:_HEAD_DIGITS]} in {survivor.path}. Find out which is "
                    f"right, and leave the other out of --from"
                )


@contextmanager
def surviving_chain(sources: tuple[Path, ...]) -> Iterator[SurvivingChain]:
    """The chain in these state directories and nodes' directories, in which no node may start.

    Raises `Failure` if one runs, or if the directories aren't those of one cluster; `OSError`.
    """
    with ExitStack() as held:
        found: dict[Path, Path] = {}
        clusters: list[tuple[Path, Cluster]] = []
        for source in sources:
            state, paths = _members_in(source)
            clusters.append((source, state.load()))
            found |= {path.resolve(): path for path in paths}
        cluster = _one_of(clusters)
        for path in found.values():
            try:
                held.enter_context(kept_still(path))
            except DirectoryInUse as error:
                raise Failure(f"{error.where}: stop the nodes first") from error
        survivors = [Survivor(path, _number(real), cluster) for real, path in found.items()]
        yield SurvivingChain(cluster, survivors)


def _members_in(source: Path) -> tuple[StateDirectory, list[Path]]:
    """The members' directories in a source, which may be one itself, and where `cluster.json` is.

    Raises `Failure` if there are none.
    """
    state = StateDirectory(source)
    if state.cluster_file.exists():
        paths = [*state.node_directories(), *state.other_member_directories()]
        paths = [path for path in paths if not path.name.startswith(".") and holds_state(path)]
    elif source.is_dir() and holds_state(source):
        state, paths = StateDirectory(source.resolve().parent), [source]
        if not state.cluster_file.exists():
            raise Failure(
                f"{state.cluster_file} is missing: put it beside {source}, from another machine of "
                f"the cluster or from a client's directory"
            )
    else:
        paths = []
    if not paths:
        raise Failure(
            f"{source} holds no node's files: --from names a node's directory, or a state"
        )
    return state, paths


def _number(path: Path) -> NodeId:
    match = _NODE.fullmatch(path.name)
    if match is None:
        raise Failure(f"{path}: whose directory is it? Name it node-N again, as it was")
    return int(match[1])


def _one_of(clusters: list[tuple[Path, Cluster]]) -> Cluster:
    """The cluster that all of them are. Raises `Failure` if they differ."""
    path, cluster = clusters[0]
    for other_path, other in clusters[1:]:
        if (other.cluster, other.nodes) != (cluster.cluster, cluster.nodes):
            raise Failure(f"{path} and {other_path} belong to different clusters")
        if other.settings.balance != cluster.settings.balance:
            raise Failure(f"{path} and {other_path} differ in the balance in cluster.json")
    return cluster
