"""The operating system's files: what is asked of them, and what a node does when they fail."""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from benmo.engine.engine import Engine
from benmo.engine.events import Event, Submitted
from benmo.engine.surroundings import Limits
from benmo.ledger.transfers import Payments, Run
from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import Accept, Message, Prepare
from benmo.paxos.types import Ballot, Proposal, Settings
from benmo.storage.disk import RealDisk
from benmo.storage.lock import DirectoryLock
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL
from tests.support.engine_cluster import CLUSTER
from tests.support.numbered_nodes import opened
from tests.support.replicas import received
from tests.support.written_storage import NODE, Writer, every_kind_of_line, of_state


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[RealDisk]:
    real = RealDisk(tmp_path)
    yield real
    real.close()


# Files.


def test_an_append_goes_to_the_end(disk: RealDisk) -> None:
    disk.append("a", b"one")
    disk.append("a", b"")
    disk.append("a", b"two")
    assert (disk.read("a"), disk.size("a")) == (b"onetwo", 6)


def test_an_empty_append_makes_the_file(disk: RealDisk) -> None:
    assert not disk.exists("a")
    disk.append("a", b"")
    assert disk.exists("a") and disk.read("a") == b""


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, 3, b"abc"), (2, 2, b"cd"), (3, 9, b"def"), (6, 4, b""), (9, 4, b""), (1, 0, b"")],
)
def test_read_at_gives_fewer_bytes_only_at_the_end(
    disk: RealDisk, offset: int, length: int, expected: bytes
) -> None:
    disk.append("a", b"abcdef")
    assert disk.read_at("a", offset, length) == expected


def test_after_a_truncation_appending_goes_on_at_the_new_end(disk: RealDisk) -> None:
    disk.append("a", b"abcdef")
    disk.truncate("a", 2)
    disk.append("a", b"X")
    assert disk.read("a") == b"abX"


def test_a_renamed_file_replaces_what_bore_its_name(disk: RealDisk) -> None:
    disk.append("a", b"old")
    disk.append("b", b"new")
    disk.rename("b", "a")
    assert disk.read("a") == disk.read_at("a", 0, 9) == b"new"
    assert not disk.exists("b")
    disk.append("a", b"er")
    disk.append("b", b"again")
    assert (disk.read("a"), disk.read("b")) == (b"newer", b"again")


def test_a_removed_file_is_made_anew(disk: RealDisk) -> None:
    disk.append("a", b"old")
    disk.remove("a")
    assert not disk.exists("a")
    disk.append("a", b"new")
    assert disk.read("a") == b"new"


def test_all_files_are_their_owners_alone(disk: RealDisk, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        writer = every_kind_of_line(disk)
        writer.checkpoint()
        lock = DirectoryLock(tmp_path)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o7777 for path in tmp_path.iterdir()}
    lock.release()
    assert modes == dict.fromkeys([CHAIN, CHECKPOINT, JOURNAL, "lock"], 0o600)


def test_a_closed_disk_leaves_no_descriptor_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    real = RealDisk(tmp_path)
    writer = every_kind_of_line(real)
    writer.checkpoint()
    writer.checkpoint()
    assert len(os.listdir("/proc/self/fd")) <= before + 3
    real.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_node_finds_on_a_real_disk_what_it_wrote(disk: RealDisk, tmp_path: Path) -> None:
    writer = every_kind_of_line(disk)
    for _ in range(2):
        again = RealDisk(tmp_path)
        storage, state = opened(again, CLUSTER, NODE)
        assert of_state(state) == writer.now
        assert storage.read(1, 1 << 20) == writer.blocks
        again.close()
        writer.checkpoint()


# fsync.


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were synced, in order."""
    synced: list[str] = []

    def recording(sync: Callable[[int], None]) -> Callable[[int], None]:
        def recorded(descriptor: int) -> None:
            sync(descriptor)
            synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

        return recorded

    monkeypatch.setattr(os, "fsync", recording(os.fsync))
    monkeypatch.setattr(os, "fdatasync", recording(os.fdatasync))
    return synced


def test_sync_reaches_the_operating_system(
    disk: RealDisk, tmp_path: Path, syncs: list[str]
) -> None:
    disk.append("a", b"x")
    assert syncs == []
    disk.sync("a")
    disk.sync_directory()
    assert syncs == [str(tmp_path / "a"), str(tmp_path)]


def test_a_checkpoint_syncs_each_file_and_then_its_name(
    disk: RealDisk, tmp_path: Path, syncs: list[str]
) -> None:
    writer = Writer(disk)
    syncs.clear()
    writer.checkpoint()
    names = [CHAIN, f"{CHECKPOINT}.new", "", f"{JOURNAL}.new", ""]
    assert syncs == [str(tmp_path / name) for name in names]


# A disk that fails.


@dataclass(slots=True)
class Recorder:
    """A transport that keeps what leaves."""

    sent: list[tuple[int, Message]] = field(default_factory=list)

    def is_full(self, _to: int) -> bool:
        return False

    def send(self, to: int, message: Message) -> None:
        self.sent.append((to, message))


@dataclass(slots=True)
class Node:
    engine: Engine
    transport: Recorder
    writer: Writer


@pytest.fixture
def node(disk: RealDisk) -> Node:
    """Give a node at height 0, with its first heartbeats behind it."""
    writer = Writer(disk)
    storage, state = opened(disk, CLUSTER, NODE)
    transport = Recorder()
    settings = Settings(NODE, numbered_member(NODE), election_delay_s=(0.0, 0.0))
    engine = Engine(settings, Limits(), state, storage, transport, Random(1), 1000.0)
    engine.turn([received(peer, Prepare(Ballot(peer, peer))) for peer in (2, 3)], 1000.0)
    writer.promised = Ballot(3, 3)
    assert len(transport.sent) > 0
    transport.sent.clear()
    return Node(engine, transport, writer)


def events(node: Node) -> dict[str, Event]:
    proposal = Proposal(Ballot(7, 2), node.writer.block(Ballot(7, 2), Run(2, 1, (3,), (1,))))
    return {
        "prepare": received(2, Prepare(Ballot(7, 2))),
        "accept": received(2, Accept(proposal)),
        "payment": Submitted(1, Payments.of((2, 5))),
    }


EVENTS = ["prepare", "accept", "payment"]


@pytest.mark.parametrize("name", EVENTS)
def test_nothing_leaves_in_a_turn_whose_sync_fails(
    node: Node, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def failing(descriptor: int) -> None:
        calls.append(descriptor)
        raise OSError(errno.EIO, "the disk is gone")

    monkeypatch.setattr(os, "fdatasync", failing)
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="the disk is gone") as caught:
        node.engine.turn([events(node)[name]], 1001.5)
    assert caught.value.errno == errno.EIO
    assert node.transport.sent == []
    assert len(calls) == 1, "a failed sync was tried again"


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("written_bytes", [0, 1, 40])
def test_nothing_leaves_in_a_turn_whose_write_finds_the_disk_full(
    node: Node, name: str, written_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    room = [written_bytes]

    def filling(descriptor: int, data: bytes) -> int:
        count = min(room.pop() if room else 0, len(data))
        if count == 0:
            raise OSError(errno.ENOSPC, "no space left")
        return write(descriptor, data[:count])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", filling)
        with pytest.raises(OSError, match="no space left"):
            node.engine.turn([events(node)[name]], 1001.5)
    assert node.transport.sent == []
    again = RealDisk(tmp_path)
    assert of_state(opened(again, CLUSTER, NODE)[1]) == node.writer.now
    again.close()


def test_a_short_write_is_continued(disk: RealDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
        disk.append("a", b"0123456789")
    assert disk.read("a") == b"0123456789"


def test_a_real_full_disk_is_an_error(disk: RealDisk, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        disk.append("a", b"x")


@pytest.mark.parametrize("name", ["fsync", "fdatasync", "write", "rename"])
def test_a_failed_checkpoint_is_not_the_end_of_what_was_synced(
    disk: RealDisk, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = every_kind_of_line(disk)
    with monkeypatch.context() as patched:
        patched.setattr(os, name, failing_call)
        with pytest.raises(OSError, match="failed"):
            writer.checkpoint()
    again = RealDisk(tmp_path)
    assert of_state(opened(again, CLUSTER, NODE)[1]) == writer.now
    again.close()


def failing_call(*_arguments: object) -> None:
    raise OSError(errno.EIO, "failed")
