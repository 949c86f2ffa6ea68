"""The index of keys on disk: whatever becomes of its file, no key pays twice."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benmo.errors import StateError
from benmo.ledger.payment_keys import KeyUse
from benmo.paxos.types import GENESIS_HASH
from benmo.storage import key_index
from benmo.storage.key_index import SqliteKeyIndex

HEAD = "ab" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.sqlite"


@pytest.fixture
def index(path: Path) -> Iterator[SqliteKeyIndex]:
    made = SqliteKeyIndex(path, 1)
    yield made
    made.close()


def use_of(index: SqliteKeyIndex, key: str) -> KeyUse | None:
    return index.find([key]).get(key)


# What it keeps.


def test_a_new_index_is_that_of_an_empty_chain(index: SqliteKeyIndex) -> None:
    assert (index.height, index.head) == (0, GENESIS_HASH)
    assert use_of(index, "rent") is None


def test_an_index_keeps_what_it_was_given(path: Path, index: SqliteKeyIndex) -> None:
    index.extend([KeyUse("rent", 7, 3), KeyUse("🧾 Zoë", 8, 3)], 4, HEAD)
    index.close()
    with closing(SqliteKeyIndex(path, 1)) as again:
        assert use_of(again, "rent") == KeyUse("rent", 7, 3)
        assert use_of(again, "🧾 Zoë") == KeyUse("🧾 Zoë", 8, 3)
        assert use_of(again, "Rent") is None and use_of(again, "rent ") is None
        assert (again.height, again.head) == (4, HEAD)


def test_the_first_use_of_a_key_stays(index: SqliteKeyIndex) -> None:
    index.extend([KeyUse("rent", 7, 3)], 3, HEAD)
    index.extend([KeyUse("rent", 9, 5), KeyUse("food", 8, 4)], 5, HEAD)
    assert use_of(index, "rent") == KeyUse("rent", 7, 3) and use_of(index, "food") == KeyUse(
        "food", 8, 4
    )


def test_a_cleared_index_knows_nothing(path: Path, index: SqliteKeyIndex) -> None:
    index.extend([KeyUse("rent", 7, 3)], 3, HEAD)
    index.clear()
    assert (use_of(index, "rent"), index.height, index.head) == (None, 0, GENESIS_HASH)
    index.close()
    with closing(SqliteKeyIndex(path, 1)) as again:
        assert (use_of(again, "rent"), again.height, again.head) == (None, 0, GENESIS_HASH)


def test_uses_and_height_are_added_together_or_not_at_all(index: SqliteKeyIndex) -> None:
    index.extend([KeyUse("rent", 7, 3)], 3, HEAD)
    with pytest.raises(StateError):
        index.extend([KeyUse("food", 8, 4), KeyUse("bad", 2**70, 4)], 4, HEAD)
    assert use_of(index, "food") is None and index.height == 3


def test_only_the_owner_may_read_the_file(path: Path, index: SqliteKeyIndex) -> None:
    index.extend([KeyUse("rent", 7, 3)], 3, HEAD)
    for suffix in ("", "-wal"):
        mode = Path(f"{path}{suffix}").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600, suffix


def test_an_index_needs_no_memory_mapped_from_a_file(path: Path, index: SqliteKeyIndex) -> None:
    index.extend([KeyUse("rent", 7, 3)], 3, HEAD)
    assert sorted(each.name for each in path.parent.iterdir()) == ["keys.sqlite", "keys.sqlite-wal"]
    assert "keys.sqlite" not in Path("/proc/self/maps").read_text()


def test_a_hundred_thousand_keys_take_no_memory_worth_naming(index: SqliteKeyIndex) -> None:
    index.extend((KeyUse(f"key {number}", number, 1) for number in range(100_000)), 1, HEAD)
    assert use_of(index, "key 99999") == KeyUse("key 99999", 99_999, 1)
    assert use_of(index, "key 100000") is None


def test_keys_are_looked_up_many_at_a_time(index: SqliteKeyIndex) -> None:
    uses = {f"key {number}": KeyUse(f"key {number}", number, 1) for number in range(3000)}
    index.extend(uses.values(), 1, HEAD)
    statements: list[str] = []
    index._connection.set_trace_callback(statements.append)
    assert index.find([name for each in uses for name in (each, f"no {each}")]) == uses
    assert 2 <= len(statements) <= 30


@pytest.mark.parametrize("table", ["used", "seen"])
def test_a_key_among_many_that_only_one_table_finds_is_damage(
    index: SqliteKeyIndex, table: str
) -> None:
    """Each key is compared, not only their number: another one is missing in the other table."""
    uses = [KeyUse(f"key {number}", number, 1) for number in range(1500)]
    index.extend(uses, 1, HEAD)
    other = {"used": "seen", "seen": "used"}[table]
    names = {"used": "key", "seen": "digest"}
    for each, key in ((table, "key 700"), (other, "key 701")):
        value = key if each == "used" else key_index._digest(key)
        index._connection.execute(f"delete from {each} where {names[each]} = ?", (value,))
    with pytest.raises(StateError, match="its tables contradict each other"):
        index.find([use.key for use in uses])


# What stands in its way.


def test_nobody_else_reads_an_index_that_is_open_and_it_works(
    path: Path, index: SqliteKeyIndex
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as reader:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            reader.execute("select * from used").fetchall()
        index.extend([KeyUse("rent", 7, 3)], 3, HEAD)
        assert use_of(index, "rent") == KeyUse("rent", 7, 3)


@pytest.mark.parametrize(
    "lock", ["begin; select * from used", "begin immediate", "begin exclusive"]
)
def test_an_index_that_somebody_locked_is_said_and_works_again_later(path: Path, lock: str) -> None:
    with closing(SqliteKeyIndex(path, 1)) as index:
        index.extend([KeyUse("food", 1, 1)], 4, HEAD)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        for statement in lock.split(";"):
            holder.execute(statement).fetchall()
        with pytest.raises(StateError, match=r"keys\.sqlite is locked by another program"):
            SqliteKeyIndex(path, 1)
    with closing(SqliteKeyIndex(path, 1)) as index:
        assert index.height == 4 and use_of(index, "rent") is None
        index.extend([KeyUse("rent", 7, 5)], 5, HEAD)
        assert index.height == 5 and use_of(index, "rent") == KeyUse("rent", 7, 5)


def test_a_directory_in_its_place_is_said(path: Path) -> None:
    path.mkdir()
    with pytest.raises(OSError, match=r"keys\.sqlite"):
        SqliteKeyIndex(path, 1)


def test_a_path_with_odd_characters_is_a_path(tmp_path: Path) -> None:
    odd = tmp_path / "100% of? it's #1 ü"
    odd.mkdir()
    with closing(SqliteKeyIndex(odd / "keys.sqlite", 1)) as made:
        made.extend([KeyUse("rent", 7, 3)], 3, HEAD)
    assert (odd / "keys.sqlite").stat().st_size > 0
