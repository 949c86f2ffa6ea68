"""A start and `NodeFiles` find the same in a journal, whatever became of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benmo.errors import StateError
from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.transfers import Run
from benmo.paxos.membership import numbered, numbered_member
from benmo.paxos.types import Ballot
from benmo.sim.disk import MemoryDisk
from benmo.storage.journal import SECTOR_BYTES, OpenLine
from benmo.storage.lines import seal
from benmo.storage.node_files import Damage, NodeFiles
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL
from tests.support.engine_cluster import CLUSTER
from tests.support.numbered_nodes import opened
from tests.support.written_storage import BALANCES, NODE, damaged, flipped, three_blocks_on

Change = Callable[[bytes], Iterator[bytes]]

MEMBER = numbered_member(NODE)


def written(is_rested: bool = False) -> MemoryDisk:
    """A checkpoint, a chain file, and a journal that accepts, decides and learns."""
    disk = MemoryDisk()
    writer = three_blocks_on(disk)
    writer.decide()
    writer.promise(Ballot(5, 1))
    writer.accept(Ballot(5, 1), writer.queue)
    writer.sync()
    if is_rested:
        writer.storage.note_synced()
    writer.decide()
    writer.learn(Run(2, 3, (3,) * 120, (1,) * 120))
    return disk


def start_of(disk: MemoryDisk) -> tuple[int, str] | list[AppliedBlock]:
    """The blocks since the checkpoint that a start finds, or the line and the damage."""
    try:
        _, state = opened(disk.copy(), CLUSTER, NODE)
    except StateError as error:
        text = str(error)
    else:
        return state.recent
    found = re.search(r", line (\d+), is damaged: (.*)\. This node does not vote", text)
    assert found is not None, text
    return int(found[1]), found[2]


def report_of(directory: Path) -> tuple[int, str] | list[AppliedBlock]:
    """The blocks since the checkpoint that `NodeFiles` finds, or the line and the damage."""
    try:
        replayed = NodeFiles(directory, CLUSTER, NODE, numbered(BALANCES).ids).tail()
    except Damage as damage:
        return damage.line, damage.what
    assert [applied for _, applied in replayed.blocks] == replayed.state.recent
    return replayed.state.recent


def truncations(data: bytes) -> Iterator[bytes]:
    for length in range(len(data)):
        yield data[:length]
        yield data[:length] + bytes(SECTOR_BYTES)


def flips(data: bytes) -> Iterator[bytes]:
    for position in range(len(data)):
        yield flipped(data, position, 1)
        yield flipped(data, position, data[position])


def holes(data: bytes) -> Iterator[bytes]:
    places = [*range(0, len(data), SECTOR_BYTES), len(data)]
    for start in places:
        for end in places:
            if start < end:
                yield data[:start] + bytes(end - start) + data[end:]


def lines_that_go_missing(data: bytes) -> Iterator[bytes]:
    lines = data.splitlines(keepends=True)
    for removed in range(len(lines)):
        yield b"".join([*lines[:removed], *lines[removed + 1 :]])


@pytest.mark.parametrize("change", [truncations, flips, holes, lines_that_go_missing])
@pytest.mark.parametrize("name", [JOURNAL, CHECKPOINT])
@pytest.mark.parametrize("is_rested", [False, True])
def test_a_start_refuses_exactly_what_is_reported_as_damage(
    tmp_path: Path, name: str, change: Change, is_rested: bool
) -> None:
    disk = written(is_rested)
    for each in (JOURNAL, CHECKPOINT, CHAIN):
        (tmp_path / each).write_bytes(disk.read(each))
    for data in change(disk.read(name)):
        (tmp_path / name).write_bytes(data)
        assert start_of(damaged(disk, name, data)) == report_of(tmp_path), data


@pytest.mark.parametrize(
    ("opening", "start", "report"),
    [
        (
            OpenLine("d" * 32, NODE, numbered_member(NODE), 2),
            "belongs to another cluster, dddddddd. Put",
            "it belongs to",
        ),
        (
            OpenLine(CLUSTER, 2, numbered_member(NODE), 2),
            "is node 2's, not node 1's. Put",
            "it is node 2's, not node 1's",
        ),
        (
            OpenLine(CLUSTER, NODE, numbered_member(NODE), 4),
            "it is generation 4, the checkpoint's is 2.",
            "the checkpoint's is 2",
        ),
    ],
)
def test_whose_journal_it_is_is_said_by_each_in_its_own_words(
    tmp_path: Path, opening: OpenLine, start: str, report: str
) -> None:
    disk = damaged(written(), JOURNAL, seal(opening))
    for each in (JOURNAL, CHECKPOINT, CHAIN):
        (tmp_path / each).write_bytes(disk.read(each))
    with pytest.raises(StateError, match=re.escape(start)):
        opened(disk, CLUSTER, NODE)
    with pytest.raises(Damage, match=rf":1: .*{re.escape(report)}"):
        NodeFiles(tmp_path, CLUSTER, NODE, numbered(BALANCES).ids).tail()
