"""What `benmo verify` finds sound: whatever was written, and whatever a crash leaves of it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from benmo.admin.verify import verified
from benmo.cluster import StateDirectory
from benmo.errors import StateError
from benmo.ledger.transfers import Run
from benmo.regular_files import read_regular
from benmo.storage import node_files
from benmo.storage.lock import DirectoryLock
from benmo.storage.node_storage import CHAIN, JOURNAL
from tests.support.verified_state import PAYMENTS, require_sound, results
from tests.support.written_state import (
    chain_of,
    content,
    empty_state,
    new_disk,
    write_certificate,
    write_first,
    write_node,
)
from tests.support.written_storage import every_kind_of_line, three_blocks_on


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    """Give a cluster of three whose nodes have no files yet."""
    return empty_state(tmp_path / "state")


@pytest.fixture
def chained(state: StateDirectory) -> StateDirectory:
    """Give node 1 a chain file of three blocks and a full checkpoint."""
    write_first(state, three_blocks_on)
    return state


@pytest.fixture
def journalled(state: StateDirectory) -> StateDirectory:
    """Give node 1 a journal with every kind of line."""
    write_first(state, every_kind_of_line)
    return state


# What is sound.


def test_what_a_node_wrote_is_sound(chained: StateDirectory) -> None:
    answer = require_sound(chained)
    assert answer.table is not None
    head = str(answer.table.rows[0][2])
    assert answer.table.rows[0] == (1, 3, head, 6, "sound")
    assert len(head) == 12
    assert results(answer)[1:] == ["not here", "not here"]


def test_where_only_the_keys_of_a_node_are_there_is_nothing_of_it_to_verify(
    chained: StateDirectory,
) -> None:
    """So it is at a desk that commands nodes elsewhere."""
    write_certificate(chained, 2)
    assert results(require_sound(chained)) == ["sound", "not here", "not here"]
    for path in chained.node(1).iterdir():
        if path.is_file():
            path.unlink()
    (chained.node(1) / "lock").touch()
    assert results(verified(chained)) == ["damaged", "not here", "not here"], "a node lived here"
    (chained.node(1) / "lock").unlink()
    with pytest.raises(StateError, match="there is nothing to verify"):
        verified(chained)


def test_the_blocks_that_only_the_journal_has_count(journalled: StateDirectory) -> None:
    answer = require_sound(journalled)
    assert answer.table is not None
    assert answer.table.rows[0][1:2] + answer.table.rows[0][3:] == (3, 6, "sound")


def test_nodes_may_be_behind_each_other(state: StateDirectory) -> None:
    blocks = chain_of(*PAYMENTS)
    write_node(state, 1, blocks, checkpoint_height=1)
    write_node(state, 2, blocks[:1])
    write_node(state, 3, blocks, checkpoint_height=3)
    answer = require_sound(state)
    assert answer.table is not None
    assert [row[1] for row in answer.table.rows] == [3, 1, 3]
    assert results(answer) == ["sound"] * 3


def test_nothing_is_written(chained: StateDirectory) -> None:
    with open(chained.node(1) / JOURNAL, "ab") as journal:
        journal.write(b'{"crc":"torn')
    with open(chained.node(1) / CHAIN, "ab") as chain:
        chain.write(b'{"crc":"unfinished')
    before = content(chained.path)
    require_sound(chained)
    assert content(chained.path) == before


def test_memory_does_not_grow_with_the_chain(state: StateDirectory) -> None:
    blocks = chain_of(*(Run(1, 1 + 2 * slot, (2, 3) * 500, (0,) * 1000) for slot in range(300)))
    write_node(state, 1, blocks, checkpoint_height=300)
    size = (state.node(1) / CHAIN).stat().st_size
    del blocks
    tracemalloc.start()
    require_sound(state)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size / 2


# What a crash leaves.


def note(state: StateDirectory) -> str:
    """The one remark on what a crash left."""
    (line,) = require_sound(state).text.splitlines()
    assert line.endswith("(no damage)")
    return line


def test_a_torn_last_line_of_the_journal_is_no_damage(journalled: StateDirectory) -> None:
    path = journalled.node(1) / JOURNAL
    path.write_bytes(path.read_bytes()[:-9])
    assert note(journalled).startswith(f"{path}: its last line is torn off")


def test_a_checkpoint_that_was_not_finished_is_no_damage(chained: StateDirectory) -> None:
    path = chained.node(1) / CHAIN
    with open(path, "ab") as chain:
        chain.write(b"half a line")
    assert note(chained).startswith(f"{path}: its last 11 bytes are of a checkpoint")


def test_the_journal_before_the_checkpoint_is_no_damage(state: StateDirectory) -> None:
    disk = new_disk(state, 1)
    writer = every_kind_of_line(disk)
    before = disk.read(JOURNAL)
    writer.checkpoint()
    disk.close()
    path = state.node(1) / JOURNAL
    path.write_bytes(before)
    assert note(state).startswith(f"{path}: all of it is in the checkpoint")


# A node that runs.


def test_a_node_that_runs_is_verified_and_said_to_run(journalled: StateDirectory) -> None:
    lock = DirectoryLock(journalled.node(1))
    try:
        with open(journalled.node(1) / JOURNAL, "ab") as journal:
            journal.write(b'{"crc":"being written')
        answer = require_sound(journalled)
    finally:
        lock.release()
    assert results(answer)[0] == "sound, running"
    assert answer.text == ""


def test_verifying_keeps_no_node_from_its_directory(journalled: StateDirectory) -> None:
    DirectoryLock(journalled.node(1)).release()
    require_sound(journalled)
    DirectoryLock(journalled.node(1)).release()


def test_a_checkpoint_made_between_two_reads_is_read_as_a_whole(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = new_disk(state, 1)
    writer = every_kind_of_line(disk)
    made: list[Path] = []

    def read_late(path: Path) -> bytes:
        if path.name == JOURNAL and not made:
            made.append(path)
            writer.checkpoint()
        return read_regular(path)

    monkeypatch.setattr(node_files, "read_regular", read_late)
    require_sound(state)
    disk.close()
    assert made


# No cluster.


def test_without_any_node_there_is_nothing_to_verify(state: StateDirectory) -> None:
    with pytest.raises(StateError, match="there is nothing to verify"):
        verified(state)
