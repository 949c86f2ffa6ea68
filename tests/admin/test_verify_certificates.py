"""What `benmo verify` says of keys and certificates, of nodes and of clients."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from benmo.admin.authority import Authority
from benmo.admin.verify import verified
from benmo.cluster import StateDirectory
from benmo.commands.answers import Answer
from benmo.network.certificates import AUTHORITY, CERTIFICATE, KEY
from benmo.paxos.membership import numbered_member
from tests.support.engine_cluster import CLUSTER
from tests.support.verified_state import PAYMENTS, damages, require_sound, results
from tests.support.written_state import (
    authority,
    chain_of,
    empty_state,
    write_certificate,
    write_node,
)


@pytest.fixture
def state(tmp_path_factory: pytest.TempPathFactory) -> StateDirectory:
    """Node 1 with a chain; of node 2 only the certificate; and a client."""
    made = empty_state(tmp_path_factory.mktemp("verified") / "state")
    write_node(made, 1, chain_of(*PAYMENTS), 2)
    write_certificate(made, 2)
    client = made.client("shop")
    client.client_tls.mkdir(parents=True)
    shutil.copy(made.cluster_file, client.path)
    authority().write_client("shop", True, None, client.client_tls)
    return made


def test_certificates_that_fit_are_sound(state: StateDirectory) -> None:
    answer = require_sound(state)
    assert results(answer) == ["sound", "not here", "not here", "sound"]
    assert answer.table is not None
    assert answer.table.rows[-1] == ("client-shop", "", "", "", "sound")
    assert values(answer)[-1] == {"client": "client-shop", "result": "sound", "damage": None}


def values(answer: Answer) -> Any:
    """The JSON form, as a list of checks."""
    return answer.value


def foreign(name: str) -> Callable[[StateDirectory], None]:
    """Replace a node's file by another cluster's."""

    def change(state: StateDirectory) -> None:
        other = state.path / "other"
        other.mkdir()
        Authority.make("f" * 32).write_node(1, numbered_member(1), "127.0.0.1", other)
        for each in (KEY, CERTIFICATE, AUTHORITY) if name == "all" else (name,):
            shutil.copy(other / each, state.tls(1))

    return change


def of_node_two(state: StateDirectory) -> None:
    shutil.copytree(state.tls(2), state.tls(1), dirs_exist_ok=True)


def of_a_client(state: StateDirectory) -> None:
    shutil.copytree(state.client("shop").client_tls, state.tls(1), dirs_exist_ok=True)


NODE_ONE: dict[str, tuple[Callable[[StateDirectory], object], str]] = {
    "another node's": (of_node_two, f"{CERTIFICATE}:1: it is of node 2 of cluster cccccccc, not"),
    "a client's": (of_a_client, f"{CERTIFICATE}:1: it is of client shop of cluster cccccccc, not"),
    "another cluster's": (foreign("all"), f"{CERTIFICATE}:1: it is of node 1 of cluster fff"),
    "a foreign authority": (foreign(AUTHORITY), f"{CERTIFICATE}:1: it doesn't verify against"),
    "a foreign key": (foreign(KEY), f"{KEY}:1: it isn't the key of certificate.pem"),
    "no key": (lambda state: (state.tls(1) / KEY).unlink(), f"{KEY}:1: it can't be read: No such"),
    "none": (lambda state: shutil.rmtree(state.tls(1)), f"{KEY}:1: it can't be read: No such file"),
}


@pytest.mark.parametrize("what", NODE_ONE)
def test_a_node_that_could_not_start_is_damaged(what: str, state: StateDirectory) -> None:
    change, said = NODE_ONE[what]
    change(state)
    (found,) = damages(state)
    assert found.startswith(f"node-1/tls/{said}")
    answer = verified(state)
    assert values(answer)[0]["height"] == 3, "its chain is checked all the same"
    assert results(answer) == ["damaged", "not here", "not here", "sound"]


def test_a_certificate_without_a_node_is_checked_too(state: StateDirectory) -> None:
    shutil.copytree(state.tls(1), state.tls(2), dirs_exist_ok=True)
    (found,) = damages(state)
    assert found.startswith(f"node-2/tls/{CERTIFICATE}:1: it is of node 1 of cluster cccccccc, not")
    shutil.rmtree(state.node(1))
    (state.tls(2) / KEY).unlink()
    (found,) = damages(state)
    assert found.startswith(f"node-2/tls/{KEY}:1: it can't be read"), "at a desk, too"


def test_damage_to_the_chain_comes_before_damage_to_certificates(state: StateDirectory) -> None:
    of_node_two(state)
    (state.node(1) / "journal.jsonl").unlink()
    assert damages(state) == ["node-1/journal.jsonl:1: it is missing"]


CLIENT: dict[str, tuple[Callable[[StateDirectory], object], str]] = {
    "a node's certificate": (
        lambda client: authority().write_node(2, numbered_member(2), "h", client.client_tls),
        f"tls/{CERTIFICATE}:1: it is of node 2 of cluster cccccccc, not of a client of cluster ccc",
    ),
    "another cluster's certificate": (
        lambda client: Authority.make("f" * 32).write_client("a", True, None, client.client_tls),
        f"tls/{CERTIFICATE}:1: it is of client a of cluster ffffffff, not of a client of",
    ),
    "no key": (lambda client: (client.client_tls / KEY).unlink(), f"tls/{KEY}:1: it can't be read"),
    "no cluster": (lambda client: client.cluster_file.unlink(), "cluster.json:1: it is missing"),
    "a damaged cluster": (
        lambda client: client.cluster_file.write_text("{"),
        "cluster.json:1: it is damaged: ",
    ),
    "another cluster": (
        lambda client: client.cluster_file.write_text(
            client.cluster_file.read_text().replace(CLUSTER, "f" * 32)
        ),
        f"tls/{CERTIFICATE}:1: it is of client shop of cluster cccccccc, not of a client of",
    ),
}


@pytest.mark.parametrize("what", CLIENT)
def test_a_client_that_could_not_connect_is_damaged(what: str, state: StateDirectory) -> None:
    change, said = CLIENT[what]
    change(state.client("shop"))
    (found,) = damages(state)
    assert found.startswith(f"client-shop/{said}")
    assert results(verified(state))[-1] == "damaged"


def test_a_client_of_a_cluster_that_was_wiped_is_no_damage(state: StateDirectory) -> None:
    """A new cluster in the old one's place leaves it as it is."""
    client = state.client("shop")
    client.cluster_file.write_text(client.cluster_file.read_text().replace(CLUSTER, "f" * 32))
    Authority.make("f" * 32).write_client("shop", True, None, client.client_tls)
    assert results(require_sound(state))[-1] == "another cluster's"


def test_a_clients_own_directory_can_be_verified(state: StateDirectory) -> None:
    client = state.client("shop")
    assert results(require_sound(client)) == ["not here", "not here", "not here", "sound"]
    (client.client_tls / CERTIFICATE).write_text("")
    (found,) = damages(client)
    assert found == f"tls/{CERTIFICATE}:1: it is damaged: it holds no certificate"


def test_a_directory_that_is_named_like_a_clients_and_is_none_is_left_alone(
    state: StateDirectory,
) -> None:
    (state.path / "client-photos").mkdir()
    (state.path / "client-list").write_text("of somebody's")
    assert results(require_sound(state)) == ["sound", "not here", "not here", "sound"]
