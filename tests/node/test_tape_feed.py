"""A node's records go to those who listen; what they don't take in time is a gap that says so."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from benmo.engine.events import Submitted
from benmo.errors import StateError
from benmo.ledger.transfers import Payments
from benmo.network.link import Link
from benmo.node.tape_feed import LISTENERS_MAX, RECORDS_PER_S, TapeFeed, TapeListener
from benmo.paxos.messages import Heartbeat
from benmo.paxos.types import Ballot
from benmo.tape.records import AnyRecord, AskedRecord, GapRecord, ReceivedRecord, StateRecord
from benmo.tape.trace_file import decode_record
from benmo.tape.world_records import NoteRecord
from tests.support.replicas import received
from tests.support.taped_node import TapedNode


def note(number: int) -> AnyRecord:
    return NoteRecord(node=3, life=9, number=number, time=1.0, text="")


def listener() -> TapeListener:
    return TapeListener(lambda _each: None)


def taken(from_listener: TapeListener) -> list[AnyRecord]:
    return list(map(decode_record, from_listener.take()))


def numbers(records: list[AnyRecord]) -> list[int | tuple[int, int]]:
    """Each record's number; of a gap, its first and its last."""
    return [
        (each.first, each.last) if isinstance(each, GapRecord) else each.number for each in records
    ]


def test_what_is_put_is_taken_once() -> None:
    listening = listener()
    for number in (1, 2, 3):
        listening.put(note(number))
    assert numbers(taken(listening)) == [1, 2, 3]
    assert taken(listening) == []


def test_a_listener_that_takes_nothing_gets_what_it_has_room_for() -> None:
    listening = listener()
    for number in range(1, 9001):
        listening.put(note(number))
    *kept, gap = taken(listening)
    assert numbers(kept) == list(range(1, 8193))
    assert isinstance(gap, GapRecord)
    assert (gap.node, gap.life) == (3, 9)
    assert (gap.first, gap.last, gap.why) == (8193, 9000, "they were read too late")
    assert taken(listening) == []  # a gap is told once, also if nothing comes after it
    listening.put(note(9001))
    assert numbers(taken(listening)) == [9001]


class BusyNode:
    """A node that makes two records of each question, and what it gives to its listeners."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.25
        monkeypatch.setattr(time, "time", lambda: self.now)
        self.node = TapedNode(delay_s=30.0)
        storage: Any = SimpleNamespace(height=0)
        links: Any = SimpleNamespace(tape=None, link=lambda _node: Link.UP)
        self.feed = TapeFeed(1, self.node.engine, links, storage, lambda: self.node.now)
        self.links = links
        self.asked = 0

    def ask(self, times: int) -> None:
        """Ask for payments that the node refuses at once."""
        for _ in range(times):
            self.asked += 1
            self.node.turn(Submitted(self.asked, Payments.of((1, 10))))


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> BusyNode:
    return BusyNode(monkeypatch)


def test_a_second_s_records_are_whole_and_what_is_beyond_is_counted(busy: BusyNode) -> None:
    listening = busy.feed.listen()
    assert not busy.feed.is_rest_over()
    busy.ask(600)
    *kept, gap = taken(listening)
    assert numbers(kept) == list(range(1, RECORDS_PER_S + 1))
    assert isinstance(kept[0], StateRecord)
    assert isinstance(gap, GapRecord)
    assert gap.first == gap.last == RECORDS_PER_S + 1  # told at once
    assert gap.why == "more than 500 records in a second"
    busy.now = 1000.99
    assert not busy.feed.is_rest_over()
    busy.feed.tell_state()
    busy.ask(10)
    assert taken(listening) == []
    busy.now = 1001.0
    assert busy.feed.is_rest_over()
    busy.feed.end_rest()
    busy.ask(1)
    rest, state, *after = taken(listening)
    assert isinstance(rest, GapRecord)
    made = 1 + 2 * 610
    assert (rest.first, rest.last) == (RECORDS_PER_S + 2, made)
    assert isinstance(state, StateRecord)
    assert isinstance(after[0], AskedRecord)
    assert numbers([state, *after]) == [made + 1, made + 2, made + 3]


def test_the_first_record_says_how_long_it_is_until_the_node_campaigns(busy: BusyNode) -> None:
    busy.node.turn(Submitted(1, Payments.of((2, 10))))
    busy.node.now += 1.0
    (state,) = taken(busy.feed.listen())
    assert isinstance(state, StateRecord)
    due = busy.node.engine.replica.election.deadline
    assert state.due_s == due - busy.node.now == pytest.approx(29.0, abs=0.5)


def test_heartbeats_are_recorded_while_somebody_asks_for_them(busy: BusyNode) -> None:
    beat = received(2, Heartbeat(0, Ballot.ZERO))
    busy.node.turn(beat)  # of the first one, something comes
    first = busy.feed.listen()
    busy.node.turn(beat)
    second = busy.feed.listen(heartbeats=True)
    busy.node.turn(beat)
    second.close()
    busy.node.turn(beat)
    assert [type(each) for each in taken(first)] == [StateRecord, StateRecord, ReceivedRecord]


def test_as_much_is_recorded_in_each_second(busy: BusyNode) -> None:
    listening = busy.feed.listen()
    found = 0
    for _ in range(5):
        busy.now += 1.0
        assert not busy.feed.is_rest_over()
        busy.ask(RECORDS_PER_S // 2 - 1)
        found += RECORDS_PER_S - 2
        assert taken(listening)[-1].number == 1 + found


def test_one_who_begins_to_listen_while_a_node_rests_gets_its_state(busy: BusyNode) -> None:
    first = busy.feed.listen()
    busy.ask(700)
    second = busy.feed.listen()
    busy.ask(1)
    state, *after = taken(second)
    assert isinstance(state, StateRecord)
    assert len(after) == 2
    *_, told, rest, again, _, last = taken(first)
    assert numbers([told, rest]) == [(501, 501), (502, 1401)]
    assert (again, last) == (state, after[-1])
    for each in (first, second):
        each.close()
    assert busy.node.engine.tape is busy.links.tape is None


def test_nobody_listens_where_the_chain_cannot_be_read() -> None:
    def read(first_slot: int, bytes_max: int) -> None:
        raise StateError("chain.jsonl, line 6, is damaged")

    engine: Any = SimpleNamespace(tape=None)
    links: Any = SimpleNamespace(tape=None)
    feed = TapeFeed(1, engine, links, cast(Any, SimpleNamespace(height=6, read=read)), float)
    for _ in range(LISTENERS_MAX + 1):
        with pytest.raises(StateError, match="line 6"):
            feed.listen()
    assert engine.tape is None
