"""`benmo verify` holds a node's index of keys against its chain."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benmo.cluster import StateDirectory
from benmo.ledger.blocks import Block
from benmo.ledger.payment_keys import KeyUse
from benmo.ledger.transfers import Run
from benmo.storage.key_index import SqliteKeyIndex
from benmo.storage.lock import DirectoryLock
from tests.support.verified_state import damage, require_sound
from tests.support.written_state import chain_of, content, empty_state, write_node

RUNS = (
    Run(1, 1, (2, 3), (10, 1), key=("rent", "")),
    Run(2, 1, (1,), (5,), key=("rent",)),
    Run(1, 3, (2,), (7,), key=("bread",)),
)
USES = (KeyUse("rent", 1, 1), KeyUse("bread", 3, 3))


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    """Give node 1 a chain with keys, and an index that knows them."""
    made = empty_state(tmp_path / "state")
    blocks = chain_of(*RUNS)
    write_node(made, 1, blocks, checkpoint_height=3)
    write_index(made, USES, blocks, 3)
    return made


def write_index(
    state: StateDirectory, uses: tuple[KeyUse, ...], blocks: list[Block], height: int
) -> None:
    with closing(SqliteKeyIndex(state.keys(1), 1)) as index:
        index.extend(uses, height, blocks[height - 1].hash)


def test_an_index_that_says_what_the_chain_says_is_sound_and_left_alone(
    state: StateDirectory,
) -> None:
    before = content(state.path)
    require_sound(state)
    assert content(state.path) == before


def test_an_index_that_isnt_there_is_made_again_and_no_damage(state: StateDirectory) -> None:
    state.keys(1).unlink()
    require_sound(state)


def test_an_index_that_is_behind_is_no_damage(state: StateDirectory) -> None:
    state.keys(1).unlink()
    write_index(state, USES[:1], chain_of(*RUNS), 2)
    require_sound(state)


@pytest.mark.parametrize("height", [1, 2, 3])
def test_an_index_of_another_node_is_made_again_and_no_damage(
    state: StateDirectory, height: int
) -> None:
    state.keys(1).unlink()
    with closing(SqliteKeyIndex(state.keys(1), 2)) as index:
        index.extend([KeyUse("rent", 1, 2)], height, chain_of(*RUNS)[height - 1].hash)
    require_sound(state)


WRONG: dict[str, tuple[str, str]] = {
    "a key is missing": ("delete from used where key = 'rent'", "contradict"),
    "a key is missing in both": (
        "delete from used where key = 'rent'; delete from seen",
        "key rent of 1-1 is not in it",
    ),
    "a key has another number": ("update used set number = 2", "key rent of 1-1 is not in it"),
    "a key has another slot": ("update used set slot = 2", "key rent of 1-1 is not in it"),
    "a slot is no number": ("update used set slot = 'one'", "remove this file"),
    "a key too many": ("insert into used values ('x', 1, 1)", "it holds 3 keys, the chain has 2"),
    "another head": (f"update chain set head = '{'0' * 64}'", "it is another chain's"),
}


@pytest.mark.parametrize(("change", "what"), WRONG.values(), ids=WRONG)
def test_an_index_that_contradicts_the_chain_is_named(
    state: StateDirectory, change: str, what: str
) -> None:
    with closing(sqlite3.connect(state.keys(1))) as database:
        database.executescript(change)
    found = damage(state)
    assert found.startswith("node-1/keys.sqlite:1: ")
    assert what in found


def test_a_running_nodes_index_is_left_to_the_node(
    state: StateDirectory, held: Callable[[Path], None]
) -> None:
    state.keys(1).write_bytes(b"no index")
    held(state.node(1))
    require_sound(state)


@pytest.fixture
def held() -> Iterator[Callable[[Path], None]]:
    """Give a way to hold a node's directory as a running node does."""

    locks: list[DirectoryLock] = []
    yield lambda path: locks.append(DirectoryLock(path))
    for lock in locks:
        lock.release()
