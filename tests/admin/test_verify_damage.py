"""Whatever isn't as it was written is found by `benmo verify`, in its file and line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from benmo.admin.verify import verified
from benmo.cluster import StateDirectory
from benmo.paxos.membership import numbered_member
from benmo.storage.disk import Disk
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL
from tests.support.verified_state import PAYMENTS, alter, damage, damages, rewrite
from tests.support.written_state import chain_of, empty_state, write_first, write_node
from tests.support.written_storage import Writer, every_kind_of_line, flipped, three_blocks_on


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


# Damage of one file.


@pytest.mark.parametrize(
    ("name", "write"),
    [(CHAIN, three_blocks_on), (CHECKPOINT, three_blocks_on), (JOURNAL, every_kind_of_line)],
)
def test_a_flipped_byte_is_found_in_its_line(
    state: StateDirectory, name: str, write: Callable[[Disk], Writer]
) -> None:
    write_first(state, write)
    path = state.node(1) / name
    data = path.read_bytes()
    ends = (position for position, byte in enumerate(data) if byte == ord("\n"))
    for position in sorted({*range(0, len(data), 5), *ends}):
        path.write_bytes(flipped(data, position, 1))
        line = data.count(b"\n", 0, position) + 1
        assert damage(state).startswith(f"node-1/{name}:{line}: "), position


@pytest.mark.parametrize("line", [1, 2, 3])
def test_a_line_missing_in_the_chain_is_found(chained: StateDirectory, line: int) -> None:
    rewrite(chained.node(1) / CHAIN, lambda lines: [*lines[: line - 1], *lines[line:]])
    assert damage(chained).startswith(f"node-1/{CHAIN}:{line}: ")


@pytest.mark.parametrize("line", [1, 2])
def test_swapped_lines_of_the_chain_are_found(chained: StateDirectory, line: int) -> None:
    def swap(lines: list[bytes]) -> list[bytes]:
        lines[line - 1 : line + 1] = lines[line], lines[line - 1]
        return lines

    rewrite(chained.node(1) / CHAIN, swap)
    assert damage(chained).startswith(f"node-1/{CHAIN}:{line}: ")


def test_a_line_missing_in_the_journal_is_found(journalled: StateDirectory) -> None:
    path = journalled.node(1) / JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    for removed in range(len(lines) - 1):
        path.write_bytes(b"".join([*lines[:removed], *lines[removed + 1 :]]))
        assert damage(journalled).startswith(f"node-1/{JOURNAL}:{removed + 1}: ")


def test_swapped_lines_of_the_journal_are_found(journalled: StateDirectory) -> None:
    path = journalled.node(1) / JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    for first, second in pairwise(range(len(lines))):
        swapped = [*lines]
        swapped[first], swapped[second] = lines[second], lines[first]
        path.write_bytes(b"".join(swapped))
        assert damage(journalled).startswith(f"node-1/{JOURNAL}:{first + 1}: ")


@pytest.mark.parametrize("name", [CHAIN, CHECKPOINT, JOURNAL])
def test_a_missing_file_is_found(chained: StateDirectory, name: str) -> None:
    (chained.node(1) / name).unlink()
    assert damage(chained) == f"node-1/{name}:1: it is missing"


@pytest.mark.parametrize("name", [CHAIN, CHECKPOINT, JOURNAL])
def test_a_file_that_cannot_be_read_is_found(chained: StateDirectory, name: str) -> None:
    (chained.node(1) / name).unlink()
    (chained.node(1) / name).mkdir()
    assert damage(chained) == f"node-1/{name}:1: it can't be read: Is a directory"


def test_a_chain_that_ends_too_early_is_found(chained: StateDirectory) -> None:
    path = chained.node(1) / CHAIN
    path.write_bytes(path.read_bytes()[:-3])
    assert damage(chained) == f"node-1/{CHAIN}:3: it has no end"


# Forgery: every checksum is right, and what is said is not.


@pytest.mark.parametrize(
    ("name", "line", "old", "new", "expected"),
    [
        (CHAIN, 2, b'"refused":[3]', b'"refused":[0]', f"{CHAIN}:2: the positions refused"),
        (CHAIN, 2, b'"skipped":[2]', b'"skipped":[1]', f"{CHAIN}:2: the positions skipped"),
        (CHAIN, 1, b'"amount":[7]', b'"amount":[8]', f"{CHAIN}:1: it isn't the block"),
        (CHECKPOINT, 1, b'"1":104', b'"1":105', f"{CHECKPOINT}:1: node 1's balance is 105"),
        (CHECKPOINT, 1, b'"last":{"1":1', b'"last":{"1":2', f"{CHECKPOINT}:1: node 1's last"),
        (CHECKPOINT, 1, b'"height":3', b'"height":2', f"{CHAIN}:3: "),
        (CHECKPOINT, 1, b'"slot":4', b'"slot":5', f"{CHECKPOINT}:1: the accepted block"),
        (CHECKPOINT, 1, b'"promised":[4,2]', b'"promised":[4,1]', f"{CHECKPOINT}:1: the accep"),
        (
            CHECKPOINT,
            1,
            b'"node":1,"member"',
            b'"node":2,"member"',
            f"{CHECKPOINT}:1: it is node 2's",
        ),
        (CHECKPOINT, 1, b'"generation":2', b'"generation":5', f"{JOURNAL}:1: it is generation 2"),
        (JOURNAL, 1, b'"node":1,"member"', b'"node":3,"member"', f"{JOURNAL}:1: it is node 3's"),
    ],
)
def test_what_was_altered_is_found_whatever_its_checksum_says(
    chained: StateDirectory, name: str, line: int, old: bytes, new: bytes, expected: str
) -> None:
    alter(chained.node(1) / name, line, old, new)
    assert damage(chained).startswith(f"node-1/{expected}")


def test_a_block_of_another_chain_is_found_by_its_hash(state: StateDirectory) -> None:
    write_node(state, 1, chain_of(*PAYMENTS), checkpoint_height=3)
    write_node(state, 2, chain_of(PAYMENTS[2], *PAYMENTS[1:]), checkpoint_height=3)
    lines = (state.node(2) / CHAIN).read_bytes().splitlines(keepends=True)
    shutil.rmtree(state.node(2))
    rewrite(state.node(1) / CHAIN, lambda own: [own[0], lines[1], own[2]])
    assert damage(state) == f"node-1/{CHAIN}:2: its block doesn't follow the one before"


def test_another_clusters_node_is_found(chained: StateDirectory) -> None:
    alter(chained.node(1) / CHECKPOINT, 1, b'"cluster":"' + b"c" * 32, b'"cluster":"' + b"d" * 32)
    assert damage(chained) == f"node-1/{CHECKPOINT}:1: it belongs to another cluster, dddddddd"


@pytest.mark.parametrize(
    ("old", "said"),
    [("c" * 32, "it belongs to another cluster, cccccccc"), (numbered_member(2), "it names other")],
)
def test_an_id_that_is_wrong_in_cluster_json_is_blamed_on_no_checkpoint(
    state: StateDirectory, old: str, said: str
) -> None:
    for node in (1, 2):
        write_node(state, node, chain_of(*PAYMENTS), checkpoint_height=1)
    text = state.cluster_file.read_text()
    assert text.count(old) == 1
    state.cluster_file.write_text(text.replace(old, f"{int(old, 16) ^ 1 << 124:032x}"))
    found = damage(state)
    assert found.startswith(f"cluster.json:1: no checkpoint here fits it: of each, {said}")


def test_nodes_whose_directories_were_swapped_are_blamed_themselves(state: StateDirectory) -> None:
    for node in (1, 2):
        write_node(state, node, chain_of(*PAYMENTS), checkpoint_height=1)
    state.node(1).rename(state.path / "aside")
    state.node(2).rename(state.node(1))
    (state.path / "aside").rename(state.node(2))
    assert damages(state) == [
        f"node-1/{CHECKPOINT}:1: it is node 2's, not node 1's",
        f"node-2/{CHECKPOINT}:1: it is node 1's, not node 2's",
    ]


def test_another_nodes_directory_is_found(chained: StateDirectory) -> None:
    shutil.copytree(chained.node(1), chained.node(2))
    assert damage(chained) == f"node-2/{CHECKPOINT}:1: it is node 1's, not node 2's"


def test_a_node_that_the_cluster_does_not_have_is_found(chained: StateDirectory) -> None:
    shutil.copytree(chained.node(1), chained.node(4))
    assert damage(chained).startswith(f"node-4/{CHECKPOINT}:1: the cluster has no such node")


def test_another_initial_balance_is_found(chained: StateDirectory) -> None:
    text = chained.cluster_file.read_text()
    chained.cluster_file.write_text(text.replace('"balance":100', '"balance":101'))
    assert "balance is" in damage(chained)


# Two chains.


@pytest.mark.parametrize("checkpoint_height", [0, 1, 3])
def test_a_chain_that_differs_from_most_is_found(
    state: StateDirectory, checkpoint_height: int
) -> None:
    blocks = chain_of(*PAYMENTS)
    other = chain_of(PAYMENTS[0], PAYMENTS[2], PAYMENTS[1])
    write_node(state, 1, other, checkpoint_height)
    write_node(state, 2, blocks)
    write_node(state, 3, blocks, 2)
    place = f"{CHAIN}:2" if checkpoint_height == 3 else f"{JOURNAL}:{3 - checkpoint_height}"
    assert damage(state) == (
        f"node-1/{place}: its block of slot 2 is {other[1].hash[:12]}, "
        f"node 2's is {blocks[1].hash[:12]} ({state.node(2) / JOURNAL}:3)"
    )


def test_of_two_chains_neither_is_preferred_but_one_is_named(state: StateDirectory) -> None:
    write_node(state, 1, chain_of(*PAYMENTS), 3)
    write_node(state, 2, chain_of(PAYMENTS[2]), 1)
    assert damage(state).startswith(f"node-2/{CHAIN}:1: its block of slot 1 is ")


def test_each_node_s_first_damage_is_told(state: StateDirectory) -> None:
    blocks = chain_of(*PAYMENTS)
    for node in (1, 2, 3):
        write_node(state, node, blocks, checkpoint_height=3)
    for node, line in ((1, 3), (3, 2)):
        path = state.node(node) / CHAIN
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*lines[: line - 1], b"{}\n", *lines[line:]]))
    assert damages(state) == [
        f"node-1/{CHAIN}:3: its checksum is wrong",
        f"node-3/{CHAIN}:2: its checksum is wrong",
    ]
    values = verified(state).value
    assert isinstance(values, list)
    assert [(each["height"], each["result"]) for each in values] == [
        (2, "damaged"),
        (3, "sound"),
        (1, "damaged"),
    ]
