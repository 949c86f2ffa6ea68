"""What `benmo verify` says where something else stands in place of one of a node's files."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from benmo.admin.verify import verified
from benmo.cluster import StateDirectory
from benmo.errors import StateError
from benmo.storage.node_storage import CHAIN, CHECKPOINT, JOURNAL
from tests.support.verified_state import PAYMENTS, damages, require_sound
from tests.support.written_state import chain_of, empty_state, write_node

FILES = [
    CHAIN,
    CHECKPOINT,
    JOURNAL,
    "lock",
    "keys.sqlite",
    "keys.sqlite-wal",
    "tls/key.pem",
    "tls/certificate.pem",
    "tls/authority.pem",
]


def socket_at(path: Path) -> None:
    """Leave a socket's file behind; its path may be longer than a socket's may be."""
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def loop_at(path: Path) -> None:
    path.symlink_to(path)


PLACED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a directory": (Path.mkdir, "it can't be read: Is a directory"),
    "a pipe": (os.mkfifo, "it can't be read: Not a regular file"),
    "a socket": (socket_at, "it can't be read: Not a regular file"),
    "a loop": (loop_at, "it can't be read: Too many levels of symbolic links"),
}


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    """A node that wrote an index of keys, in a cluster of three."""
    made = empty_state(tmp_path / "state")
    write_node(made, 1, chain_of(*PAYMENTS), 2)
    write_node(made, 2, chain_of(*PAYMENTS), 2)
    (made.node(1) / "lock").touch()
    (made.node(1) / "keys.sqlite").touch()
    require_sound(made)
    return made


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("what", PLACED)
def test_what_is_no_file_is_found(what: str, name: str, state: StateDirectory) -> None:
    place, said = PLACED[what]
    path = state.node(1) / name
    path.unlink(missing_ok=True)
    place(path)
    assert damages(state) == [f"node-1/{name}:1: {said}"]


@pytest.mark.parametrize("what", PLACED)
def test_in_place_of_the_clusters_file_it_ends_the_check(what: str, state: StateDirectory) -> None:
    place, said = PLACED[what]
    state.cluster_file.unlink()
    place(state.cluster_file)
    with pytest.raises(StateError, match=said.removeprefix("it ")) as refused:
        verified(state)
    assert str(refused.value).startswith(str(state.cluster_file))


@pytest.mark.parametrize("what", ["a pipe", "a socket", "a file"])
def test_in_place_of_a_nodes_directory_it_is_found(what: str, state: StateDirectory) -> None:
    state.node(1).rename(state.path / "moved")
    place = Path.touch if what == "a file" else PLACED[what][0]
    place(state.node(1))
    assert damages(state) == ["node-1:1: it can't be read: Not a directory"]
