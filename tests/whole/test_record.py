"""`benmo record` on five real nodes: what is in its file is what the processes did."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from benmo.client import Client
from benmo.cluster import StateDirectory
from benmo.control.connection import NodeConnection, connect
from benmo.node.decision_waits import do_nothing
from benmo.node.tape_feed import LISTENERS_MAX
from benmo.tape.facts import HeartbeatFacts, MessageFacts
from benmo.tape.records import (
    AcceptedRecord,
    AnyRecord,
    DecidedRecord,
    DroppedRecord,
    DurableRecord,
    ReceivedRecord,
    SentRecord,
    StateRecord,
)
from benmo.tape.trace_file import decode_record, read_trace
from benmo.tape.world_records import ProcessEvent, ProcessRecord
from tests.support.processes import (
    BENMO,
    DEADLINE_S,
    Finished,
    end_process,
    environment,
    eventually,
    run,
)
from tests.support.real_cluster import RealCluster


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[AnyRecord], str]:
    """The records of five nodes: a payment, a link cut, another payment, node 5 killed."""
    directory = tmp_path_factory.mktemp("recorded")
    file = directory / "run.jsonl"
    with RealCluster(directory) as cluster:
        cluster.start()
        cluster.until_linked()
        recording = subprocess.Popen(
            [*BENMO, "record", str(file), "--heartbeats", *cluster.state_option],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
        )
        try:
            until(file, lambda found: len(states(found)) == 5)
            until(file, lambda found: bool(beats(found, SentRecord) & beats(found, ReceivedRecord)))
            with Client(1, state_dir=cluster.state) as client:
                client.transfer(10, to=2, memo="rent")
                until(file, lambda found: decided(found, 1) == {1, 2, 3, 4, 5})
                cluster.ask(1, "severLink 3")
                client.transfer(5, to=4)
                until(file, lambda found: bool(dropped(found)))
            cluster.kill(5)
            until(file, lambda found: any(isinstance(each, ProcessRecord) for each in found))
            recording.send_signal(signal.SIGINT)
            output, _ = recording.communicate(timeout=DEADLINE_S)
            assert recording.returncode == 0, output
        finally:
            end_process(recording)
    header, records = read_trace(file)
    assert header.heartbeats
    assert (header.source, header.nodes, header.tenure) == ("live", (1, 2, 3, 4, 5), "block")
    return list(records), output.decode()


def until(file: Path, wanted: Callable[[list[AnyRecord]], bool]) -> None:
    def is_there() -> bool:
        lines = file.read_bytes().split(b"\n")[1:-1] if file.exists() else []
        return wanted(list(map(decode_record, lines)))

    eventually(is_there, "the records that are waited for")


def states(records: list[AnyRecord]) -> set[int]:
    return {each.node for each in records if isinstance(each, StateRecord)}


def beats(records: list[AnyRecord], kind: type[SentRecord | ReceivedRecord]) -> set[str]:
    """The frames of the heartbeats that left, or that arrived."""
    found = (each for each in records if isinstance(each, kind))
    return {each.frame for each in found if isinstance(each.message, HeartbeatFacts)}


def decided(records: list[AnyRecord], slot: int) -> set[int]:
    found = (each for each in records if isinstance(each, DecidedRecord))
    return {each.node for each in found if each.block.slot == slot}


def dropped(records: list[AnyRecord]) -> list[DroppedRecord]:
    return [each for each in records if isinstance(each, DroppedRecord) and each.why == "cut"]


def test_it_says_how_much_it_has_written(recorded: tuple[list[AnyRecord], str]) -> None:
    records, output = recorded
    assert f"{len(records):,} records in " in output


def test_what_arrives_was_sent_before(recorded: tuple[list[AnyRecord], str]) -> None:
    """Messages are matched by the place of their frames in their connections."""
    sent: dict[str, SentRecord] = {}
    first: dict[str, int] = {}
    arrived = Counter[type[MessageFacts]]()
    for record in recorded[0]:
        if isinstance(record, SentRecord):
            connection, number = place_of(record.frame)
            first.setdefault(connection, number)
    for record in recorded[0]:
        if isinstance(record, SentRecord):
            sent[record.frame] = record
        elif isinstance(record, ReceivedRecord) and record.frame:
            before = sent.get(record.frame)
            connection, number = place_of(record.frame)
            if before is None:  # it has left before its node was listened to
                assert number < first.get(connection, number + 1)
                continue
            assert (before.node, before.to) == (record.sender, record.node)
            assert before.message == record.message
            arrived[type(record.message)] += 1
    assert arrived.pop(HeartbeatFacts) > 0
    assert arrived.total() >= 8 + 4


def place_of(frame: str) -> tuple[str, int]:
    """Split a frame's id into its connection and its number there."""
    connection, _, number = frame.rpartition(":")
    return connection, int(number)


def test_no_record_of_a_node_is_missing(recorded: tuple[list[AnyRecord], str]) -> None:
    numbers = defaultdict(list)
    for record in recorded[0]:
        numbers[record.node, record.life].append(record.number)
    for found in numbers.values():
        assert found == list(range(1, len(found) + 1))


def test_a_vote_is_durable_before_a_block_is_decided(
    recorded: tuple[list[AnyRecord], str],
) -> None:
    durable: set[int] = set()
    last: dict[int, int] = {}
    for record in recorded[0]:
        if isinstance(record, AcceptedRecord) and record.block.slot == 1:
            last[record.node] = record.number
        elif isinstance(record, DurableRecord) and last.get(record.node, record.upto + 1) <= (
            record.upto
        ):
            durable.add(record.node)
        elif isinstance(record, DecidedRecord) and record.block.slot == 1:
            assert len(durable) >= 3
            assert record.block.transfers[0].memo == "rent"
            return
    raise AssertionError("slot 1 was not decided")


def test_a_cut_says_what_was_lost(recorded: tuple[list[AnyRecord], str]) -> None:
    assert {(each.node, each.to) for each in dropped(recorded[0])} <= {(1, 3), (3, 1)}


def test_a_killed_node_is_missed(recorded: tuple[list[AnyRecord], str]) -> None:
    gone = [each for each in recorded[0] if isinstance(each, ProcessRecord)]
    assert [(each.of, each.event) for each in gone] == [(5, ProcessEvent.NOT_REACHED)]
    assert gone[0].of_life == max(each.life for each in recorded[0] if each.node == 5)


async def until_heard(connection: NodeConnection) -> None:
    heard = asyncio.Event()

    def refused(words: str) -> None:
        raise AssertionError(words)

    connection.listen(lambda _taped: heard.set(), refused, do_nothing)
    await asyncio.wait_for(heard.wait(), DEADLINE_S)


def test_nodes_that_are_down_or_refuse_are_named_with_their_reasons(tmp_path: Path) -> None:
    async def record_beside_others(cluster: RealCluster) -> Finished:
        """Run `benmo record` while as many as may listen to node 1."""
        state = StateDirectory(cluster.state)
        others = [await connect(state, 1) for _ in range(LISTENERS_MAX)]
        for other in others:
            await until_heard(other)
        words = ("record", str(tmp_path / "run.jsonl.gz"), *cluster.state_option, "--seconds")
        for seconds in (1, 60):  # a busy machine may take longer than a second to connect
            finished = await asyncio.to_thread(run, *BENMO, *words, str(seconds))
            if "nothing came" not in finished.err:
                break
        for other in others:
            other.abort()
        return finished

    with RealCluster(tmp_path, nodes=3) as cluster:
        cluster.start(1)
        finished = asyncio.run(record_beside_others(cluster))
        assert finished.status == 1
        assert "nodes 1, 2 and 3 were never heard: 4 listen to node 1 already;" in finished.err
        assert "node 2 is not running at" in finished.err


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with RealCluster(tmp_path, nodes=3) as cluster:
        missing = tmp_path / "nowhere" / "run.jsonl"
        finished = run(*BENMO, "record", str(missing), *cluster.state_option)
        assert finished.status == 1
        assert "nowhere" in finished.err
        assert "No such file" in finished.err
