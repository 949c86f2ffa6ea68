"""Nodes whose key and certificates are not their own: they don't start, and say in a line why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benmo.admin.authority import Authority
from benmo.network.certificates import AUTHORITY, CERTIFICATE, KEY
from benmo.paxos.membership import numbered_member
from tests.support.processes import BENMO, NODE, run
from tests.support.real_cluster import RealCluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with RealCluster(tmp_path_factory.mktemp("certificates"), 3) as made:
        assert run(*BENMO, "client-certificate", "shop", *made.state_option).status == 0
        yield made


def copied(*names: str, of: str) -> Callable[[Path], None]:
    """Copy these files over node 2's; `of` is where they are in the state directory."""

    def change(state: Path) -> None:
        for name in names:
            shutil.copy(state / of / "tls" / name, state / "node-2" / "tls")

    return change


def foreign(*names: str) -> Callable[[Path], None]:
    """Take these files of the node 2 of another cluster."""

    def change(state: Path) -> None:
        other = state / "other" / "tls"
        other.mkdir(parents=True)
        Authority.make("f" * 32).write_node(2, numbered_member(2), "127.0.0.1", other)
        copied(*names, of="other")(state)
        shutil.rmtree(state / "other")

    return change


def cut_short(state: Path) -> None:
    path = state / "node-2" / "tls" / CERTIFICATE
    path.write_text(path.read_text()[:300])


ALL = (KEY, CERTIFICATE, AUTHORITY)
CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "node 3's files": (copied(*ALL, of="node-3"), f"{CERTIFICATE}: it is of node 3 of cluster "),
    "a client's files": (copied(*ALL, of="client-shop"), f"{CERTIFICATE}: it is of client shop "),
    "node 3's key": (copied(KEY, of="node-3"), f"{KEY}: it isn't the key of certificate.pem"),
    "another cluster's files": (foreign(*ALL), f"{CERTIFICATE}: it is of node 2 of cluster ffff"),
    "a foreign authority": (foreign(AUTHORITY), f"{CERTIFICATE}: it doesn't verify against auth"),
    "a certificate cut short": (cut_short, f"{CERTIFICATE}: it is damaged: it holds no certificat"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_node_without_its_own_certificate_does_not_start(
    what: str, cluster: RealCluster, tmp_path: Path
) -> None:
    change, said = CHANGES[what]
    state = tmp_path / "state"
    shutil.copytree(cluster.state, state)
    change(state)
    before = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    started = run(*NODE, "2", "--headless", "--state-dir", str(state))
    assert (started.status, started.out) == (1, "")
    assert started.err.startswith(f"benmo: {state}/node-2/tls/{said}"), started.err
    assert started.err.count("\n") == 1
    assert {path: path.read_bytes() for path in before} == before
    checked = run(*BENMO, "verify", str(state), "--format", "json")
    assert checked.status == 1
    (_, two, *_) = json.loads(checked.out)
    assert two["damage"]["file"] == f"{state}/node-2/tls/{said.partition(':')[0]}"
    asked = run(*BENMO, "attach", "2", "-e", "printBalance", "--state-dir", str(state))
    assert asked.status == 1
    said, _, remedy = started.err.partition(". Put back any copy of ")
    assert asked.err == f"{said}\n"
    assert "If there is none, benmo replace 2 gives it a new member" in remedy
