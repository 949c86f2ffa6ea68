"""A node's records go to those who listen; what they don't take in time is a gap that says so."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from benmo.errors import StateError
from benmo.node.tape_feed import LISTENERS_MAX, TapeFeed, TapeListener
from benmo.tape.records import AnyRecord, GapRecord
from benmo.tape.trace_file import decode_record
from benmo.tape.world_records import NoteRecord


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


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


def test_what_is_put_is_taken_once(clock: list[float]) -> None:
    listening = listener()
    for number in (1, 2, 3):
        listening.put(note(number))
    assert numbers(taken(listening)) == [1, 2, 3]
    assert taken(listening) == []


def test_more_than_the_rate_is_a_gap(clock: list[float]) -> None:
    listening = listener()
    for number in range(1, 3001):
        listening.put(note(number))
    *kept, gap = taken(listening)
    assert numbers(kept) == list(range(1, 2001))
    assert isinstance(gap, GapRecord)
    assert (gap.node, gap.life, gap.first, gap.last) == (3, 9, 2001, 3000)
    assert gap.why == "more than 2,000 records a second"
    assert taken(listening) == []  # a gap is told once, also if nothing comes after it
    clock[0] += 0.5
    listening.put(note(3001))
    assert numbers(taken(listening)) == [3001]


def test_a_gap_stands_between_what_is_missing_and_what_follows(clock: list[float]) -> None:
    listening = listener()
    for number in range(1, 2011):
        listening.put(note(number))
    clock[0] += 0.5
    listening.put(note(2011))
    assert numbers(taken(listening))[-3:] == [2000, (2001, 2010), 2011]


def test_the_rate_is_for_each_second(clock: list[float]) -> None:
    listening = listener()
    for number in range(1, 10_001):
        clock[0] += 0.0005
        listening.put(note(number))
        if number % 1000 == 0:
            assert numbers(taken(listening)) == list(range(number - 999, number + 1))


def test_a_listener_that_takes_nothing_gets_what_it_has_room_for(clock: list[float]) -> None:
    listening = listener()
    for number in range(1, 9001):
        clock[0] += 0.001
        listening.put(note(number))
    *kept, gap = taken(listening)
    assert numbers(kept) == list(range(1, 8193))
    assert isinstance(gap, GapRecord)
    assert (gap.first, gap.last, gap.why) == (8193, 9000, "they were read too late")
    listening.put(note(9001))
    assert numbers(taken(listening)) == [9001]


def test_nobody_listens_where_the_chain_cannot_be_read() -> None:
    def read(first_slot: int, bytes_max: int) -> None:
        raise StateError("chain.jsonl, line 6, is damaged")

    engine: Any = SimpleNamespace(tape=None)
    links: Any = SimpleNamespace(tape=None)
    feed = TapeFeed(1, engine, links, cast(Any, SimpleNamespace(height=6, read=read)))
    for _ in range(LISTENERS_MAX + 1):
        with pytest.raises(StateError, match="line 6"):
            feed.listen()
    assert engine.tape is None
