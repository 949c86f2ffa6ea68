"""A peer that a test plays may be slow: its node still counts it in."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benmo.network.link import Link
from benmo.paxos.messages import Prepare
from tests.support.mixed_cluster import MixedCluster, answer
from tests.support.processes import eventually

LONGER_THAN_A_NODE_WAITS_BY_DEFAULT_S = 5.0


def test_a_peer_that_is_held_up_is_still_reached(tmp_path: Path) -> None:
    with MixedCluster(tmp_path) as cluster:
        node, peer = cluster.service(1), cluster.peer(2)
        peer.dial(1)
        eventually(lambda: node.view.link(2) is Link.UP, "the link is up")
        time.sleep(LONGER_THAN_A_NODE_WAITS_BY_DEFAULT_S)
        assert node.view.has_quorum
        answer(node, "moneyTransfer 10,1,3")
        eventually(lambda: peer.messages(Prepare), "node 1 campaigns")


def test_no_test_lasts_so_long_that_silence_counts(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    with MixedCluster(tmp_path) as cluster:
        silence_s = 3 * cluster.definition.settings.heartbeat_s
    assert silence_s > float(pytestconfig.getini("timeout"))
