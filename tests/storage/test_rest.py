"""A journal that was cut since the node rested is told from one that a power cut tore."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benmo.paxos.membership import numbered
from benmo.paxos.step import PromiseRecord
from benmo.paxos.types import Ballot
from benmo.sim.disk import MemoryDisk
from benmo.storage.damage import damage_remedy
from benmo.storage.journal import SECTOR_BYTES
from benmo.storage.node_files import Damage, NodeFiles
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL, NodeStorage
from tests.support.engine_cluster import CLUSTER
from tests.support.numbered_nodes import opened
from tests.support.written_storage import (
    BALANCES,
    NODE,
    Writer,
    crashing_copy,
    damaged,
    every_kind_of_line,
    flipped,
    operations_of,
    power_may_fail,
    refusal,
    reopened,
    survivors,
)


def rest(writer: Writer) -> None:
    rest_once(writer.storage)
    rest_once(writer.storage)


def rest_once(storage: NodeStorage) -> None:
    if storage.has_rested():
        storage.note_synced()


def rested(disk: MemoryDisk) -> Writer:
    writer = every_kind_of_line(disk)
    writer.checkpoint()
    writer.promise(Ballot(7, 3))
    writer.accept(Ballot(7, 3), writer.queue)
    rest(writer)
    writer.decide()
    writer.promise(Ballot(8, 1))
    rest(writer)
    return writer


def report(disk: MemoryDisk, directory: Path) -> str:
    """What `NodeFiles` says of the files of this disk."""
    for name in (JOURNAL, CHECKPOINT, CHAIN):
        (directory / name).write_bytes(disk.read(name))
    with pytest.raises(Damage) as caught:
        NodeFiles(directory, CLUSTER, NODE, numbered(BALANCES).ids).tail()
    return str(caught.value)


def test_a_journal_cut_anywhere_since_a_rest_is_found_by_both_readers(tmp_path: Path) -> None:
    disk = MemoryDisk()
    rested(disk)
    data = disk.read(JOURNAL)
    for length in range(len(data) - 1):  # the last newline alone can be made good
        cut = damaged(disk, JOURNAL, data[:length])
        is_whole = data[length : length + 1] == b"\n"
        line = data.count(b"\n", 0, length) + 1 + (is_whole and length > data.index(b"\n"))
        assert refusal(cut).startswith(f"{disk.path / JOURNAL}, line {line}, is damaged: it ")
        assert damage_remedy(NODE) in refusal(cut)
        assert report(cut, tmp_path).startswith(f"{tmp_path / JOURNAL}:{line}: it ")


def test_each_truncation_at_a_lines_end_is_found() -> None:
    disk = MemoryDisk()
    rested(disk)
    data = disk.read(JOURNAL)
    ends = [match.end() for match in re.finditer(rb"\n", data)][:-1]
    cuts = [refusal(damaged(disk, JOURNAL, data[:end])) for end in ends]
    assert len(cuts) == 4
    for line, (end, text) in enumerate(zip(ends, cuts, strict=True), 2):
        assert (
            f"line {line}, is damaged: it is missing: {len(data)} bytes were durable, {end} "
            in text
        )


def test_what_was_written_since_the_rest_may_be_torn_as_before() -> None:
    disk = MemoryDisk()
    writer = rested(disk)
    durable, before = disk.size(JOURNAL), writer.now
    writer.promise(Ballot(9, 2))
    data = disk.read(JOURNAL)
    for length in range(durable, len(data) - 1):
        assert reopened(damaged(disk, JOURNAL, data[:length])) == before
    assert reopened(damaged(disk, JOURNAL, data[:-1])) == writer.now


def test_the_journal_before_the_checkpoint_is_refused_once_the_node_rested(tmp_path: Path) -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    before = disk.read(JOURNAL)
    writer.checkpoint()
    assert reopened(damaged(disk, JOURNAL, before)) == writer.now
    writer.promise(Ballot(7, 3))
    rest(writer)
    older = damaged(disk, JOURNAL, before)
    assert "line 1, is damaged: it is older than the checkpoint" in refusal(older)
    assert ":1: it is older than the checkpoint" in report(older, tmp_path)


def test_a_journal_that_went_on_otherwise_is_refused(tmp_path: Path) -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    writer.checkpoint()
    other = opened(twin := disk.copy(), CLUSTER, NODE)[0]
    writer.promise(Ballot(7, 3))
    rest(writer)
    for round_ in (7, 8):
        other.append((PromiseRecord(Ballot(round_, 2)),))
    swapped = damaged(disk, JOURNAL, twin.read(JOURNAL))
    assert "line 2, is damaged: it isn't the line that was durable there" in refusal(swapped)
    assert ":2: it isn't the line that was durable there" in report(swapped, tmp_path)


def test_a_line_that_a_power_cut_tore_counts_for_nothing() -> None:
    disk = MemoryDisk()
    writer = rested(disk)
    data = disk.read(CHECKPOINT)
    start = data.rindex(b"\n", 0, -1) + 1
    for length in range(start, len(data)):
        for nuls in (0, 1, SECTOR_BYTES, len(data) - length):
            torn = damaged(disk, CHECKPOINT, data[:length] + bytes(nuls))
            assert reopened(torn) == writer.now, (length, nuls)
    hole = damaged(disk, CHECKPOINT, data[:start] + bytes(20) + data[start + 20 :])
    assert reopened(hole) == writer.now


def test_each_flipped_bit_of_the_lines_is_found(tmp_path: Path) -> None:
    disk = MemoryDisk()
    rested(disk)
    data = disk.read(CHECKPOINT)
    for position in range(data.index(b"\n"), len(data)):
        for bit in range(8):
            flip = damaged(disk, CHECKPOINT, flipped(data, position, 1 << bit))
            assert re.search(r"checkpoint.json, line \d, is damaged", refusal(flip)), position
            assert re.search(r"checkpoint.json:\d: ", report(flip, tmp_path))


@pytest.mark.parametrize("seed", range(4))
def test_a_crash_at_any_moment_of_a_rest_leaves_a_sound_node(seed: int) -> None:
    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    writer.checkpoint()
    writer.accept(Ballot(7, 3), writer.queue)
    writer.sync()
    before = writer.now
    writer.decide()
    writer.storage.write()
    storage = writer.storage
    operations = operations_of(disk, lambda twin: resting(storage, twin))
    assert operations == [f"sync {JOURNAL}", f"append {CHECKPOINT}", f"sync {CHECKPOINT}"]
    for crash_at in range(1, len(operations) + 2):
        for appends_half in (False, True):
            twin = crashing_copy(disk)
            twin.arm(crash_at, appends_half)
            with power_may_fail():
                resting(storage, twin)
            for where, left in survivors(twin, range(20 * seed, 20 * seed + 20)):
                assert reopened(left) in (before, writer.now), (crash_at, where)


def resting(storage: NodeStorage, disk: MemoryDisk) -> None:
    """Let a copy of the storage rest on a disk."""
    twin = NodeStorage.__new__(NodeStorage)
    twin.__dict__.update(storage.__dict__, _disk=disk)
    rest_once(twin)
    rest_once(twin)


def test_a_node_that_writes_on_or_has_rested_writes_nothing_more() -> None:
    disk = MemoryDisk()
    writer = rested(disk)
    before = disk.read(CHECKPOINT), disk.syncs
    rest(writer)
    for round_ in range(10, 15):
        writer.promise(Ballot(round_, 1))
        rest_once(writer.storage)
    assert (disk.read(CHECKPOINT), disk.syncs) == before
    rest_once(writer.storage)
    assert disk.read(CHECKPOINT).startswith(before[0]) and disk.syncs == before[1] + 2


def test_a_checkpoint_ends_what_was_noted_and_the_next_rest_begins_anew() -> None:
    disk = MemoryDisk()
    writer = rested(disk)
    writer.checkpoint()
    rest(writer)
    assert disk.read(CHECKPOINT).count(b"\n") == 1
    writer.promise(Ballot(20, 1))
    rest(writer)
    assert disk.read(CHECKPOINT).count(b"\n") == 2
    assert reopened(disk) == writer.now


def test_a_start_that_has_made_no_checkpoint_notes_nothing() -> None:
    disk = MemoryDisk()
    rested(disk)
    data = disk.read(CHECKPOINT)
    torn = damaged(disk, CHECKPOINT, data[:-5])
    storage, _ = opened(torn, CLUSTER, NODE)
    assert not storage.has_rested() and not storage.has_rested()
    assert torn.read(CHECKPOINT) == data[:-5]


def test_a_failed_sync_of_the_journal_leaves_no_claim() -> None:
    def refuse(operation: str, name: str) -> None:
        if (operation, name) == ("sync", JOURNAL):
            raise OSError(5, "Input/output error")

    disk = MemoryDisk()
    writer = every_kind_of_line(disk)
    writer.checkpoint()
    writer.promise(Ballot(7, 3))
    disk.before = refuse
    with pytest.raises(OSError, match="Input/output"):
        rest(writer)
    assert disk.read(CHECKPOINT).count(b"\n") == 1
