"""`benmo client-certificate`: what it writes, and what it leaves as it was."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benmo.admin.authority import Authority
from benmo.admin.client_certificate import client_certificate
from benmo.admin.initialize import main as initialize
from benmo.cluster import StateDirectory
from benmo.network.certificates import AUTHORITY, KEY, ClientIdentity, own_identity
from tests.support.engine_cluster import CLUSTER
from tests.support.written_state import content, empty_state


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    """The desk: `cluster.json` and `ca/`."""
    made = empty_state(tmp_path / "state")
    made.authority.mkdir()
    Authority.make(CLUSTER).write(made.authority)
    return made


def test_a_new_cluster_leaves_clients_as_they_are(tmp_path: Path) -> None:
    """The old cluster's are of no use any more; no program may take them for a stranger's."""
    state = StateDirectory(tmp_path / "state")
    words = ["--nodes=3", f"--state-dir={state.path}"]
    assert CliRunner().invoke(initialize, words).exit_code == 0
    assert make(state, "shop").exit_code == 0
    before = content(state.client("shop").path)
    made = CliRunner().invoke(initialize, words)
    assert made.exit_code == 0, made.output
    assert content(state.client("shop").path) == before


def make(state: StateDirectory, *words: str) -> Result:
    return CliRunner().invoke(client_certificate, [*words, "--state-dir", str(state.path)])


@pytest.mark.parametrize(
    ("words", "identity", "said"),
    [
        ((), ClientIdentity(CLUSTER, "shop", True), "may pay with any node's money, and read"),
        (("--node", "2"), ClientIdentity(CLUSTER, "shop", True, 2), "pay with node 2's money"),
        (("--read-only",), ClientIdentity(CLUSTER, "shop", False), "may only read"),
    ],
)
def test_a_clients_directory_is_all_that_a_program_needs(
    words: tuple[str, ...], identity: ClientIdentity, said: str, state: StateDirectory
) -> None:
    done = make(state, "shop", *words)
    assert done.exit_code == 0, done.output
    assert said in done.output
    client = state.client("shop")
    assert client.load() == state.load()
    assert client.credentials(1) == client.credentials(3) == client.client_tls
    assert own_identity(client.client_tls) == identity


def test_only_its_owner_may_read_it_whatever_the_umask(state: StateDirectory) -> None:
    old = os.umask(0)
    try:
        assert make(state, "shop").exit_code == 0
    finally:
        os.umask(old)
    client = state.client("shop").path
    for path in (client, *client.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_it_may_be_written_elsewhere(state: StateDirectory, tmp_path: Path) -> None:
    assert make(state, "shop", "--output", str(tmp_path / "for-the-shop")).exit_code == 0
    elsewhere = StateDirectory(tmp_path / "for-the-shop")
    assert own_identity(elsewhere.client_tls) == ClientIdentity(CLUSTER, "shop", True)
    assert not state.client("shop").path.exists()


@pytest.mark.parametrize("there", ["directory", "empty", "file", "link"])
def test_what_is_there_already_stays_as_it_is(there: str, state: StateDirectory) -> None:
    path = state.client("shop").path
    if there == "directory":
        path.mkdir()
        (path / "mine").write_text("mine")
    elif there == "empty":
        path.mkdir()
    elif there == "file":
        path.write_text("mine")
    else:
        path.symlink_to(state.path / "nowhere")
    before = content(state.path)
    done = make(state, "shop")
    assert (done.exit_code, done.output) == (
        1,
        f"benmo: {path} is there already: remove it first, or choose another name\n",
    )
    assert content(state.path) == before


@pytest.mark.parametrize(
    "name", ["", "Shop", "1st", "-x", "sh op", "../x", "a/b", "caf\u00e9", "x" * 33, "shop\n"]
)
def test_a_name_is_a_short_word(name: str, state: StateDirectory) -> None:
    done = make(state, "--", name) if name.startswith("-") else make(state, name)
    assert done.exit_code == 2
    assert not list(state.path.glob("client-*"))


def test_what_makes_no_sense_together_is_refused(state: StateDirectory) -> None:
    assert make(state, "shop", "--read-only", "--node", "2").exit_code == 2
    done = make(state, "shop", "--node", "9")
    assert (done.exit_code, done.output) == (
        1,
        "benmo: there is no node 9 in this cluster: nodes are 1 to 3\n",
    )


@pytest.mark.parametrize("what", ["no cluster", "no ca", "no key", "another's", "no place"])
def test_where_none_can_be_made_one_line_says_why(
    what: str, state: StateDirectory, tmp_path: Path
) -> None:
    words: tuple[str, ...] = ()
    said = f"benmo: {state.authority / KEY} can't be read: No such file or directory\n"
    match what:
        case "no cluster":
            state.cluster_file.unlink()
            said = f"benmo: {state.path} holds no cluster"
        case "no ca":
            shutil.rmtree(state.authority)
            said = f"benmo: {state.authority / AUTHORITY} can't be read: No such file"
        case "no key":
            (state.authority / KEY).unlink()
        case "another's":
            Authority.make("f" * 32).write(state.authority)
            said = f"benmo: {state.authority / AUTHORITY} is not the authority of cluster cccc"
        case "no place":
            place = tmp_path / "nowhere" / "client"
            words = ("--output", str(place))
            said = f"benmo: {place} can't be made: No such file or directory\n"
    before = content(state.path)
    done = make(state, "shop", *words)
    assert done.exit_code == 1
    assert done.output.startswith(said)
    assert done.output.count("\n") == 1
    assert content(state.path) == before
    assert not list(tmp_path.rglob(".client-*"))
