"""The directory of a new cluster: its mode, its secrets, and where it may be."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benmo.admin.remains import Remains, openness
from benmo.cluster import StateDirectory
from tests.admin.ways_to_make import (
    WAYS,
    initialize,
    made,
    seen,
)
from tests.support.processes import ROOT


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
