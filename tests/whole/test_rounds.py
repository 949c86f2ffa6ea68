"""A node with a certificate that claims ever higher rounds, so that none would be left."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from benmo.node.service import Service
from benmo.paxos.message_checks import round_max
from benmo.paxos.messages import Heartbeat, Message, Prepare
from benmo.paxos.types import Ballot
from tests.support.mixed_cluster import MixedCluster, answer
from tests.support.processes import eventually
from tests.support.scripted_peers import ScriptedPeer, is_closed_by_peer, say

_JUMP = 2**40 - 1
_CLAIMS = 8_192


def test_a_node_that_claims_ever_higher_rounds_stops_no_other(tmp_path: Path) -> None:
    with MixedCluster(tmp_path) as cluster:
        nodes = [cluster.service(node) for node in (1, 3)]
        peer = cluster.peer(2)
        claims = [Heartbeat(0, Ballot(count * _JUMP, 2)) for count in range(1, _CLAIMS + 1)]
        highest = int(round_max(time.time()))
        for node in nodes:
            _say_until_refused(peer, node.node, *claims, Heartbeat(0, Ballot(2**53 - 1, 2)))
            say(peer.dial(node.node), Prepare(Ballot(highest, 2)))
            _await_promise(node, highest)
            _say_until_refused(peer, node.node, Prepare(Ballot(2**53 - 1, 2)))
        for height in (1, 3):
            for offset, node in enumerate(nodes):
                answer(node, f"moneyTransfer 1,{node.node},2")
                decided = {"outcome": "decided", "height": height + offset}
                assert answer(node, "wait 150") == decided


def _say_until_refused(peer: ScriptedPeer, node: int, *messages: Message) -> None:
    connection = peer.dial(node)
    with suppress(OSError):  # the node may close before all is said
        say(connection, *messages)
    assert is_closed_by_peer(connection)


def _await_promise(node: Service, number: int) -> None:
    eventually(lambda: answer(node, "printStatus")["promised"][0] >= number, "it promises")
