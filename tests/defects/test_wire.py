"""Defects 21 to 30 of the original: messages that were cut, lost or believed, nodes that hung."""

from __future__ import annotations

import pickle
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgpack
import pytest

from benmo.admin.authority import Authority
from benmo.engine.events import LinkChanged
from benmo.ledger.blocks import Block, encode_block
from benmo.ledger.transfers import Run
from benmo.network.certificates import AUTHORITY, CERTIFICATE, KEY
from benmo.network.frames import FRAME_BYTES_MAX, frame
from benmo.network.link import Link
from benmo.network.wire import decode_message, encode_message
from benmo.node.service import Service
from benmo.paxos.membership import numbered_member
from benmo.paxos.messages import (
    Accept,
    Accepted,
    Behind,
    Blocks,
    Decide,
    Heartbeat,
    Message,
    Nack,
    Prepare,
    Promise,
)
from benmo.paxos.types import GENESIS_HASH, Ballot, Proposal, Tenure
from benmo.storage.journal import QueueRecord
from tests.support.engine_cluster import CLUSTER, Cluster
from tests.support.instances import at_once, campaign, chain_ids, deliver, forge, lead, prepare
from tests.support.mixed_cluster import MixedCluster, answer, command
from tests.support.numbered_nodes import opened
from tests.support.processes import eventually
from tests.support.scripted_peers import is_closed_by_peer, say

BALLOT = Ballot(1, 2)


@pytest.mark.parametrize(
    ("transfers", "piece_bytes"), [(1, 1), (100, 1024), (100, 1_000_000), (20_000, 16_000)]
)
def test_defect_21_a_block_of_any_length_arrives_whole_in_whatever_pieces(
    tmp_path: Path, transfers: int, piece_bytes: int
) -> None:
    block = _block(transfers)
    messages = (Prepare(BALLOT), Accept(Proposal(BALLOT, block)))
    data = b"".join(frame(encode_message(message)) for message in messages)
    with MixedCluster(tmp_path) as cluster:
        node, peer = cluster.service(1), cluster.peer(2)
        connection = peer.dial(1)
        for start in range(0, len(data), piece_bytes):
            connection.sendall(data[start : start + piece_bytes])
        eventually(lambda: peer.messages(Accepted), "it is accepted")
        say(connection, Decide(1, BALLOT, block.hash), Behind(0))
        eventually(lambda: peer.messages(Blocks), "the same block comes back")
        assert peer.messages(Blocks) == [Blocks((block,), 1)]
        assert answer(node, "printStatus")["height"] == 1


def links(service: Service) -> list[Link]:
    """The states of a node's links."""
    return [service.view.link(peer) for peer in service.view.peers]


def test_defect_22_messages_that_arrive_together_all_count(tmp_path: Path) -> None:
    block = _block(1)
    decide = frame(encode_message(Decide(1, BALLOT, block.hash)))
    both = [frame(encode_message(Prepare(BALLOT)))]
    both.append(frame(encode_message(Accept(Proposal(BALLOT, block)))))
    with MixedCluster(tmp_path) as cluster:
        node, peer = cluster.service(1), cluster.peer(2)
        connection = peer.dial(1)
        connection.sendall(b"".join(both) + decide[:7])
        eventually(lambda: peer.messages(Promise) and peer.messages(Accepted), "both are answered")
        connection.sendall(decide[7:])
        eventually(lambda: node.view.height == 1, "so does what came in two parts")
        assert peer.messages(Promise) == [Promise(BALLOT, 0, None)]
        assert peer.messages(Accepted) == [Accepted(BALLOT, 1)]


@pytest.mark.parametrize("silent", ["without a handshake", "in mid-frame", "after the handshake"])
def test_defect_23_a_silent_peer_does_not_stop_a_leader_that_has_a_quorum(
    tmp_path: Path, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benmo.network.peer_link.HANDSHAKE_TIMEOUT_S", 2.0)
    monkeypatch.setattr("benmo.network.frames.FRAME_TIMEOUT_S", 0.5)
    with MixedCluster(tmp_path, heartbeat_s=0.3) as cluster:
        node, _ = cluster.service(1), cluster.service(2)
        if silent == "without a handshake":
            cluster.keep(socket.create_server(cluster.address(3)))
            connection = socket.create_connection(cluster.address(1), 60.0)
            cluster.keep(connection)
        else:
            connection = cluster.peer(3, silence_counts=True).dial(1)
            if silent == "after the handshake":

                def is_heard() -> bool:
                    say(connection, Heartbeat(0, Ballot.ZERO))
                    return node.view.link(3) is Link.UP

                eventually(is_heard, "its link is up")
            else:
                connection.sendall(b"\x00\x00\x01\x00half of it")
        assert answer(node, "moneyTransfer 10,1,2")["outcome"] == "queued"
        assert answer(node, "wait 60") == {"outcome": "decided", "height": 1}
        eventually(lambda: node.view.link(3) is Link.DOWN, "a silent peer's link counts as down")
        if silent != "after the handshake":
            assert is_closed_by_peer(connection), "what was begun has a deadline"


class _Exploit:
    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self._mark,)


@pytest.mark.parametrize("who", ["nobody", "in clear", "a foreign authority's node", "node 2"])
def test_defect_24_no_byte_of_a_stranger_is_decoded_and_none_is_unpickled(
    tmp_path: Path, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    pickled = pickle.dumps(_Exploit(mark))
    genuine = frame(encode_message(Prepare(BALLOT)))
    decoded: list[bytes] = []

    def decode(data: bytes) -> Message:
        decoded.append(data)
        return decode_message(data)

    monkeypatch.setattr("benmo.network.peer_connections.decode_message", decode)
    with MixedCluster(tmp_path) as cluster:
        node, peer = cluster.service(1), cluster.peer(2)
        if who == "node 2":
            connection: socket.socket = peer.dial(1)
            connection.sendall(frame(pickled) + genuine)
            assert is_closed_by_peer(connection)
            assert decoded == [pickled], "refused, and what follows it not even looked at"
        else:
            for data in (genuine, frame(pickled), pickled):
                _send_as_stranger(cluster, who, tmp_path / "foreign", data)
            assert decoded == []
        assert not mark.exists()
        assert node.view.status().promised == Ballot.ZERO
        say(peer.dial(1), Prepare(BALLOT))
        eventually(lambda: peer.messages(Promise), "the node still answers its peer")
        assert encode_message(Prepare(BALLOT)) in decoded


def _send_as_stranger(cluster: MixedCluster, who: str, directory: Path, data: bytes) -> None:
    """Try it, and see the connection closed."""
    connection = socket.create_connection(cluster.address(1), 60.0)
    try:
        if who != "in clear":
            connection = _stranger(cluster, who, directory).wrap_socket(connection)
        connection.sendall(data)
    except OSError:
        return
    else:
        assert is_closed_by_peer(connection)
    finally:
        connection.close()


def _stranger(cluster: MixedCluster, who: str, directory: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if who != "nobody":
        directory.mkdir(exist_ok=True)
        Authority.make(cluster.definition.cluster).write_node(
            2, numbered_member(2), "127.0.0.1", directory
        )
        context.load_cert_chain(directory / CERTIFICATE, directory / KEY)
        context.load_verify_locations(directory / AUTHORITY)
    return context


@pytest.mark.parametrize("phase", ["prepare", "accept"])
def test_defect_25_a_refusal_is_said_aloud_and_the_next_ballot_is_higher(phase: str) -> None:
    cluster = at_once()
    cluster.pay(1, (2, 10))
    higher = Prepare(Ballot(5, 3))
    if phase == "prepare":
        forge(cluster, 3, 2, higher)
        campaign(cluster, 1)
        deliver(cluster, Prepare, 1, 2)
    else:
        prepare(cluster, 1, 2)
        forge(cluster, 3, 2, higher)
        deliver(cluster, Accept, 1, 2)
    (envelope,) = cluster.matching(Nack)
    assert (envelope.sender, envelope.to) == (2, 1)
    assert envelope.message == Nack(Ballot(1, 1), Ballot(5, 3))
    assert cluster.engine(1).replica.leader.is_active
    cluster.deliver(envelope)
    assert not cluster.engine(1).replica.leader.is_active, "at once, not after a time limit"
    cluster.network.pending.clear()
    prepare(cluster, 1, 2)
    assert cluster.engine(1).replica.leader.ballot == Ballot(6, 1)
    cluster.settle()
    assert chain_ids(cluster, 2) == [["1-1"]]


@pytest.mark.parametrize("severed", [3, 4, 5])
def test_defect_26_a_link_is_named_by_its_node_whoever_is_skipped(
    tmp_path: Path, severed: int
) -> None:
    assert _proposed_to_after_losing(severed) == {2, 3, 4, 5} - {severed}
    with MixedCluster(tmp_path, 5) as cluster:
        services = {node: cluster.service(node) for node in (1, 3, 4, 5)}
        rest = [node for node in (3, 4, 5) if node != severed]
        eventually(lambda: links(services[1]).count(Link.UP) == 3, "all but node 2 are up")
        assert answer(services[1], f"severLink {severed}")["node"] == severed
        expected = {2: "down", severed: "severed", rest[0]: "up", rest[1]: "up"}
        eventually(lambda: _links(services[1]) == expected, f"links are {expected}")
        eventually(lambda: _links(services[severed])[1] == "down", "node 1 is cut off there")
        eventually(
            lambda: all(_links(services[node])[1] == "up" for node in rest), "the others are not"
        )
        answer(services[1], "moneyTransfer 10,1,2")
        assert answer(services[1], "wait 60")["outcome"] == "decided"


def _proposed_to_after_losing(lost: int) -> set[int]:
    cluster = at_once(5)
    cluster.pay(1, (2, 10))
    campaign(cluster, 1)
    for peer in (2, 3, 4, 5):
        deliver(cluster, Prepare, 1, peer)
    cluster.turn(1, [LinkChanged(lost, False)])
    for peer in {2, 3, 4, 5} - {lost}:
        deliver(cluster, Promise, peer, 1)
    return {envelope.to for envelope in cluster.matching(Accept, 1)}


def _links(service: Service) -> dict[int, str]:
    peers = answer(service, "printStatus")["peers"]
    return {peer["node"]: peer["link"] for peer in peers}


@pytest.mark.parametrize("phase", ["prepare", "accept", "lead"])
def test_defect_27_a_node_campaigns_once_at_a_time(phase: str) -> None:
    cluster = at_once(tenure=Tenure.STABLE)
    cluster.pay(1, (2, 10))
    if phase == "lead":
        lead(cluster, 1, 2)
    else:
        prepare(cluster, 1, 2) if phase == "accept" else campaign(cluster, 1)
    leader = cluster.engine(1).replica.leader
    assert (leader.ballot, leader.phase) == (Ballot(1, 1), phase)
    for _ in range(8):
        cluster.now += 0.2
        cluster.pay(1, (2, 1))
        assert leader.ballot == Ballot(1, 1)
    sent = {envelope.message for envelope in cluster.matching(Prepare, 1)}
    assert sent == {Prepare(Ballot(1, 1))}
    assert leader.is_active
    cluster.settle()
    assert cluster.chain(1)[-1].ballot == Ballot(1, 1)
    cluster.assert_agreement()


@pytest.mark.parametrize(
    "bad",
    [
        frame(b"\xc1"),
        frame(b""),
        frame(msgpack.packb(["promise", {"ballot": "x", "height": None}])),
        frame(msgpack.packb(["gossip", {}])),
        (FRAME_BYTES_MAX + 1).to_bytes(4, "big"),
        frame(encode_message(Prepare(Ballot(9, 3)))),
    ],
    ids=["no msgpack", "nothing", "wrong fields", "unknown kind", "too long", "in another's name"],
)
def test_defect_28_a_bad_answer_costs_its_connection_and_nothing_else(
    tmp_path: Path, bad: bytes
) -> None:
    with MixedCluster(tmp_path) as cluster:
        node, peer = cluster.service(1), cluster.peer(2)
        connection = peer.dial(1)
        say(connection, Heartbeat(0, Ballot.ZERO))
        eventually(lambda: node.view.link(2) is Link.UP, "its link is up")
        answer(node, "moneyTransfer 10,1,3")
        eventually(lambda: peer.messages(Prepare), "it is asked")
        with suppress(OSError):
            connection.sendall(bad)
        assert is_closed_by_peer(connection)
        cluster.service(3)
        assert answer(node, "wait 60") == {"outcome": "decided", "height": 1}
        answer(node, "moneyTransfer 10,1,3")
        assert answer(node, "wait 60") == {"outcome": "decided", "height": 2}


@pytest.mark.parametrize("nodes", [1, 3])
def test_defect_29_a_leader_applies_its_own_block_without_a_socket(nodes: int) -> None:
    cluster = Cluster(nodes, election_delay_s=(0.0, 0.0))
    cluster.settle()
    if nodes == 1:
        cluster.crash(1)
        storage, _ = opened(cluster.machines[1].disk, CLUSTER, 1)
        storage.append((QueueRecord(Run(1, 1, (1,), (10,))),))
        cluster.start(1)
        cluster.advance(1)
    else:
        cluster.pay(1, (2, 10))
        prepare(cluster, 1, 2)
        deliver(cluster, Accept, 1, 2)
        cluster.network.cut = {(1, 2), (1, 3)}
        deliver(cluster, Accepted, 2, 1)
    assert chain_ids(cluster, 1) == [["1-1"]], "in the turn in which it has a quorum"
    assert cluster.engine(1).ledger.height == 1
    assert not cluster.matching(to=1)


def test_defect_30_a_node_learns_from_a_heartbeat_what_it_missed_and_marks_what_is_old(
    tmp_path: Path,
) -> None:
    with MixedCluster(tmp_path) as cluster:
        node = cluster.service(3)
        alone = command(node, "printBalance", "table").output
        assert "at height 0 (may be old: node 3 reaches 1 of 3, needs 2)" in alone
        peer = cluster.peer(1)
        connection = peer.dial(3)
        say(connection, Heartbeat(1, Ballot.ZERO))
        eventually(lambda: node.view.link(1) is Link.UP and peer.messages(Behind), "it asks")
        assert peer.messages(Behind)[0] == Behind(0)
        for line in ("printBalance", "printBalance all"):
            behind = command(node, line, "table").output
            assert behind.endswith("at height 0 (behind: others are at height 1)")
        say(connection, Blocks((_block(1),), 1))
        eventually(lambda: node.view.height == 1, "it learns the block")
        caught_up = command(node, "printBalance", "table").output
        assert caught_up == "node 3 has 101, at height 1"


def _block(transfers: int) -> Block:
    run = Run(2, 1, (3,) * transfers, (1,) * transfers)
    return encode_block(1, BALLOT, GENESIS_HASH, 0.0, (run,))
