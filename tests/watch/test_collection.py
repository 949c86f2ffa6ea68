"""The nodes that are listened to: those that vote, whenever that began, wherever they are."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benmo.admin.client_certificate import make_client
from benmo.client import AsyncClient
from benmo.cluster import NodeAddress, StateDirectory
from benmo.control import places
from benmo.node import tape_feed
from benmo.node.process import RETIRED
from benmo.paxos.types import Change, ChangeKind
from benmo.startup import ReaderGone
from benmo.tape.records import AnyRecord, GapRecord, StateRecord
from benmo.watch.collection import Collection
from tests.node.test_changes import decided, move, running, up
from tests.support.mixed_cluster import MixedCluster
from tests.support.new_members import NewMember, ask_for
from tests.support.processes import DEADLINE_S, eventually


class Heard:
    """A collection that runs in a thread, and all that it has emitted and said."""

    def __init__(self, state: StateDirectory) -> None:
        self.records: list[AnyRecord] = []
        self.said: list[tuple[int, str]] = []
        self.collection = Collection(
            state, state.load().ids, self.records.append, lambda *said: self.said.append(said)
        )

    def lives(self, node: int) -> set[int]:
        """The processes of a node that have said how they are."""
        states = [each for each in list(self.records) if isinstance(each, StateRecord)]
        return {each.life for each in states if each.node == node}

    def until_heard(self, node: int, lives: int = 1) -> None:
        eventually(lambda: len(self.lives(node)) == lives, f"node {node} is heard", self.told)

    def of(self, node: int) -> list[str]:
        """The words that were said of a node."""
        return [words for each, words in list(self.said) if each == node]

    def of_node(self, node: int) -> list[AnyRecord]:
        return [each for each in list(self.records) if each.node == node]

    def told(self) -> str:
        return str(self.said)


@contextmanager
def heard_by(state: StateDirectory) -> Iterator[Heard]:
    heard = Heard(state)
    loop = asyncio.new_event_loop()
    running = loop.create_task(heard.collection.run())
    thread = threading.Thread(target=lambda: loop.run_until_complete(asyncio.wait([running])))
    thread.start()
    try:
        yield heard
    finally:
        loop.call_soon_threadsafe(running.cancel)
        thread.join(DEADLINE_S)
        loop.close()


def test_nodes_are_heard_that_are_added_or_move_and_removed_ones_are_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "_ASK_AGAIN_S", 0.1)
    with running(tmp_path) as cluster:
        first, _ = cluster.service(1), cluster.service(2)
        third = cluster.process(3)
        up(first, 2, 3)
        elsewhere = cluster.state.client("watch")
        make_client(cluster.state, elsewhere, "watch", True, None)
        with heard_by(elsewhere) as heard:
            for node in (1, 2, 3):
                heard.until_heard(node)
            new = NewMember(cluster, tmp_path / "new", 4, cluster.free_port())
            ask_for(first, Change(ChangeKind.ADD, 4, "", new.id, "127.0.0.1", new.port))
            decided(first, 1)
            fourth = cluster.process(4, state=new.state)
            heard.until_heard(4)
            up(first, 4)
            ask_for(first, Change(ChangeKind.REMOVE, 4, new.id))
            assert fourth.wait(DEADLINE_S) == RETIRED
            eventually(lambda: not heard.collection.votes(4), "node 4 is known to be removed")
            eventually(lambda: heard.of(4)[-1:] == [""], "node 4 is not missed", heard.told)
            own = cluster.definition.founder(3)
            moved = NodeAddress(3, "127.0.0.1", cluster.free_port())
            third.terminate()
            third.wait(DEADLINE_S)
            ask_for(first, Change(ChangeKind.MOVE, 3, own, own, "127.0.0.1", moved.port))
            decided(first, 3)
            move(cluster, moved)
            cluster.service(3)
            heard.until_heard(3, lives=2)
            assert heard.collection.never_heard == {}


def test_of_a_node_that_had_no_time_to_answer_that_is_said(tmp_path: Path) -> None:
    with MixedCluster(tmp_path, 3) as cluster:
        heard = Heard(cluster.state)
    assert heard.collection.never_heard[3] == "nothing came from node 3 in time"


PAYMENTS = 90


def test_of_a_busy_node_each_second_s_beginning_is_heard_and_the_rest_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All payments come in one turn or two, however slow the machine is."""
    monkeypatch.setattr(tape_feed, "RECORDS_PER_S", 50)
    with MixedCluster(tmp_path, 3, tenure="stable") as cluster:
        first, *_ = (cluster.service(node) for node in (1, 2, 3))
        up(first, 2, 3)
        with heard_by(cluster.state) as heard:
            for node in (1, 2, 3):
                heard.until_heard(node)
            before = len(heard.of_node(1))
            run_apart(pay(cluster.state))
            eventually(lambda: after_rest(heard.of_node(1)[before:]), "node 1 says how it is")
    found = heard.of_node(1)
    for last, each in itertools.pairwise(found):
        assert each.number - last.number == (
            each.last - each.first + 1 if isinstance(each, GapRecord) else 1
        )
    gaps = [each for each in found if isinstance(each, GapRecord)]
    assert {each.why for each in gaps} == {"more than 50 records in a second"}
    assert sum(each.last - each.first + 1 for each in gaps) > PAYMENTS


def after_rest(records: list[AnyRecord]) -> bool:
    """Whether a state follows on a gap."""
    return any(
        isinstance(last, GapRecord) and isinstance(each, StateRecord)
        for last, each in itertools.pairwise(records)
    )


def run_apart(work: Coroutine[Any, Any, None]) -> None:
    """Run this in a thread of its own: a browser of other tests may hold this one's event loop."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, work).result()


async def pay(state: StateDirectory) -> None:
    async with AsyncClient(1, state.path) as client:
        await asyncio.gather(*(client.transfer(1, to=2) for _ in range(PAYMENTS)))


def test_what_the_one_who_is_told_raises_ends_the_collection(tmp_path: Path) -> None:
    def say(node: int, words: str) -> None:
        raise ReaderGone("Broken pipe")

    with MixedCluster(tmp_path, 3) as cluster:
        collection = Collection(cluster.state, (1, 2, 3), lambda _record: None, say)
        with pytest.raises(ReaderGone):
            run_apart(collection.run())
