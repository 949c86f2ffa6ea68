"""What `benmo replace` says of a replaced member's queue, by what is left of its directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from benmo.admin.lost_queue import OldQueue, read_queue
from benmo.cluster import StateDirectory
from benmo.ledger.transfers import Run
from benmo.paxos.membership import numbered_member
from benmo.storage.disk import RealDisk
from benmo.storage.journal import QueueRecord
from benmo.storage.lock import LOCK
from benmo.storage.node_storage import CHECKPOINT, JOURNAL, NodeStorage
from tests.support.engine_cluster import CLUSTER
from tests.support.written_state import chain_of, empty_state, write_node

BLOCKS = chain_of(Run(1, 1, (2,), (10,)))
UNKNOWN_IDS = (
    "An id from 1-2 on may be given out again, for another payment, even if it was shown as queued"
)


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    """Give the directory of a node 1 that has run, of whose transfers 1-1 is decided."""
    made = empty_state(tmp_path / "state")
    write_node(made, 1, BLOCKS)
    (made.node(1) / LOCK).touch()
    return made


def queue_more(state: StateDirectory, *runs: Run) -> None:
    disk = RealDisk(state.node(1))
    storage, _ = NodeStorage.open(disk, CLUSTER, 1)
    for run in runs:
        storage.append((QueueRecord(run),))
        storage.sync()
    disk.close()


def spoil(path: Path, line: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b'"', b"'", 1)
    path.write_bytes(b"".join(lines))


def found(state: StateDirectory, told: int = 0) -> OldQueue:
    return read_queue(state.node(1), state.load(), 1, numbered_member(1), told)


def test_a_whole_directory_in_which_nothing_waits_is_needed_by_nobody(
    state: StateDirectory,
) -> None:
    queue = found(state)
    assert queue.lost_text(1) == (
        "No transfer of node 1 waited to be decided, as far as this machine and the nodes that are "
        "up know"
    )
    assert queue.old_directory(Path("old"), 1) == (
        "The old directory is old; nothing needs it any more"
    )


def test_what_a_whole_directory_shows_is_named_with_whom_it_pays_and_its_key(
    state: StateDirectory,
) -> None:
    queue_more(state, Run(1, 2, (3, 2), (5, 6), ("", "for May"), ("", "rent")))
    queue = found(state)
    assert queue.lost_text(1) == (
        "Lost, as far as this machine and the nodes that are up know: 1-2 (5 from node 1 to node "
        '3), 1-3 (6 from node 1 to node 2: for May), key "rent". Pay again; what had a key, under '
        "the same key. Their ids may be given out again, for other payments"
    )
    assert queue.old_directory(Path("old"), 1).endswith(
        "old: keep it until what is lost is paid again"
    )
    assert '1-3 (6 from node 1 to node 2: for May), key "rent"' in queue.lost_text(2)
    assert "1-2" not in queue.lost_text(2)


def test_no_key_is_spoken_of_where_there_is_none_and_of_many_only_the_ids_are_named(
    state: StateDirectory,
) -> None:
    queue_more(state, Run(1, 2, (3,) * 30, (1,) * 30))
    text = found(state, told=40).lost_text(1)
    assert "1-21 (1 from node 1 to node 3), 1-22 to 1-31, 1-32 to 1-40. Pay again; what" in text
    assert "key" not in found(state).lost_text(1)


def test_a_lost_directory_leaves_open_what_waited_in_it(state: StateDirectory) -> None:
    (state.node(1) / LOCK).unlink()  # as where the node ran on another machine
    lost = "What waited in node 1's queue is lost with its disk, and nobody else can know it"
    assert found(state).lost_text(1) == f"{lost}. {UNKNOWN_IDS}"
    assert found(state, told=3).lost_text(1) == (
        f"{lost}. Of it, the nodes that are up know 1-2 to 1-3. {UNKNOWN_IDS}"
    )
    assert found(state).old_directory(Path("old"), 1) == "The old directory is old"
    (state.node(1) / CHECKPOINT).unlink()
    (state.node(1) / JOURNAL).unlink()
    assert found(state).lost_text(1).startswith(lost)


@pytest.mark.parametrize(("name", "line"), [(JOURNAL, 1), (JOURNAL, 3), (CHECKPOINT, 1)])
def test_where_the_damage_stands_before_the_queue_it_can_not_be_known(
    state: StateDirectory, name: str, line: int
) -> None:
    queue_more(state, Run(1, 2, (3,), (5,)))
    spoil(state.node(1) / name, line)
    assert found(state).lost_text(1) == (
        f"Node 1's files are damaged ({name}, line {line}): what waited in its queue can't be "
        f"known. {UNKNOWN_IDS}"
    )
    assert found(state).old_directory(Path("old"), 1) == (
        "The old directory is old: keep it, for nothing else is left of its queue"
    )


def test_what_stands_before_the_damage_is_named_with_a_doubt(state: StateDirectory) -> None:
    queue_more(state, Run(1, 2, (3,), (5,)), Run(1, 3, (3,), (6,)))
    lines = (state.node(1) / JOURNAL).read_bytes().splitlines()
    spoil(state.node(1) / JOURNAL, len(lines))
    assert found(state).lost_text(1) == (
        f"Node 1's files are damaged ({JOURNAL}, line {len(lines)}): what it queued behind that "
        f"can't be known. Known of it, and lost: 1-2 (5 from node 1 to node 3). Pay "
        f"again. Their ids may be given out again, for other payments"
    )
