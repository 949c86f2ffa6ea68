"""The log of a node without a prompt."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from benmo.commands.node_status import NodeSnapshot, PeerStatus
from benmo.network.link import Link
from benmo.node.headless import Changes
from benmo.paxos.messages import Confirm, Confirmed, Heartbeat
from benmo.paxos.types import Ballot, NodeId, Tenure
from tests.support.mixed_cluster import MixedCluster
from tests.support.processes import eventually
from tests.support.scripted_peers import say


def snapshot(
    leader: NodeId | None = None, up: Sequence[NodeId] = (2, 3), ballot: Ballot = Ballot.ZERO
) -> NodeSnapshot:
    """The state of node 1 of five."""
    return NodeSnapshot(
        node=1,
        role="acceptor",
        leader=leader,
        ballot=ballot,
        promised=ballot,
        accepted=None,
        height=7,
        head="ab" * 32,
        queue=0,
        quorum=len(up) >= 2,
        peers=tuple(
            PeerStatus(node, Link.UP if node in up else Link.DOWN, 7) for node in (2, 3, 4, 5)
        ),
        balance=100,
        available=100,
        countdown_s=None,
    )


def test_a_quorum_that_is_lost_or_back_is_told_once() -> None:
    changes = Changes(Tenure.BLOCK)
    assert changes.since_last(snapshot(up=())) == [], "at the start no peer is linked yet"
    assert changes.since_last(snapshot()) == ["a quorum is connected: node 1 reaches 3 of 5"]
    assert changes.since_last(snapshot(up=(2, 3, 4))) == []
    assert changes.since_last(snapshot(up=(4,))) == [
        "no quorum, nothing can be decided here: node 1 reaches 2 of 5, needs 3"
    ]
    assert changes.since_last(snapshot(up=())) == []


@pytest.mark.parametrize("tenure", list(Tenure))
def test_a_new_leader_is_told_where_leaders_last(tenure: Tenure) -> None:
    changes = Changes(tenure)
    changes.since_last(snapshot())
    told = [
        line
        for leader, number in ((3, 4), (3, 5), (None, 5), (3, 6), (1, 7))
        for line in changes.since_last(snapshot(leader, ballot=Ballot(number, leader or 3)))
    ]
    expected = ["node 3 leads, with ballot (4, 3)", "this node leads, with ballot (7, 1)"]
    assert told == (expected if tenure is Tenure.STABLE else [])


def test_a_headless_node_logs_warnings_and_the_signal_that_ends_it(tmp_path: Path) -> None:
    with MixedCluster(tmp_path) as cluster:
        peer, process = cluster.peer(2), cluster.process(1)
        connection = peer.dial(1)
        eventually(lambda: peer.open, "node 1 has dialled")
        say(connection, Heartbeat(5, Ballot.ZERO), Heartbeat(3, Ballot.ZERO), Confirm(1))
        eventually(lambda: peer.messages(Confirmed), "node 1 has read all three")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=180)
    first, *lines = err.splitlines()
    assert first.startswith("node 1 listens on ")
    assert process.returncode == 0
    told = [line.split(" ", 2)[2] for line in lines]
    went_back = "node 2's chain went back from height 5 to 3"
    assert any(line.startswith(went_back) for line in told), err
    assert told[-1] == "SIGTERM: node 1 stopped"
