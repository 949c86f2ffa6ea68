"""Whatever becomes of the index's file, no key pays twice."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from benmo.errors import StateError
from benmo.ledger.payment_keys import PaymentKeys
from benmo.storage import key_index
from benmo.storage.key_index import SqliteKeyIndex
from tests.support.keyed_chains import EMPTY, ListChain, asked, keyed

SUFFIXES = ("", "-wal", "-shm", "-journal")

# The chain was indexed as far as its block 4; blocks 5 and 6 came after that.
BLOCKS = tuple(
    (keyed(1, slot, f"key {slot}"), keyed(2, slot, f"other {slot}")) for slot in range(1, 7)
)
CHAIN = ListChain(*BLOCKS)
LONGER = (*BLOCKS, (keyed(2, 7, "other 7"),))
"""The last block has nothing of node 1's."""
NEXT = keyed(1, 7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.sqlite"


def index_of(path: Path, node: int, blocks: int, seconds: float = 1.5) -> None:
    """What node `node` leaves behind at this height, when it ends cleanly."""
    index = SqliteKeyIndex(path, node)
    chain = ListChain(*BLOCKS[:blocks], time=seconds)
    PaymentKeys(node, index, chain).recover(EMPTY if node == 1 else keyed(node, blocks + 1))
    index.close()


def crashed(path: Path, blocks: int = 4) -> None:
    """What a node leaves behind that is killed: with what isn't in the main file yet."""
    index = SqliteKeyIndex(path, 1)
    PaymentKeys(1, index, ListChain(*LONGER[:blocks])).recover(EMPTY)
    for suffix in SUFFIXES:
        source = Path(f"{path}{suffix}")
        if source.exists():
            shutil.copy(source, f"{path}{suffix}.kept")
    index.close()
    for suffix in SUFFIXES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
        kept = Path(f"{path}{suffix}.kept")
        if kept.exists():
            kept.rename(f"{path}{suffix}")


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def remove(path: Path, *suffixes: str) -> None:
    for suffix in suffixes:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def lose_main(path: Path) -> None:
    crashed(path)
    remove(path, "")


def lose_log(path: Path) -> None:
    crashed(path)
    remove(path, "-wal", "-shm")


def damage_log(path: Path) -> None:
    crashed(path)
    overwrite(Path(f"{path}-wal"), 5000, b"\xff" * 3000)


def log_of_another(path: Path) -> None:
    """The main file of one time with the log of another."""
    index_of(path, 1, 2)
    main = path.read_bytes()
    remove(path, *SUFFIXES)
    crashed(path)
    path.write_bytes(main)


def grown_up(path: Path) -> None:
    """The chain was longer when it was indexed: this one is restored, or another."""
    replace_by(path, 1, 6)
    execute(path, "update chain set height = 60")


def replace_by(path: Path, node: int, blocks: int, seconds: float = 1.5) -> None:
    remove(path, *SUFFIXES)
    index_of(path, node, blocks, seconds)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4096])


DAMAGE: dict[str, Callable[[Path], object]] = {
    "nothing": lambda path: None,
    "killed": crashed,
    "missing": lambda path: remove(path, *SUFFIXES),
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(8192)),
    "garbage": lambda path: path.write_bytes(b"no database at all" * 500),
    "a torn header": lambda path: overwrite(path, 0, b"SQLite forma? 3\0"),
    "zeros in its first page": lambda path: overwrite(path, 100, bytes(400)),
    "zeros in a page": lambda path: overwrite(path, 4096, bytes(4096)),
    "cut short": truncated,
    "main file missing": lose_main,
    "log missing": lose_log,
    "log damaged": damage_log,
    "log of another": log_of_another,
    "another node's": lambda path: replace_by(path, 2, 4),
    "another chain's": lambda path: replace_by(path, 1, 4, seconds=9.0),
    "an older one": lambda path: replace_by(path, 1, 2),
    "one of a longer chain": grown_up,
    "another format": lambda path: execute(path, "pragma user_version = 2"),
    "no chain": lambda path: execute(path, "delete from chain"),
    "two chains": lambda path: execute(path, "insert into chain values (1, 9, '')"),
    "no table of keys": lambda path: execute(path, "drop table used"),
    "no table of the chain": lambda path: execute(path, "drop table chain"),
    "a height below zero": lambda path: execute(path, "update chain set height = -1"),
    "a height that is a word": lambda path: execute(path, "update chain set height = 'four'"),
    "a head that is none": lambda path: execute(path, "update chain set head = x'00'"),
    "another slot": lambda path: execute(path, "update used set slot = slot + 1"),
    "a slot that is a word": lambda path: execute(path, "update used set slot = 'four'"),
    "a slot beyond the chain": lambda path: execute(path, "update used set slot = 99"),
    "another number": lambda path: execute(path, "update used set number = number + 1"),
}


def what_retries_do(path: Path, chain: ListChain = CHAIN) -> str:
    """What a node says that can't work with this index; else "known", if it knows what it paid."""
    known = 0
    slots = range(1, chain.height + 1)
    try:
        with closing(SqliteKeyIndex(path, 1)) as index:
            keys = PaymentKeys(1, index, chain)
            keys.recover(keyed(1, chain.height + 1))
            for slot in slots:
                known += len(keys.known(asked(f"key {slot}")))
            assert keys.known(asked(*(f"other {slot}" for slot in slots))) == {}
    except StateError as error:
        return str(error)
    return "known" if known == chain.height else f"{chain.height - known} paid again"


def is_safe(result: str) -> bool:
    """Whether the node knows its keys, or stopped with the file's name and the remedy."""
    return result == "known" or ("keys.sqlite" in result and "made again from the chain" in result)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_no_key_pays_twice_whatever_became_of_the_index(
    path: Path, damage: Callable[[Path], object]
) -> None:
    index_of(path, 1, 4)
    damage(path)
    result = what_retries_do(path)
    assert is_safe(result), result
    remove(path, *SUFFIXES)
    assert what_retries_do(path) == "known", "the remedy that it names"


def test_no_key_pays_twice_whichever_byte_of_the_index_is_damaged(path: Path) -> None:
    """The files of a node are not trusted to be what was written: damage is detected."""
    index_of(path, 1, 4)
    data, chain = path.read_bytes(), ListChain(*BLOCKS[:4])
    bad = []
    for place in (at for at in range(len(data)) if data[at]):
        path.write_bytes(data[:place] + bytes((data[place] ^ 0x04,)) + data[place + 1 :])
        if not is_safe(result := what_retries_do(path, chain)):
            bad.append((place, result))
        remove(path, *SUFFIXES)
    assert bad == []


def test_an_older_copy_that_is_put_back_beside_what_a_crash_left_is_extended(path: Path) -> None:
    """What the last block changed of the index is its height and none of its keys."""
    index_of(path, 1, 4)
    older = path.read_bytes()
    index_of(path, 1, 6)
    crashed(path, 7)
    path.write_bytes(older)
    with closing(SqliteKeyIndex(path, 1)) as index:
        keys = PaymentKeys(1, index, ListChain(*LONGER))
        keys.recover(NEXT)
        for slot in range(1, 7):
            assert len(keys.known(asked(f"key {slot}"))) == 1, slot


def test_a_log_that_a_crash_left_is_not_read_with_a_file_that_may_be_older(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_of(path, 1, 4)
    older = path.read_bytes()
    index_of(path, 1, 6)
    with monkeypatch.context() as killed:
        killed.setattr(key_index, "_EMPTY_LOG", "select 1")
        crashed(path, 7)
    assert Path(f"{path}-wal").stat().st_size > 0, "it wasn't emptied"
    path.write_bytes(older)
    with closing(SqliteKeyIndex(path, 1)) as index:
        keys = PaymentKeys(1, index, ListChain(*LONGER))
        keys.recover(NEXT)
        for slot in range(1, 7):
            assert len(keys.known(asked(f"key {slot}"))) == 1, slot
