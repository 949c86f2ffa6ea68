"""Whatever the disk fails with, the error names the file, and there is a remedy for it."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from benmo.errors import StateError
from benmo.ledger.payment_keys import KeyUse
from benmo.ledger.transfers import Run
from benmo.paxos.membership import numbered
from benmo.sim.disk import MemoryDisk
from benmo.storage.checkpoint import decode_checkpoint
from benmo.storage.disk import RealDisk, remedy
from benmo.storage.key_index import SqliteKeyIndex
from benmo.storage.lines import seal
from benmo.storage.node_files import Damage, NodeFiles
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL
from tests.support.engine_cluster import CLUSTER
from tests.support.written_storage import BALANCES, NODE, damaged, refusal, three_blocks_on

CALLS: dict[str, Callable[[RealDisk, str], object]] = {
    "fdatasync": lambda disk, name: disk.sync(name),
    "pread": lambda disk, name: disk.read_at(name, 0, 10),
    "ftruncate": lambda disk, name: disk.truncate(name, 0),
    "write": lambda disk, name: disk.append(name, b"more\n"),
}
WORDS = {
    errno.ENOSPC: "room on the disk",
    errno.EDQUOT: "room within the quota",
    errno.EROFS: "can be written to",
    errno.EIO: "The disk fails",
    errno.EACCES: "right",
    errno.EISDIR: "directory",
}


@pytest.mark.parametrize("name", [JOURNAL, CHAIN, CHECKPOINT])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("number", WORDS)
def test_an_error_of_the_disk_names_its_file_and_has_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, call: str, number: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    disk = RealDisk(tmp_path, ahead=(JOURNAL,))
    disk.append(name, b"content\n")
    with monkeypatch.context() as failing:
        for each in ("write", "pwrite") if call == "write" else (call,):
            failing.setattr(os, each, fail)
        with pytest.raises(OSError, match=os.strerror(number)) as caught:
            CALLS[call](disk, name)
    assert caught.value.filename == str(tmp_path / name)
    assert WORDS[number] in remedy(caught.value)
    disk.close()


def test_an_error_of_the_directory_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error") as caught:
        RealDisk(tmp_path).sync_directory()
    assert caught.value.filename == str(tmp_path)


def test_a_full_disk_is_no_reason_to_remove_the_index(tmp_path: Path) -> None:
    with closing(SqliteKeyIndex(tmp_path / "keys.sqlite", NODE)) as index:
        index._connection.execute("pragma max_page_count = 1")
        uses = [KeyUse(f"key {number}", number, 1) for number in range(1, 2000)]
        with pytest.raises(StateError, match=r"keys\.sqlite: .*full.*Make room") as caught:
            index.extend(uses, 1, "a" * 64)
    assert "remove" not in str(caught.value)
    assert isinstance(caught.value.__cause__, sqlite3.Error)


def test_both_readers_refuse_another_nodes_queue(tmp_path: Path) -> None:
    disk = MemoryDisk()
    three_blocks_on(disk)
    line, _ = decode_checkpoint(disk.read(CHECKPOINT))
    queue = Run(2, line.queue.first, line.queue.credit, line.queue.amount)
    other = damaged(disk, CHECKPOINT, seal(msgspec.structs.replace(line, queue=queue)))
    assert "checkpoint.json, line 1, is damaged: its queue is another node's" in refusal(other)
    for name in (JOURNAL, CHECKPOINT, CHAIN):
        (tmp_path / name).write_bytes(other.read(name))
    with pytest.raises(Damage, match=r"checkpoint\.json:1: its queue is another node's"):
        NodeFiles(tmp_path, CLUSTER, NODE, numbered(BALANCES).ids)
