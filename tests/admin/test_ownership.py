"""A cluster is made beside other people's things: not one byte, mode or time of theirs changes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benmo.admin import remains
from benmo.admin.remains import Remains
from benmo.cluster import StateDirectory
from benmo.errors import Failure
from tests.admin.ways_to_make import (
    WAYS,
    WITHOUT_PRIVILEGE,
    demo,
    every_way,
    fill,
    initialize,
    made,
    require_refused,
    seen,
)
from tests.support.processes import BENMO, Finished, run
from tests.support.terminals import Terminal


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
