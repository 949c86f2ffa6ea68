"""`benmo verify`: checks the files of all nodes, and that they hold one chain; writes nothing.

The nodes' chains are read side by side, a slot at a time. Lines that are the same byte by byte are
decoded once. One ledger serves all nodes: a node that is damaged, or has another block than most,
is left out from that slot on, so the others agree on every slot so far. Memory doesn't grow with
the chain.

A node that runs is checked as of the moment when its checkpoint and journal were read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from benmo.admin.certificate_check import ClientCheck, certificate_damage, damage_value
from benmo.admin.founding import founded_ledger
from benmo.admin.progress import Progress
from benmo.cluster import Cluster, StateDirectory
from benmo.commands.answers import Answer, Cell, Status, Table, fitting_format
from benmo.commands.fitting import print_error, terminal_columns
from benmo.errors import StateError
from benmo.ledger.blocks import AppliedBlock
from benmo.options import format_option
from benmo.paxos.types import GENESIS_HASH, NodeId
from benmo.storage.key_check import KeyCheck, WrongIndex
from benmo.storage.lines import DamagedLine
from benmo.storage.lock import is_in_use
from benmo.storage.node_files import (
    Damage,
    ForeignFiles,
    NodeFiles,
    read_line,
    require_outcomes,
)
from benmo.storage.node_storage import CHECKPOINT
from benmo.storage.replay import ReplayedJournal

_HEAD_DIGITS = 12
_MORE = "benmo replace takes the place of a damaged node: see docs/operating.md"


@dataclass(frozen=True, slots=True)
class Entry:
    """A block of a node's chain, and the file and the line's number where the block stands.

    `line` is the block's line in the chain file; None for a block that the journal decided.
    """

    path: Path
    number: int
    written: AppliedBlock
    line: bytes | None = None

    def damage(self, what: str) -> Damage:
        return Damage(self.path, self.number, what)


@dataclass(slots=True)
class NodeCheck:
    """The check of one node: how far its chain is sound, and its first damage, if there is any."""

    node: NodeId
    files: NodeFiles | None = None
    height: int = 0
    head: str = GENESIS_HASH
    transfers: int = 0
    damage: Damage | None = None
    notes: tuple[str, ...] = ()
    keys: KeyCheck | None = None
    beside: Damage | None = None
    """Damage to a file beside the chain, which is shown if the chain itself has none."""

    @property
    def is_running(self) -> bool:
        return self.files is not None and self.files.is_running

    @property
    def result(self) -> str:
        if self.damage is not None:
            return "damaged"
        if self.files is None:
            return "not here"
        return "sound, running" if self.is_running else "sound"

    def add_sound(self, applied: AppliedBlock) -> None:
        """Count the next block as sound. Raises `Damage` if the index of keys contradicts it."""
        if self.keys is not None:
            try:
                self.keys.follow(applied)
            except (WrongIndex, StateError) as error:
                raise Damage(self.keys.path, 1, str(error)) from error
        self.height = applied.block.slot
        self.head = applied.block.hash
        self.transfers += len(applied.block)

    def value(self) -> dict[str, object]:
        """The JSON form of what was found."""
        return {
            "node": self.node,
            "height": self.height,
            "head": self.head,
            "transfers": self.transfers,
            "result": self.result,
            "damage": damage_value(self.damage),
            "notes": list(self.notes),
        }


class Verification:
    """Checks the nodes of a state directory, each by itself and against the others.

    Raises `StateError` where there is no cluster, or none of its nodes' files.
    """

    def __init__(self, state: StateDirectory) -> None:
        cluster = state.load()
        self._state = state
        self.checks = [_opened(state, cluster, node) for node in cluster.ids]
        _blame_cluster_file(state, self.checks)
        self.clients = [ClientCheck.of(client, cluster) for client in state.clients()]
        if not self.clients and all(check.result == "not here" for check in self.checks):
            raise StateError(f"no node's files are in {state.path}: there is nothing to verify")
        self.checks += _strays(state, cluster)
        self._ledger = founded_ledger(cluster)
        self._lines: dict[bytes, AppliedBlock] = {}
        self._following = {
            check.node: (check, self._entries(check, check.files))
            for check in self.checks
            if check.files is not None
        }

    @property
    def chain_bytes(self) -> int:
        """The length of all chain files, up to their checkpoints."""
        files = [check.files for check in self.checks if check.files is not None]
        return sum(each.checkpoint.chain_bytes for each in files)

    def run(self, advance: Callable[[int], None]) -> None:
        """Read all chains to their ends; `advance` is called with how many more bytes are done."""
        with ExitStack() as held:
            for check, _ in self._following.values():
                try:
                    keys = held.enter_context(KeyCheck(self._state.keys(check.node), check.node))
                except Damage as damage:
                    check.beside = check.beside or damage
                    continue
                if not check.is_running and not is_in_use(self._state.node(check.node)):
                    check.keys = keys
            self._run(advance)
        for check in self.checks:
            check.damage = check.damage or check.beside

    def _run(self, advance: Callable[[int], None]) -> None:
        while self._following:
            found: dict[str, list[tuple[NodeCheck, Entry]]] = {}
            for check, entries in list(self._following.values()):
                entry = self._next(check, entries)
                if entry is not None:
                    found.setdefault(entry.written.block.hash, []).append((check, entry))
                    advance(0 if entry.line is None else len(entry.line) + 1)
            if found:
                self._agree(found)
            self._lines.clear()

    def _next(self, check: NodeCheck, entries: Iterator[Entry]) -> Entry | None:
        """A node's next block; None if its chain ends, or the next block isn't sound."""
        try:
            entry = next(entries, None)
        except Damage as damage:
            self._drop(check, damage)
            return None
        if entry is None:
            del self._following[check.node]
        return entry

    def _drop(self, check: NodeCheck, damage: Damage) -> None:
        check.damage = damage
        del self._following[check.node]

    def _entries(self, check: NodeCheck, files: NodeFiles) -> Iterator[Entry]:
        """A node's chain. The ledger must apply a line's block before the next one is asked for."""
        for slot, line in enumerate(files.chain_lines(), 1):
            yield Entry(files.chain_path, slot, self._read(files.chain_path, slot, line), line)
        files.require_checkpoint(self._ledger)
        tail = files.tail()
        for number, applied in tail.blocks:
            yield Entry(files.journal_path, number, applied)
        check.notes = () if files.is_running else tuple(_notes(files, tail))

    def _read(self, path: Path, slot: int, line: bytes) -> AppliedBlock:
        if line not in self._lines:
            try:
                self._lines[line] = read_line(line, self._ledger)
            except DamagedLine as error:
                raise Damage(path, slot, str(error)) from error
        return self._lines[line]

    def _agree(self, found: dict[str, list[tuple[NodeCheck, Entry]]]) -> None:
        """Take the block that most nodes have in this slot; drop the nodes that have another."""
        taken = max(found.values(), key=len)
        others = [each for group in found.values() if group is not taken for each in group]
        for check, entry in others:
            self._drop(check, entry.damage(_fork(entry, *taken[0])))
        written = [entry for _, entry in taken if entry.line is not None]
        if written:
            applied = self._ledger.apply(written[0].written.block)
        for check, entry in taken:
            try:
                if entry.line is not None:
                    require_outcomes(entry.written, applied)
                check.add_sound(entry.written)
            except DamagedLine as error:
                self._drop(check, entry.damage(str(error)))
            except Damage as damage:
                self._drop(check, damage)


def _opened(state: StateDirectory, cluster: Cluster, node: NodeId) -> NodeCheck:
    path = state.node(node)
    try:
        if not state.has_lived(node):
            beside = certificate_damage(state, cluster, node) if state.tls(node).exists() else None
            return NodeCheck(node, damage=beside)
        files = NodeFiles(path, cluster.cluster, node, cluster.founders.ids)
    except Damage as damage:
        return NodeCheck(node, damage=damage)
    except OSError as error:
        return NodeCheck(node, damage=Damage(path, 1, f"it can't be read: {error.strerror}"))
    beside = certificate_damage(state, cluster, node, files.checkpoint.member)
    return NodeCheck(node, files, beside=beside)


def _blame_cluster_file(state: StateDirectory, checks: list[NodeCheck]) -> None:
    """Name `cluster.json` as damaged, and no checkpoint, if all of several contradict it alike."""
    here = [check for check in checks if check.result != "not here"]
    said = {check.damage.what for check in here if isinstance(check.damage, ForeignFiles)}
    if len(here) < 2 or len(said) != 1:
        return
    if all(isinstance(check.damage, ForeignFiles) for check in here):
        what = f"no checkpoint here fits it: of each, {said.pop()}"
        for check in here:
            check.damage = Damage(state.cluster_file, 1, what)


def _strays(state: StateDirectory, cluster: Cluster) -> list[NodeCheck]:
    """A failed check for each directory that is named like a node's, but is of no node here."""
    what = f"the cluster has no such node: nodes are {min(cluster.ids)} to {max(cluster.ids)}"
    own = {state.node(node) for node in cluster.ids}
    return [
        NodeCheck(int(path.name.removeprefix("node-")), damage=Damage(path / CHECKPOINT, 1, what))
        for path in state.node_directories()
        if path not in own
    ]


def _fork(entry: Entry, other: NodeCheck, others: Entry) -> str:
    block = entry.written.block
    return (
        f"its block of slot {block.slot} is {block.hash[:_HEAD_DIGITS]}, "
        f"node {other.node}'s is {others.written.block.hash[:_HEAD_DIGITS]} "
        f"({others.path}:{others.number})"
    )


def _notes(files: NodeFiles, tail: ReplayedJournal) -> Iterator[str]:
    """A note on each thing that a crash left, and that the node's next start mends."""
    if tail.is_torn:
        yield f"{files.journal_path}: its last line is torn off, and was never acknowledged"
    if tail.is_stale:
        yield f"{files.journal_path}: all of it is in the checkpoint, which came after it"
    if files.unfinished_bytes:
        yield (
            f"{files.chain_path}: its last {files.unfinished_bytes} bytes are of a checkpoint "
            f"that was never finished, and are in the journal"
        )


def verified(state: StateDirectory) -> Answer:
    """Verify a state directory; `REFUSED` if any file there is damaged. Raises `StateError`."""
    verification = Verification(state)
    with Progress("verifying", verification.chain_bytes) as progress:
        verification.run(progress.advance)
    checks = verification.checks
    rows: list[tuple[Cell, ...]] = [
        (check.node, check.height, check.head[:_HEAD_DIGITS], check.transfers, check.result)
        for check in checks
    ]
    rows += [(client.name, "", "", "", client.result) for client in verification.clients]
    table = Table(("node", "height", "head", "transfers", "result"), rows)
    found: list[NodeCheck | ClientCheck] = [*checks, *verification.clients]
    damages = list(dict.fromkeys(str(each.damage) for each in found if each.damage is not None))
    notes = [f"{note} (no damage)" for check in checks for note in check.notes]
    text = "\n".join([*damages, *notes, *([_MORE] if damages else [])])
    status = Status.REFUSED if damages else Status.DONE
    return Answer(status, [check.value() for check in found], text, table)


@click.command()
@click.argument(
    "directory", type=click.Path(path_type=Path, file_okay=False), default=Path("state")
)
@format_option
@click.option(
    "--state-dir",
    "same_directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="The same as DIRECTORY, as other programs call it.",
)
def verify(directory: Path, output_format: str, same_directory: Path | None) -> None:
    """Check the files of all nodes in DIRECTORY (by default, state); nothing is written.

    What is checked: the checksums of all lines; the chain of hashes; that balances and outcomes are
    those to which the chain leads; and that of any two nodes' chains, one is the beginning of the
    other. For a node that doesn't run, also that its index of keys agrees with its chain. A node
    that runs is checked as it stands at this moment. Each certificate, of nodes and clients, must
    be its owner's, and verify. If a file is damaged, the exit status is 1, and the file and line of
    the first damage of each node and client are shown.
    """
    answer = verified(StateDirectory(same_directory or directory))
    click.echo(answer.rendered(fitting_format(output_format, terminal_columns())).output)
    if output_format == "tsv" and answer.text:
        print_error(answer.text)
    sys.exit(answer.status)
