"""A peer that reads nothing for a while."""

from __future__ import annotations

import asyncio
import ssl
import threading
from pathlib import Path

import pytest

from benmo.engine.events import Event
from benmo.node.service import Service
from benmo.paxos.messages import Blocks
from tests.support.mixed_cluster import MixedCluster
from tests.support.processes import DEADLINE_S, eventually
from tests.support.scripted_peers import ScriptedPeer
from tests.support.taped_node import FIRST, block


def _many() -> Blocks:
    blocks = [FIRST]
    for slot in range(2, 3000):
        blocks.append(block(slot, blocks[-1].hash, FIRST.ballot))
    return Blocks(tuple(blocks), len(blocks))


class LatePeer(ScriptedPeer):
    """Reads nothing before it may."""

    may_read = threading.Event()

    def _read(self, connection: ssl.SSLSocket, number: int) -> None:
        self.may_read.wait()
        super()._read(connection, number)


def test_a_peer_is_full_until_it_reads_and_then_a_turn_sends_what_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MixedCluster(tmp_path) as cluster:
        service = cluster.service(1)
        happened: list[Event | None] = []
        peer, many = LatePeer(cluster.state, 2), _many()
        with peer:
            try:
                eventually(lambda: peer.accepted, "node 1 dials")
                sent = _sent_until_full(service, many)
                monkeypatch.setattr(service._turns, "happened", happened.append)
                assert happened == []
            finally:
                peer.may_read.set()
            eventually(lambda: len(peer.messages(Blocks)) == sent, "the peer has read all")
            assert not service._transport.is_full(2)
            eventually(lambda: None in happened, "a turn comes")
            monkeypatch.undo()


def _sent_until_full(service: Service, message: Blocks) -> int:
    """Send a message until the peer is full; how often it was sent while there was a link."""

    async def send() -> int:
        links = service._transport
        if links._links[2].outgoing is None:
            return 0
        for count in range(1, 1000):
            links.send(2, message)
            if links.is_full(2):
                return count
            await asyncio.sleep(0)
        raise AssertionError("never full")

    return eventually(lambda: service.call(send()).result(DEADLINE_S), "the peer is full")
