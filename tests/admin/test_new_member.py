"""A new member's directory is made once, beside the old one, and then takes its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from benmo.admin import new_member as module
from benmo.admin.addresses import addresses
from benmo.admin.authority import Authority
from benmo.admin.making import make_anew, new_cluster
from benmo.admin.new_member import NewMember, StillRuns
from benmo.admin.remains import Remains
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.storage.disk import RealDisk
from benmo.storage.lock import DirectoryLock
from benmo.storage.node_storage import CHECKPOINT, NodeStorage

HOST = "127.0.0.1"


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    made = StateDirectory(tmp_path / "state")
    make_anew(made, new_cluster(addresses(3, 9001), ClusterSettings()))
    return made


def member_of(state: StateDirectory, node: int = 3) -> NewMember:
    return NewMember(state, state.load(), node)


def begin(state: StateDirectory) -> str:
    authority = Authority.load(state.load().cluster, state.authority)
    return member_of(state).begin(authority, HOST)


def names(state: StateDirectory) -> list[str]:
    return sorted(path.name for path in state.path.iterdir() if "node-3" in path.name)


def test_a_directory_that_was_begun_keeps_its_member(state: StateDirectory) -> None:
    first = begin(state)
    assert begin(state) == first == member_of(state).begun
    assert first not in state.load().founders.ids.values()
    cluster = state.load()
    disk = RealDisk(state.new_node(3))
    storage, found = NodeStorage.open(disk, cluster.cluster, 3, first)
    assert (storage.member, found.ledger.height) == (first, 0)
    assert found.ledger.membership == cluster.founders


def test_one_that_is_not_whole_is_made_anew(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        state.unfinished_node(3).mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_member", interrupted)
    with pytest.raises(KeyboardInterrupt):
        begin(state)
    monkeypatch.undo()
    assert member_of(state).begun is None
    assert begin(state) == member_of(state).begun
    assert names(state) == ["node-3", "node-3.new"]


def test_the_old_directory_is_kept_under_the_name_of_its_member(state: StateDirectory) -> None:
    old = state.load().founder(3)
    before = (state.node(3) / CHECKPOINT).read_bytes()
    member = begin(state)
    kept = member_of(state).put_in_place(old)
    assert kept == state.path / f"node-3.retired-{old[:8]}"
    assert (kept / CHECKPOINT).read_bytes() == before
    assert names(state) == ["node-3", kept.name]
    assert member_of(state).unused == member
    assert member_of(state).begun is None


def test_nothing_takes_the_place_of_one_that_is_kept(state: StateDirectory) -> None:
    old = state.load().founder(3)
    for _ in range(2):
        begin(state)
        member_of(state).put_in_place(old)
    assert names(state) == [
        "node-3",
        f"node-3.retired-{old[:8]}",
        f"node-3.retired-{old[:8]}-again",
    ]


def test_a_directory_that_runs_is_not_moved(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_END_S", 0.0)
    begin(state)
    lock = DirectoryLock(state.node(3))
    with pytest.raises(StillRuns, match=r"A process still runs in .*node-3: stop it, then type"):
        member_of(state).put_in_place(state.load().founder(3))
    assert names(state) == ["node-3", "node-3.new"]
    lock.release()
    member_of(state).put_in_place(state.load().founder(3))
    assert "node-3.new" not in names(state)


def test_a_directory_that_has_run_is_not_unused(state: StateDirectory) -> None:
    assert member_of(state).unused == state.load().founder(3)
    DirectoryLock(state.node(3)).release()
    assert member_of(state).unused is None


def test_a_new_cluster_wipes_all_members_of_the_old_one(state: StateDirectory) -> None:
    begin(state)
    member_of(state).put_in_place(state.load().founder(3))
    begin(state)
    state.desk.mkdir()
    remains = Remains.of(state)
    make_anew(state, new_cluster(addresses(3, 9001), ClusterSettings()), remains.paths)
    assert names(state) == ["node-3"]
    assert not state.desk.exists()
    assert member_of(state).unused == state.load().founder(3)
