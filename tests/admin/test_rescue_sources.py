"""`benmo rescue`: what it finds in what is left, and what it refuses."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from benmo.admin.making import write_cluster, write_member
from benmo.cluster import StateDirectory
from benmo.ledger.blocks import Block, encode_block
from benmo.ledger.transfers import Run
from benmo.paxos.types import Ballot, Change, ChangeKind, NodeId
from benmo.storage.lock import DirectoryLock
from tests.admin.rescue_cases import BLOCKS, accept, opened, refusal, rescue, write_more
from tests.support.written_state import authority, chain_of, empty_state, write_node


def flip(path: Path, line: int) -> None:
    """Spoil a byte in the middle of a line, counted from 1."""
    lines = path.read_bytes().split(b"\n")
    middle = len(lines[line - 1]) // 2
    spoiled = bytes([lines[line - 1][middle] ^ 1])
    lines[line - 1] = lines[line - 1][:middle] + spoiled + lines[line - 1][middle + 1 :]
    path.write_bytes(b"\n".join(lines))


def cut(path: Path) -> None:
    """Cut off the end of a file's last line."""
    path.write_bytes(path.read_bytes()[:-20])


DAMAGES: dict[str, tuple[Callable[[Path], None], str, int, str]] = {
    "a block": (lambda path: flip(path, 2), "chain.jsonl", 1, ":2: its checksum is wrong"),
    "the chain's end": (cut, "chain.jsonl", 2, ":3: it has no end"),
    "the checkpoint": (lambda path: flip(path, 1), "checkpoint.json", 3, ":1: "),
    "no checkpoint": (Path.unlink, "checkpoint.json", 3, ":1: it is missing"),
    "the journal's first line": (lambda path: flip(path, 1), "journal.jsonl", 3, ":1: "),
    "the journal": (lambda path: flip(path, 3), "journal.jsonl", 4, ":3: its checksum is wrong"),
    "no journal": (Path.unlink, "journal.jsonl", 3, ":1: it is missing"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_of_a_damaged_directory_all_before_the_damage_is_rescued_and_the_damage_is_named(
    what: str, old: StateDirectory, new: StateDirectory
) -> None:
    damage, name, height, named = DAMAGES[what]
    write_more(old)
    damage(old.node(1) / name)
    said = accept(new, old.path)
    start = f"{old.node(1)}: whole up to height {height}. {old.node(1) / name}{named}"
    assert any(line.startswith(start) for line in said.splitlines()), said
    assert "Not here, or damaged: nodes 1, 2 and 3." in said
    _, state = opened(new, 2)
    assert state.ledger.height == height + 3


def test_the_longest_chain_is_taken_though_it_has_a_damaged_end(
    old: StateDirectory, new: StateDirectory
) -> None:
    write_node(old, 2, BLOCKS[:2], checkpoint_height=1)
    flip(old.node(1) / "journal.jsonl", 2)
    said = accept(new, old.node(2), old.node(1)).splitlines()
    assert said[0].startswith(f"The longest whole chain is that of {old.node(1)}: height 3, ")
    assert said[1] == f"{old.node(2)}: height 2."
    assert said[2].startswith(f"{old.node(1)}: whole up to height 3. {old.node(1)}/journal.jsonl:2")


def test_two_chains_are_refused_with_the_slot_in_which_they_part(
    old: StateDirectory, new: StateDirectory
) -> None:
    other = chain_of(Run(1, 1, (2,), (10,), (), ("rent",)), Run(2, 1, (3,), (99,)))
    write_node(old, 2, other, checkpoint_height=2)
    said = refusal(new, old.path)
    assert said == (
        f"benmo: two chains: the block of slot 2 is {BLOCKS[1].hash[:12]} in {old.node(1)}, and "
        f"{other[1].hash[:12]} in {old.node(2)}. Find out which is right, and leave the other out "
        f"of --from\n"
    )


def test_where_a_majority_is_whole_nothing_is_lost_and_nothing_is_rescued(
    old: StateDirectory, new: StateDirectory
) -> None:
    write_node(old, 3, BLOCKS[:1])
    said = refusal(new, old.path)
    assert said.startswith("benmo: the directories of nodes 1 and 3 are whole, a majority of 3:")
    flip(old.node(3) / "checkpoint.json", 1)
    accept(new, old.path)


def write_replacement(state: StateDirectory, node: NodeId) -> tuple[Block, Path]:
    """Make the directory of a node's next member; the block that replaces it, and the directory."""
    cluster, last = state.load(), BLOCKS[-1]
    old, new = cluster.founder(node), "f" * 32
    path = state.node(node).with_name("next") / f"node-{node}"
    path.parent.mkdir()
    write_member(path, cluster, authority(), node, new, "127.0.0.1")
    change = Change(ChangeKind.REPLACE, node, old, new, "127.0.0.1", 9000 + node)
    return encode_block(last.slot + 1, Ballot(9, 1), last.hash, 1.0, (), change), path


def test_a_majority_that_never_heard_of_its_own_change_does_not_stand_in_the_way(
    old: StateDirectory, new: StateDirectory
) -> None:
    change, place = write_replacement(old, 3)
    place.rename(old.node(3))
    write_node(old, 2, [*BLOCKS, change], checkpoint_height=5)
    flip(old.node(2) / "journal.jsonl", 1)  # nodes 1 and 3 are whole, and wait for its vote
    said = rescue(new, old.path)
    assert "Not here, or damaged: node 2. What only" in said.output
    assert "Don't go on if 1 more whole directory is anywhere" in said.output
    accept(new, old.path)
    _, state = opened(new, 2)
    assert state.ledger.height == 5 + 3


def test_a_retired_member_that_knows_of_the_change_is_named_among_those_to_start(
    old: StateDirectory, new: StateDirectory
) -> None:
    change, place = write_replacement(old, 3)
    write_node(old, 3, [*BLOCKS, change])
    old.node(3).rename(old.path / "node-3.retired-00000000")
    place.rename(old.node(3))
    said = refusal(new, old.path)
    assert said.startswith(
        f"benmo: the directories of nodes 1 and 3 are whole, a majority of 3: start them together "
        f"with {old.path}/node-3.retired-00000000, and nothing is lost."
    )


def test_a_directory_is_counted_once_however_often_it_is_given(
    old: StateDirectory, new: StateDirectory
) -> None:
    shutil.copytree(old.path, old.path.with_name("copy"))
    accept(new, old.path, old.node(1), old.path.with_name("copy"))


def test_a_directory_in_which_a_node_runs_is_refused(
    old: StateDirectory, new: StateDirectory
) -> None:
    lock = DirectoryLock(old.node(1))
    said = refusal(new, old.path)
    lock.release()
    assert said.startswith(f"benmo: {old.node(1)} is in use by process ")
    assert said.endswith(": stop the nodes first\n")
    accept(new, old.path)


def test_directories_of_different_clusters_are_refused(
    old: StateDirectory, new: StateDirectory, tmp_path: Path
) -> None:
    other = empty_state(tmp_path / "other")
    write_node(other, 2, BLOCKS)
    write_cluster(other, replace(other.load(), cluster="b" * 32))
    said = refusal(new, old.path, other.path)
    assert said == f"benmo: {old.path} and {other.path} belong to different clusters\n"
    said = refusal(new, other.path)
    assert "belongs to another cluster" in said


def test_a_source_that_holds_no_node_is_refused(new: StateDirectory, tmp_path: Path) -> None:
    (tmp_path / "any").mkdir()
    for source in (tmp_path / "any", empty_state(tmp_path / "empty").path):
        said = refusal(new, source)
        assert said.startswith(f"benmo: {source} holds no node's files: --from names a node's")


def test_a_node_s_directory_needs_the_cluster_s_file_beside_it(
    old: StateDirectory, new: StateDirectory
) -> None:
    data = old.cluster_file.read_bytes()
    old.cluster_file.unlink()
    said = refusal(new, old.node(1))
    assert said.startswith(f"benmo: {old.cluster_file} is missing: put it beside {old.node(1)}")
    old.cluster_file.write_bytes(data)
    accept(new, old.node(1))


def test_the_new_cluster_is_made_neither_in_nor_around_what_is_left(
    old: StateDirectory, new: StateDirectory, tmp_path: Path
) -> None:
    for place in (old.path, old.path / "inside", tmp_path):
        assert "choose another --state-dir" in refusal(StateDirectory(place), old.path)
    empty_state(new.path)
    assert f"{new.path} holds another cluster" in refusal(new, old.path)
