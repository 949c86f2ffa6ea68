"""Clients that attempt everything at real nodes, under certificates that allow a part of it."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import pytest

from benmo.client import Client, Refused
from benmo.cluster import StateDirectory
from benmo.commands.table import COMMANDS
from benmo.control.attached_node import AttachedNode
from benmo.control.connection import connect
from benmo.control.member_requests import ProposeChange, ReadMembers
from benmo.control.requests import (
    AnsweredRequest,
    ControlAnswer,
    ControlRequest,
    Find,
    Hurry,
    NotDone,
    Pay,
    Ran,
    ReadBalances,
    ReadBlocks,
    ReadUsage,
    RunLine,
    Watch,
)
from benmo.control.tape_requests import Listen
from benmo.ledger.blocks import change_body, encode_block
from benmo.ledger.transfers import Payments, Run
from benmo.network.certificates import client_context, server_context
from benmo.network.frames import frame
from benmo.network.wire import encode_message
from benmo.notices import Notice, PeerNotDialled
from benmo.paxos.messages import (
    Accept,
    Accepted,
    Behind,
    Blocks,
    Confirm,
    Confirmed,
    Decide,
    Forward,
    Heartbeat,
    Message,
    Nack,
    Prepare,
    Promise,
)
from benmo.paxos.types import GENESIS_HASH, Ballot, Change, ChangeKind, Proposal
from tests.support.processes import BENMO, DEADLINE_S, Finished, run
from tests.support.real_cluster import RealCluster

READS, PAYS = "books", "shop"
PAYS_AT_TWO = "two"
WAIT_S = 60.0

PAYMENT = Payments.of((3, 1))
REMOVAL = Change(ChangeKind.REMOVE, 3, "a" * 32)
REQUESTS: dict[type, AnsweredRequest] = {
    RunLine: RunLine(1, "printBalance", "json"),
    Pay: Pay(2, PAYMENT, WAIT_S),
    Find: Find(3, "k", 0, WAIT_S),
    ReadBalances: ReadBalances(4, True, 0, WAIT_S),
    ReadBlocks: ReadBlocks(5, 1, 1, 0.0),
    ReadUsage: ReadUsage(6),
    ReadMembers: ReadMembers(8),
    ProposeChange: ProposeChange(9, change_body(REMOVAL), WAIT_S),
}
LINES = {
    "moneyTransfer": "moneyTransfer 1,2,3",
    "printBlockchain": "printBlockchain",
    "printBalance": "printBalance all",
    "printQueue": "printQueue",
    "printStatus": "printStatus",
    "printMembers": "printMembers",
    "severLink": "severLink 1",
    "restoreLink": "restoreLink all",
    "delayLink": "delayLink 1 60000",
    "crashNode": "crashNode",
    "wait": "wait 60",
    "help": "help",
    "exit": "exit",
}
CHANGES = ("moneyTransfer", "severLink", "restoreLink", "delayLink", "crashNode")
FOR_NODES_ALONE = ("severLink", "restoreLink", "delayLink", "crashNode")
MAY_ONLY_READ = '{"outcome":"refused","reason":"this certificate may only read at node 2"}'

BALLOT = Ballot(9, 1)
BLOCK = encode_block(1, BALLOT, GENESIS_HASH, 1.0, (Run(1, 1, (2,), (100,)),))
MESSAGES: dict[type, Message] = {
    Prepare: Prepare(BALLOT),
    Promise: Promise(BALLOT, 0, None),
    Accept: Accept(Proposal(BALLOT, BLOCK)),
    Accepted: Accepted(BALLOT, 1),
    Nack: Nack(BALLOT, Ballot(99, 3)),
    Decide: Decide(1, BALLOT, BLOCK.hash),
    Behind: Behind(0),
    Blocks: Blocks((BLOCK,), 1),
    Heartbeat: Heartbeat(1, BALLOT),
    Confirm: Confirm(1),
    Confirmed: Confirmed(1, 1),
    Forward: Forward(Run(1, 1, (2,), (100,))),
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Three nodes that have paid nothing yet, and the directories of three clients."""
    with RealCluster(tmp_path_factory.mktemp("clients"), 3, tenure="stable") as made:
        for words in ((READS, "--read-only"), (PAYS,), (PAYS_AT_TWO, "--node", "2")):
            assert run(*BENMO, "client-certificate", *words, *made.state_option).status == 0
        made.start()
        made.until_linked()
        yield made


def directory_of(cluster: RealCluster, client: str) -> StateDirectory:
    return StateDirectory(cluster.state).client(client)


def answers(cluster: RealCluster, client: str, *asked: ControlRequest) -> list[ControlAnswer]:
    """Node 2's answers to a client's requests, sent on one connection."""

    async def ask() -> list[ControlAnswer]:
        connection = await connect(directory_of(cluster, client), 2)
        try:
            found = []
            for request in asked:
                if isinstance(request, Watch | Hurry | Listen):
                    connection.tell(request)
                else:
                    found.append(await connection.ask(request, DEADLINE_S))
            return found
        finally:
            connection.abort()

    return asyncio.run(ask())


def attach(cluster: RealCluster, client: str, node: int, line: str) -> Finished:
    words = ("attach", str(node), "-e", line, "--format", "json")
    return run(*BENMO, *words, "--state-dir", str(directory_of(cluster, client).path))


def state_of_two(cluster: RealCluster) -> Any:
    """All that a client must not have changed, as node 2's own certificate shows it."""
    status = cluster.ask(2, "printStatus")
    links = [(peer["node"], peer["link"]) for peer in status["peers"]]
    return status["promised"], status["height"], status["queue"], links


def test_everything_is_attempted() -> None:
    assert {*REQUESTS, Watch, Hurry, Listen} == set(get_args(ControlRequest))
    assert list(LINES) == [command.name for command in COMMANDS]
    assert set(MESSAGES) == set(get_args(Message))


def test_a_client_that_reads_reads_and_changes_nothing(cluster: RealCluster) -> None:
    before = state_of_two(cluster)
    found = answers(cluster, READS, *REQUESTS.values(), Watch(), Hurry(), Listen(6), ReadUsage(7))
    refused = [answer for answer in found if isinstance(answer, NotDone)]
    why = "this certificate may only read at node 2"
    assert refused == [NotDone(number, why, True, "not allowed") for number in (2, 9)]
    for name, line in LINES.items():
        (answer,) = answers(cluster, READS, RunLine(1, line, "json"))
        assert isinstance(answer, Ran)
        assert answer.status == (1 if name in CHANGES else 0), name
        assert (answer.output == MAY_ONLY_READ) == (name in CHANGES)
        shown = attach(cluster, READS, 2, line)
        assert shown.status == (1 if name in CHANGES else 0), shown
    assert state_of_two(cluster) == before


@pytest.mark.parametrize("name", CHANGES)
def test_no_spelling_of_a_command_is_missed(cluster: RealCluster, name: str) -> None:
    before = state_of_two(cluster)
    _, _, arguments = LINES[name].partition(" ")
    for spelled in (name.upper(), name[:3], f"  {name} ,", name[0]):
        (answer,) = answers(cluster, READS, RunLine(1, f"{spelled} {arguments}", "tsv"))
        assert isinstance(answer, Ran)
        assert answer.status in (1, 2), spelled
    assert state_of_two(cluster) == before


@pytest.mark.parametrize("client", [READS, PAYS, PAYS_AT_TWO])
def test_nothing_that_a_client_says_is_taken_for_a_peers(cluster: RealCluster, client: str) -> None:
    before = [cluster.ask(node, "printStatus") for node in cluster.nodes]
    context = client_context(directory_of(cluster, client).client_tls)
    for message in MESSAGES.values():
        plain = socket.create_connection(("127.0.0.1", cluster.port + 1), DEADLINE_S)
        with context.wrap_socket(plain) as connection:
            connection.sendall(frame(encode_message(message)))
            assert connection.recv(1) == b"", "the connection is closed, and nothing is said"
    assert [cluster.ask(node, "printStatus") for node in cluster.nodes] == before


def test_a_client_at_a_nodes_address_is_not_that_node(cluster: RealCluster) -> None:
    """Nobody sends it a message, and the node that dials says whom it found."""
    cluster.kill(3)
    cluster.until_reaches(1, 2)
    told: list[Notice] = []
    said = b""
    watching = AttachedNode(StateDirectory(cluster.state), 1)
    with socket.create_server(("127.0.0.1", cluster.port + 2)) as listening:
        listening.settimeout(DEADLINE_S)
        context = server_context(directory_of(cluster, PAYS).client_tls)
        watching.watch(lambda notice, at: told.append(notice))
        while not any(isinstance(notice, PeerNotDialled) for notice in told):
            assert said == b""
            plain, _ = listening.accept()
            plain.settimeout(DEADLINE_S)
            with suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
                said += connection.recv(1)
    watching.close()
    (found, *_) = [notice for notice in told if isinstance(notice, PeerNotDialled)]
    assert found.peer == 3
    assert "is not node 3, but client shop of cluster" in found.reason
    cluster.start(3)
    cluster.until_linked()


def test_a_client_that_pays_pays_and_commands_nothing(cluster: RealCluster) -> None:
    found = answers(cluster, PAYS, *REQUESTS.values(), Watch(), Hurry(), Listen(6), ReadUsage(7))
    refused = [answer for answer in found if isinstance(answer, NotDone)]
    why = "this certificate may only pay and read at node 2"
    assert refused == [NotDone(9, why, True, "not allowed")]
    before = state_of_two(cluster)
    for name in FOR_NODES_ALONE:
        for line in (LINES[name], LINES[name].upper()):
            shown = attach(cluster, PAYS, 2, line)
            assert shown.status == 1
            assert shown.values == [
                {
                    "outcome": "refused",
                    "reason": "this certificate may only pay and read at node 2",
                }
            ]
    assert state_of_two(cluster) == before
    paid = run(
        *BENMO,
        "attach",
        "2",
        "-e",
        LINES["moneyTransfer"],
        "-e",
        LINES["wait"],
        "--state-dir",
        str(directory_of(cluster, PAYS).path),
        "--format",
        "json",
    )
    assert [value["outcome"] for value in paid.values] == ["queued", "decided"]


def test_a_client_of_one_node_pays_there_alone(cluster: RealCluster) -> None:
    path = directory_of(cluster, PAYS_AT_TWO).path
    with Client(2, path) as client:
        assert client.transfer(1, 1, timeout_s=DEADLINE_S).outcome == "decided"
    with Client(1, path) as client:
        with pytest.raises(Refused, match="may only read at node 1"):
            client.transfer(1, 2)
        assert client.status(timeout_s=DEADLINE_S).node == 1


def test_the_programs_for_people_take_a_clients_directory(cluster: RealCluster) -> None:
    path = directory_of(cluster, READS).path
    cluster.until_linked()
    shown = run(*BENMO, "status", "--state-dir", str(path), "--format", "json")
    assert shown.status == 0, shown
    assert [node["up"] for node in shown.values[0]] == [True, True, True]
    refused = run(*BENMO, "node", "1", "--headless", "--state-dir", str(path))
    assert refused.status == 1
    assert "node-1 is missing" in refused.err


def test_a_directory_with_a_certificate_that_is_of_no_use_says_so(
    cluster: RealCluster, tmp_path: Path
) -> None:
    shutil.copytree(directory_of(cluster, READS).path, tmp_path / "client")
    tls = tmp_path / "client" / "tls"
    for name in ("key.pem", "certificate.pem"):
        shutil.copy(cluster.node_directory(3) / "tls" / name, tls)
    words = ("attach", "2", "-e", "printBalance", "--state-dir", str(tmp_path / "client"))
    cluster_id = json.loads((cluster.state / "cluster.json").read_text())["cluster"][:8]
    assert run(*BENMO, *words).err == (
        f"benmo: {tls}/certificate.pem: it is of node 3 of cluster {cluster_id}, "
        f"not of a client of cluster {cluster_id}\n"
    )
    shutil.rmtree(tls)
    told = run(*BENMO, *words)
    assert (told.status, told.out) == (1, "")
    assert "there is no certificate to reach node 2 with" in told.err
