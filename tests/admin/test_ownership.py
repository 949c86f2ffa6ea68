"""A cluster is made beside other people's things: not one byte, mode or time of theirs changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benmo.admin import remains
from benmo.admin.addresses import addresses
from benmo.admin.making import make_anew, new_cluster
from benmo.admin.remains import Remains, openness
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.errors import Failure
from benmo.network.ports import free_ports
from benmo.paxos.step import PromiseRecord
from benmo.paxos.types import Ballot
from benmo.storage.disk import RealDisk
from tests.support.numbered_nodes import opened
from tests.support.processes import BENMO, ROOT, Finished, run
from tests.support.terminals import Terminal

Seen = dict[str, tuple[object, ...]]

# Root may do what it likes, unless it gave that up: capabilities 1, 2 and 3.
WITHOUT_PRIVILEGE = (
    sys.executable,
    "-c",
    "import ctypes, os, sys\n"
    "for capability in (1, 2, 3): ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])",
)


def seen(path: Path) -> Seen:
    """All that can be told of a file, or of a directory and what is in it."""
    found: Seen = {}
    for each in (path, *path.rglob("*")) if path.is_dir() and not path.is_symlink() else (path,):
        stat = each.lstat()
        content: object = None
        if each.is_symlink():
            content = os.readlink(each)
        elif each.is_file():
            content = each.read_bytes()
        found[str(each)] = (
            content,
            stat.st_mode,
            stat.st_uid,
            stat.st_gid,
            stat.st_mtime_ns,
            stat.st_ino,
            stat.st_nlink if each.is_file() else None,
        )
    return found


def fill(path: Path) -> None:
    """Put other people's things into a directory, with names and modes like these have."""
    path.mkdir(exist_ok=True)
    (path / "elsewhere").mkdir()
    for name, text, mode in (
        ("notes.txt", "mine", 0o604),
        ("node-red/flows.json", "[]", 0o644),
        ("node-03/data", "3", 0o640),
        ("node-x", "x", 0o600),
        ("elsewhere/file", "precious", 0o444),
        ("old.node-1/journal.jsonl", "{}", 0o666),
        ("cluster.json.bak", "{}", 0o600),
        (".hidden", "", 0o400),
    ):
        file = path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        os.utime(file, ns=(10**18, 10**18))
    (path / "node-red").chmod(0o751)
    (path / "link").symlink_to("elsewhere")
    os.link(path / "notes.txt", path / "node-red" / "hard")
    path.chmod(0o775)


def made(path: Path, used: bool = False) -> StateDirectory:
    """A cluster of three nodes; if used, one has promised something."""
    state = StateDirectory(path)
    make_anew(state, new_cluster(addresses(3, 9001), ClusterSettings()))
    if used:
        disk = RealDisk(state.node(1))
        storage, _ = opened(disk, state.load().cluster, 1)
        storage.append((PromiseRecord(Ballot(3, 2)),))
        storage.sync()
        disk.close()
    return state


def initialize(path: Path, *options: str) -> Finished:
    return run(*BENMO, "initialize", "--nodes=3", "--state-dir", str(path), *options)


def demo(path: Path, *options: str) -> Finished:
    port = f"--port={free_ports(3)}"
    command = (*BENMO, "demo", "--nodes=3", port, "--state-dir", str(path), "-e", "ls")
    return run(*command, *options)


WAYS: list[Callable[[Path], Finished]] = [
    initialize,
    lambda path: initialize(path, "--yes"),
    demo,
    lambda path: demo(path, "--fresh"),
]
every_way = pytest.mark.parametrize("way", WAYS, ids=["initialize", "--yes", "demo", "--fresh"])


def require_refused(finished: Finished, *parts: str) -> None:
    assert (finished.status, finished.out) == (1, ""), finished
    assert finished.err.count("\n") == 1, finished.err
    for part in (*parts, "--state-dir"):
        assert part in finished.err, finished.err


@every_way
def test_a_directory_full_of_other_things_is_refused_and_untouched(
    tmp_path: Path, way: Callable[[Path], Finished]
) -> None:
    fill(tmp_path / "state")
    before = seen(tmp_path / "state")
    require_refused(way(tmp_path / "state"), "holds no cluster, but other things", ".hidden")
    assert seen(tmp_path / "state") == before


@every_way
def test_beside_a_cluster_other_things_stay_as_they_are(
    tmp_path: Path, way: Callable[[Path], Finished]
) -> None:
    path = tmp_path / "state"
    state = made(path, used=False)
    fill(path)
    theirs = [each for each in path.iterdir() if each.name not in own_names(state)]
    before = [seen(each) for each in theirs]
    finished = way(path)
    assert finished.status == 0, finished
    assert [seen(each) for each in theirs] == before
    assert path.stat().st_mode & 0o7777 == 0o775
    left = {each.name for each in path.iterdir()}
    assert left == {each.name for each in theirs} | own_names(state)


def own_names(state: StateDirectory) -> set[str]:
    return {"cluster.json", "ca", *(path.name for path in state.node_directories())}


def _authority_of_somebody(path: Path) -> None:
    (path / "ca").mkdir(exist_ok=True)
    (path / "ca" / "rootCA.key").write_text("secret")


def _authority_of_another_cluster(path: Path) -> None:
    other = made(path.parent / "other")
    shutil.rmtree(path / "ca", ignore_errors=True)
    shutil.copytree(other.authority, path / "ca")


def _link(path: Path) -> None:
    (path.parent / "target").mkdir()
    (path.parent / "target" / "file").write_text("precious")
    shutil.rmtree(path / "node-3", ignore_errors=True)
    (path / "node-3").symlink_to(path.parent / "target")


def _broken_link(path: Path) -> None:
    shutil.rmtree(path / "node-3", ignore_errors=True)
    (path / "node-3").symlink_to("nowhere")


def _file(path: Path) -> None:
    shutil.rmtree(path / "node-3", ignore_errors=True)
    (path / "node-3").write_text("mine")


def _other_node(path: Path) -> None:
    shutil.rmtree(path / "node-3", ignore_errors=True)
    (path / "node-3").mkdir()
    (path / "node-3" / "package.json").write_text("{}")


def _linked_cluster_file(path: Path) -> None:
    (path / "cluster.json").rename(path.parent / "kept.json")
    (path / "cluster.json").symlink_to(path.parent / "kept.json")


def _linked_change(path: Path) -> None:
    (path.parent / "target").write_text("precious")
    (path / "cluster.json.new").symlink_to(path.parent / "target")


def _client(path: Path) -> None:
    for each in ("ca", "node-1", "node-2", "node-3"):
        shutil.rmtree(path / each)
    (path / "tls").mkdir()


def _foreign_cluster_file(path: Path) -> None:
    for each in ("ca", "node-1", "node-2", "node-3"):
        shutil.rmtree(path / each)
    (path / "cluster.json").write_text('{"kind": "Cluster"}')


@pytest.mark.parametrize("way", [WAYS[1], WAYS[3]], ids=["--yes", "--fresh"])
@pytest.mark.parametrize(
    ("put", "parts"),
    [
        (_authority_of_somebody, ("ca/rootCA.key isn't Benmo's",)),
        (_authority_of_another_cluster, ("ca is not the authority of the cluster",)),
        (_link, ("node-3 is a symbolic link, to ", "target: remove the link")),
        (_broken_link, ("node-3 is a symbolic link, to nowhere: remove the link",)),
        (_file, ("node-3 is no directory: move it away",)),
        (_other_node, ("node-3 holds no node of Benmo's: move it away",)),
        (_linked_cluster_file, ("cluster.json is a symbolic link",)),
        (_linked_change, ("cluster.json.new is a symbolic link",)),
        (_client, ("is a client's directory",)),
        (_foreign_cluster_file, ("cluster.json is damaged", "Move it away")),
    ],
)
def test_what_is_in_the_way_is_named_before_anything_is_touched(
    tmp_path: Path,
    put: Callable[[Path], None],
    parts: tuple[str, ...],
    way: Callable[[Path], Finished],
) -> None:
    state = made(tmp_path / "state")
    put(state.path)
    before = seen(tmp_path)
    require_refused(way(state.path), *parts)
    assert seen(tmp_path) == before


@pytest.mark.parametrize("put", [_authority_of_somebody, _link, _broken_link, _file, _other_node])
@every_way
def test_without_a_cluster_too(
    tmp_path: Path, put: Callable[[Path], None], way: Callable[[Path], Finished]
) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    put(tmp_path / "state")
    before = seen(tmp_path)
    require_refused(way(tmp_path / "state"))
    assert seen(tmp_path) == before


@pytest.mark.parametrize("kept", ["ca", "node-?/tls", "cluster.json"])
def test_the_keys_of_a_cluster_that_runs_elsewhere_are_asked_for(tmp_path: Path, kept: str) -> None:
    state = made(tmp_path / "state")
    for node in state.node_directories():
        for each in (node, *node.iterdir()):
            if kept != "node-?/tls" or each.is_file():
                (shutil.rmtree if each.is_dir() else os.unlink)(each)
                if each == node:
                    break
    if kept != "ca":
        shutil.rmtree(state.authority)
    before = seen(tmp_path)
    refused = initialize(state.path)
    assert refused.status == 1
    assert "a cluster whose nodes are not here: --yes wipes it" in refused.err
    require_refused(demo(state.path, "--fresh"), "a cluster whose nodes are not here")
    assert seen(tmp_path) == before
    terminal = Terminal(*BENMO, "initialize", "--state-dir", str(state.path))
    try:
        terminal.wait_for("Wipe it? [y/N]:")
        terminal.type("n\r")
        assert terminal.wait_exit() == 1
    finally:
        terminal.close()
    assert seen(tmp_path) == before
    assert initialize(state.path, "--yes").status == 0


def test_a_file_of_the_users_in_a_nodes_directory_is_asked_for(tmp_path: Path) -> None:
    state = made(tmp_path / "state")
    assert Remains.of(state).loss == "", "a cluster that was never used"
    (state.node(2) / "notes.txt").write_text("mine")
    refused = initialize(state.path)
    assert refused.status == 1
    assert f"{state.node(2) / 'notes.txt'}, which isn't Benmo's: --yes wipes it" in refused.err


def test_what_a_demo_leaves_is_benmos(tmp_path: Path) -> None:
    path = tmp_path / "state"
    assert demo(path).status == 0
    (path / "history").write_text("+ls\n")
    assert Remains.of(StateDirectory(path)).loss == ""
    assert demo(path, "--fresh").status == 0
    assert (path / "history").exists()


@pytest.mark.parametrize("name", ["node-2", "node-2/tls", "ca", "cluster.json", "node-1/a b"])
def test_a_mount_point_is_named_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    state = made(tmp_path / "state")
    table = tmp_path / "mountinfo"
    point = str(state.path / name).replace(" ", "\\040")
    table.write_text(f"22 1 0:20 / /proc rw - proc proc rw\n23 1 0:21 / {point} rw - ext4 x rw\n")
    monkeypatch.setattr(remains, "_MOUNTS", table)
    with pytest.raises(Failure, match=f"{name} is a mount point: unmount it"):
        Remains.of(state)
    table.write_text(f"23 1 0:21 / {state.path} rw - ext4 x rw\n")
    assert Remains.of(state).paths, "the state directory itself may be one"


@pytest.mark.parametrize("name", ["", "node-2", "node-2/tls", "ca"])
def test_what_this_user_can_not_remove_is_named_before_anything_is_touched(
    tmp_path: Path, name: str
) -> None:
    state = made(tmp_path / "state", used=True)
    (state.path / name).chmod(0o500)
    before = seen(tmp_path)
    command = (*WITHOUT_PRIVILEGE, *BENMO, "initialize", "--yes", "--state-dir", str(state.path))
    finished = run(*command)
    assert finished.status == 1
    assert f"{state.path / name} can't be changed by this user" in finished.err
    assert seen(tmp_path) == before


def test_the_state_directory_of_a_clone_is_an_empty_one(tmp_path: Path) -> None:
    """The first command of the README, in a clean clone."""
    tracked = subprocess.run(
        ["git", "ls-files", "state"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    path = tmp_path / "state"
    path.mkdir()
    for name in tracked or ["state/.gitkeep"]:
        (tmp_path / name).touch()
    finished = initialize(path)
    assert (finished.status, finished.err) == (0, "")
    assert all((tmp_path / name).exists() for name in tracked)
    assert Remains.of(StateDirectory(path)).loss == ""


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (0o700, ""),
        (0o750, ""),
        (0o711, ""),
        (0o777, "chmod go-w"),
        (0o1777, ""),
    ],
)
def test_a_directory_that_was_there_keeps_its_mode_and_its_secrets(
    tmp_path: Path, mode: int, said: str
) -> None:
    path = tmp_path / "state"
    path.mkdir()
    path.chmod(mode)
    finished = initialize(path)
    assert (finished.status, finished.err) == (0, "")
    assert path.stat().st_mode & 0o7777 == mode
    assert (said in finished.out) if said else ("Others" not in finished.out)
    assert openness(path) in finished.out
    for each in path.rglob("*"):
        assert each.stat().st_mode & 0o077 == 0, each


def test_a_new_directory_is_for_its_owner_alone(tmp_path: Path) -> None:
    made(tmp_path / "deep" / "state")
    assert (tmp_path / "deep" / "state").stat().st_mode & 0o7777 == 0o700


@pytest.mark.parametrize("where", ["file/state", "dangling"])
def test_no_directory_is_told_in_one_line(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to("nowhere")
    before = seen(tmp_path)
    for way in WAYS:
        finished = way(tmp_path / where)
        assert finished.status == 1
        assert finished.err.count("\n") == 1, finished.err
    assert seen(tmp_path) == before


def test_through_a_link_the_directory_is_used_that_it_means(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o755)
    (tmp_path / "state").symlink_to("real")
    assert initialize(tmp_path / "state").status == 0
    assert (tmp_path / "state").is_symlink()
    assert len(StateDirectory(tmp_path / "real").load().nodes) == 3
