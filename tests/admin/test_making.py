"""A new cluster takes an old one's place as a whole or not at all, wherever it is interrupted."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benmo.admin.addresses import addresses
from benmo.admin.making import make_anew, new_cluster
from benmo.admin.remains import Remains
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.demo.preparation import ClusterWishes, prepare
from benmo.errors import Failure
from benmo.network.ports import free_ports
from tests.admin.ways_to_make import Seen, fill, made, seen
from tests.support.verified_state import require_sound

_STEPS = ("rename", "mkdir", "rmdir", "unlink", "open")


class PowerOff(BaseException):
    """The machine stops at this moment; nothing that handles exceptions gets anything done."""


class Power:
    """Counts a program's steps on the disk; off from a chosen one on."""

    def __init__(self) -> None:
        self.steps = 0
        self.last = -1

    def step(self) -> None:
        if self.steps == self.last:
            raise PowerOff
        self.steps += 1


@contextmanager
def power(monkeypatch: pytest.MonkeyPatch, last: int = -1) -> Iterator[Power]:
    """Let the power go off after `last` steps."""
    supply = Power()
    supply.last = last

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            supply.step()
            return function(*arguments, **named)

        return step

    with monkeypatch.context() as patched:
        for name in _STEPS:
            patched.setattr(os, name, counted(getattr(os, name)))
        yield supply


def replace(state: StateDirectory) -> None:
    cluster = new_cluster(addresses(3, 9001), ClusterSettings())
    make_anew(state, cluster, Remains.of(state).paths)


def interrupted(monkeypatch: pytest.MonkeyPatch, state: StateDirectory, last: int) -> bool:
    """Whether the power went off before a cluster was made."""
    try:
        with power(monkeypatch, last):
            replace(state)
    except PowerOff:
        return True
    return False


def content(seen_before: Seen) -> dict[str, object]:
    return {name: what[0] for name, what in seen_before.items() if "/.benmo-" not in name}


def require_whole(state: StateDirectory) -> None:
    """Check that a cluster is here that nothing is wrong with, and nothing else of Benmo's."""
    require_sound(state)
    names = {path.name for path in state.path.iterdir()}
    assert not {name for name in names if name.startswith(".benmo")}


def test_wherever_it_is_interrupted_the_old_cluster_is_whole_or_repeating_mends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = made(tmp_path / "template", used=True)
    (template.path / "notes.txt").write_text("mine")
    last = 0
    outcomes = set()
    while True:
        state = StateDirectory(tmp_path / "state")
        shutil.copytree(template.path, state.path)
        before = content(seen(state.path))
        is_over = not interrupted(monkeypatch, state, last)
        if state.cluster_file.exists() and state.load() == template.load():
            outcomes.add("old")
            assert content(seen(state.path)) == before
            assert Remains.of(state).loss == "promises of 1 nodes", "it is asked for again"
        elif state.cluster_file.exists():
            outcomes.add("new")
        else:
            outcomes.add("neither")
            remains = Remains.of(state)
            assert (remains.loss, remains.is_elsewhere) == ("", False), "it was asked for"
            interrupted(monkeypatch, state, last * 7 % 100)
            assert state.cluster_file.exists() or Remains.of(state).loss == ""
        replace(state)
        require_whole(state)
        assert (state.path / "notes.txt").read_text() == "mine"
        shutil.rmtree(state.path)
        if is_over:
            break
        last += 1
    assert outcomes == {"old", "neither", "new"}


def test_a_first_cluster_that_is_interrupted_is_made_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = 0
    is_over = False
    while not is_over:
        state = StateDirectory(tmp_path / f"state-{last}")
        is_over = not interrupted(monkeypatch, state, last)
        if not state.cluster_file.exists():
            remains = Remains.of(state)
            assert (remains.loss, remains.is_elsewhere) == ("", False)
            if last % 10 == 0:
                wishes = ClusterWishes(nodes=3, port=free_ports(3))
                assert prepare(state, wishes, lambda *_: False).is_new
            replace(state)
            require_whole(state)
        last += 1


def test_a_disk_that_is_full_leaves_the_old_cluster_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = made(tmp_path / "state", used=True)
    fill(state.path)
    before = seen(state.path)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            replace(state)
    after = seen(state.path)
    assert {**after, str(state.path): None} == {**before, str(state.path): None}


def test_a_directory_that_can_not_be_renamed_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = made(tmp_path / "state", used=True)
    before = state.load()
    rename = os.rename

    def within_one_layer(old: Path, new: Path, **named: Any) -> None:
        if Path(new).parent == state.replaced.path and Path(old).is_dir():
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(old, new, **named)

    monkeypatch.setattr(os, "rename", within_one_layer)
    replace(state)
    assert state.load() != before
    require_whole(state)


def test_two_programs_do_not_make_a_cluster_in_one_place(tmp_path: Path) -> None:
    state = made(tmp_path / "state")
    before = seen(state.path)
    descriptor = os.open(state.path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(Failure, match="another program is making a cluster there"):
            replace(state)
    finally:
        os.close(descriptor)
    assert seen(state.path) == before


def test_what_a_run_left_behind_is_no_consent_to_the_next_wipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old state could be left half removed, and years later `cluster.json` be away."""
    state = made(tmp_path / "state", used=True)
    last = 0
    while interrupted(monkeypatch, state, last):
        if state.cluster_file.exists() and state.wiped.path.exists():
            break
        shutil.rmtree(state.path)
        state = made(tmp_path / "state", used=True)
        last += 1
    assert state.wiped.path.exists() and not state.replaced.path.exists()
    away = state.cluster_file.rename(tmp_path / "cluster.json")
    assert not state.is_unfinished
    assert Remains.of(state).loss != ""
    away.rename(state.cluster_file)
    replace(state)
    require_whole(state)
