"""What must be right before any node starts: state that is kept, settings, ports."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from benmo.cluster import StateDirectory
from benmo.demo.preparation import ClusterWishes, prepare
from benmo.errors import Failure
from benmo.paxos.types import Tenure
from benmo.storage.lock import DirectoryLock
from tests.demo.running_demos import Place, place


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, 3) as found:
        yield found


def wishes(here: Place, **more: object) -> ClusterWishes:
    return ClusterWishes(**{"nodes": 3, "port": here.port, **more})  # type: ignore[arg-type]


def no_offer(reason: str, port: int) -> bool:
    raise AssertionError(f"other ports were offered: {reason}, {port}")


def test_without_a_state_one_is_made_with_short_election_delays(here: Place) -> None:
    prepared = prepare(StateDirectory(here.state), wishes(here), no_offer)
    assert prepared.is_new
    assert prepared.cluster == StateDirectory(here.state).load()
    assert prepared.cluster.settings.election_delay_s == (2.0, 6.0)
    assert [address.port for address in prepared.cluster.nodes] == [
        here.port,
        here.port + 1,
        here.port + 2,
    ]


def test_a_state_is_kept_as_it_is(here: Place) -> None:
    state = StateDirectory(here.state)
    first = prepare(state, wishes(here, election_delay_s=(1.0, 9.0)), no_offer)
    again = prepare(state, ClusterWishes(), no_offer)
    assert not again.is_new
    assert again.cluster == first.cluster


def test_settings_that_are_given_are_written_to_a_state_that_is_kept(here: Place) -> None:
    state = StateDirectory(here.state)
    before = prepare(state, wishes(here), no_offer).cluster
    wanted = ClusterWishes(election_delay_s=(0.5, 1.5), tenure=Tenure.STABLE)
    after = prepare(state, wanted, no_offer).cluster
    assert after.cluster == before.cluster
    assert after.nodes == before.nodes
    assert after.settings.election_delay_s == (0.5, 1.5)
    assert after.settings.tenure is Tenure.STABLE
    assert after.settings.log_limit == before.settings.log_limit
    assert state.load() == after
    assert state.cluster_file.stat().st_mode & 0o777 == 0o600


def test_fresh_wipes_and_is_another_cluster(here: Place) -> None:
    state = StateDirectory(here.state)
    before = prepare(state, wishes(here), no_offer).cluster
    (state.node(1) / "mark").touch()
    after = prepare(state, wishes(here, fresh=True), no_offer)
    assert after.is_new
    assert after.cluster.cluster != before.cluster
    assert not (state.node(1) / "mark").exists()


@pytest.mark.parametrize(("option", "number"), [("nodes", 5), ("balance", 7)])
def test_what_can_not_be_changed_is_refused_with_the_remedy(
    here: Place, option: str, number: int
) -> None:
    state = StateDirectory(here.state)
    prepare(state, wishes(here), no_offer)
    with pytest.raises(Failure, match=f"--{option} .*--fresh wipes it"):
        prepare(state, wishes(here, **{option: number}), no_offer)


@pytest.mark.parametrize("fresh", [False, True])
def test_nothing_is_touched_while_a_node_runs_there(here: Place, fresh: bool) -> None:
    state = StateDirectory(here.state)
    before = prepare(state, wishes(here), no_offer).cluster
    lock = DirectoryLock(state.node(2))
    with pytest.raises(Failure, match=r"node-2 is in use by process \d+"):
        prepare(state, wishes(here, fresh=fresh, tenure=Tenure.STABLE), no_offer)
    lock.release()
    assert state.load() == before


def test_nodes_without_their_cluster_file_are_wiped_on_request_only(here: Place) -> None:
    state = StateDirectory(here.state)
    prepare(state, wishes(here), no_offer)
    state.cluster_file.unlink()
    with pytest.raises(Failure, match="--fresh"):
        prepare(state, wishes(here), no_offer)
    assert state.node(1).is_dir()
    assert prepare(state, wishes(here, fresh=True), no_offer).is_new


def test_nodes_whose_directories_are_gone_are_done_without_unless_all_are(here: Place) -> None:
    state = StateDirectory(here.state)
    first = prepare(state, wishes(here), no_offer)
    for node in (2, 3):
        state.node(node).rename(here.state / f"elsewhere-{node}")
        assert prepare(state, ClusterWishes(), no_offer).cluster == first.cluster
    state.node(1).rename(here.state / "elsewhere-1")
    with pytest.raises(Failure, match="node-1 is missing"):
        prepare(state, ClusterWishes(), no_offer)


def test_a_port_in_use_is_named_with_its_holder_and_other_ports_are_offered(here: Place) -> None:
    state = StateDirectory(here.state)
    prepare(state, wishes(here), no_offer)
    offers: list[tuple[str, int]] = []

    def accept(reason: str, port: int) -> bool:
        offers.append((reason, port))
        return True

    with socket.create_server(("127.0.0.1", here.port + 1)):
        after = prepare(state, ClusterWishes(), accept)
    ((reason, port),) = offers
    assert reason.startswith(f"port {here.port + 1} is in use. Process ")
    assert str(os.getpid()) in reason
    assert [address.port for address in after.cluster.addresses] == [port, port + 1, port + 2]
    assert here.port + 1 not in range(port, port + 3)
    assert state.load() == after.cluster


def test_other_ports_that_are_not_wanted_are_not_taken(here: Place) -> None:
    state = StateDirectory(here.state)
    with (
        socket.create_server(("127.0.0.1", here.port)),
        pytest.raises(Failure, match=f"port {here.port} is in use"),
    ):
        prepare(state, wishes(here), lambda *_: False)
    assert not state.cluster_file.exists()


def test_at_a_pipe_the_option_to_give_is_named(here: Place) -> None:
    with socket.create_server(("127.0.0.1", here.port + 2)):
        ended = here.pipe("ls", options=("--nodes", "3"))
    assert ended.status == 1
    assert f"port {here.port + 2} is in use. Process " in ended.err
    assert "--port " in ended.err
    assert not here.processes()


def test_an_address_of_another_machine_is_refused(here: Place) -> None:
    state = StateDirectory(here.state)
    prepare(state, wishes(here), no_offer)
    text = state.cluster_file.read_text()
    state.cluster_file.write_text(text.replace("127.0.0.1", "192.0.2.1"))
    with pytest.raises(Failure, match="The demo runs all nodes on this machine"):
        prepare(state, ClusterWishes(), no_offer)
