"""Defects 31 to 33 of the original: links that hung, doubled, or were never there."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from benmo.network.link import Link
from benmo.node.service import Service
from benmo.paxos.messages import Accepted, Nack, Prepare, Promise
from benmo.paxos.types import Ballot
from tests.support.mixed_cluster import MixedCluster, answer, command
from tests.support.processes import eventually
from tests.support.scripted_peers import ScriptedPeer, is_closed_by_peer, say


@pytest.mark.parametrize("one_way", [False, True])
def test_defect_31_a_severed_link_is_closed_so_that_the_peer_knows(
    tmp_path: Path, one_way: bool
) -> None:
    with MixedCluster(tmp_path) as cluster:
        node, peer = cluster.service(1), cluster.peer(2)
        connection = peer.dial(1)
        eventually(
            lambda: peer.open == 1 and node.view.link(2) is Link.UP, "the link is up both ways"
        )
        answer(node, "severLink 2 --one-way" if one_way else "severLink 2")
        eventually(lambda: peer.open == 0, "what the node wrote on is closed")
        if one_way:
            say(connection, Prepare(Ballot(1, 2)))
            eventually(lambda: node.view.status().promised == Ballot(1, 2), "it still hears")
        else:
            assert is_closed_by_peer(connection)
            assert is_closed_by_peer(peer.dial(1)), "nor does it take a new one"
        assert not peer.messages(Promise), "nothing is sent"
        answer(node, "restoreLink 2")
        say(peer.dial(1), Prepare(Ballot(2, 2)))
        eventually(lambda: peer.messages(Promise), "until it is restored")


def test_defect_32_a_restored_link_has_one_writer_and_one_reader(tmp_path: Path) -> None:
    with MixedCluster(tmp_path) as cluster:
        node, peer = cluster.service(1), cluster.peer(2)
        eventually(lambda: peer.open == 1, "the node has dialled")
        for _ in range(10):
            answer(node, "severLink 2")
            answer(node, "restoreLink 2")
            answer(node, "restoreLink all")
        old, new = peer.dial(1), peer.dial(1)
        eventually(lambda: node.view.link(2) is Link.UP, "the link is up again")
        assert is_closed_by_peer(old), "the one reader reads the newer connection"
        promises = [Promise(Ballot(round, 2), 0, None) for round in (3, 4, 5, 6)]
        for promise in promises:
            say(new, Prepare(promise.ballot))
            eventually(partial(has_got, peer, promise), "it is answered")
        eventually(lambda: peer.open == 1, "one connection is left")
        assert peer.messages(Promise) == promises, "each is answered once"
        assert not peer.messages(Nack)
        assert not peer.messages(Accepted)


@pytest.mark.parametrize("verb", ["severLink", "restoreLink"])
@pytest.mark.parametrize("target", [1, 0, -1, 4, 6, 10**17])
def test_defect_33_only_a_link_that_is_there_can_be_severed(
    tmp_path: Path, verb: str, target: int
) -> None:
    with MixedCluster(tmp_path) as cluster:
        node, _ = cluster.service(1), cluster.service(2)
        eventually(lambda: node.view.link(2) is Link.UP, "the link is up")
        rendered = command(node, f"{verb} {target}", "table")
        assert rendered.status == 1
        assert "\n" not in rendered.output
        assert f"node {target}" in rendered.output
        assert _links(node) == {2: "up", 3: "down"}
        answer(node, "moneyTransfer 10,1,2")
        assert answer(node, "wait 60")["outcome"] == "decided"


def has_got(peer: ScriptedPeer, message: Promise) -> bool:
    return message in peer.messages(Promise)


def _links(node: Service) -> dict[int, str]:
    return {peer["node"]: peer["link"] for peer in answer(node, "printStatus")["peers"]}
