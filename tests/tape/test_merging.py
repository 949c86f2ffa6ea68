"""The records of several nodes come in one order, and nobody waits for ever for a silent node."""

from __future__ import annotations

from benmo.tape.merging import HOLD_S, Merger
from benmo.tape.records import AnyRecord, GapRecord, TimerRecord
from benmo.tape.world_records import NoteRecord


def note(node: int, number: int, time: float) -> AnyRecord:
    return NoteRecord(node=node, life=1, number=number, time=time, text="")


def order_of(emitted: list[AnyRecord]) -> list[tuple[int, int]]:
    return [(each.node, each.number) for each in emitted]


def test_records_come_in_the_order_of_their_times() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    merger.heard(1, [], "boot", 100.0, 5000.0)
    merger.heard(2, [], "boot", 100.0, 5000.0)
    merger.heard(2, [note(2, 1, 100.02)], "boot", 100.05, 5000.05)
    assert emitted == []  # node 1 may have an earlier one
    merger.heard(1, [note(1, 1, 100.01), note(1, 2, 100.03)], "boot", 100.06, 5000.06)
    assert order_of(emitted) == [(1, 1), (2, 1), (1, 2)]
    assert [each.time for each in emitted] == [0.01, 0.02, 0.03]


def test_records_of_one_node_keep_their_order_at_one_time() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    merger.heard(1, [note(1, number, 7.0) for number in range(1, 9)], "boot", 7.5, 0.0)
    assert order_of(emitted) == [(1, number) for number in range(1, 9)]


def test_a_silent_node_is_waited_for_only_so_long() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    merger.heard(1, [], "boot", 10.0, 0.0)
    merger.heard(2, [], "boot", 10.0, 0.0)
    merger.heard(1, [note(1, 1, 10.1)], "boot", 10.2, 0.0)
    assert emitted == []
    merger.heard(1, [], "boot", 10.1 + HOLD_S + 0.01, 0.0)
    assert order_of(emitted) == [(1, 1)]


def test_where_nobody_looks_on_a_slow_node_is_waited_for_longer() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append, hold_s=10.0)
    merger.heard(1, [], "boot", 10.0, 0.0)
    merger.heard(2, [], "boot", 10.0, 0.0)
    merger.heard(1, [note(1, 1, 10.2)], "boot", 19.0, 0.0)
    merger.heard(2, [note(2, 1, 10.1)], "boot", 19.0, 0.0)
    assert order_of(emitted) == [(2, 1), (1, 1)]
    merger.heard(1, [note(1, 2, 19.1)], "boot", 29.2, 0.0)
    assert order_of(emitted)[2:] == [(1, 2)]


def test_a_lost_node_is_not_waited_for() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    merger.heard(1, [], "boot", 10.0, 0.0)
    merger.heard(2, [], "boot", 10.0, 0.0)
    merger.lost(2)
    merger.heard(1, [note(1, 1, 10.05)], "boot", 10.06, 0.0)
    assert order_of(emitted) == [(1, 1)]


def test_what_waits_comes_at_the_end() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    merger.heard(1, [], "boot", 10.0, 0.0)
    merger.heard(2, [note(2, 1, 10.1)], "boot", 10.2, 0.0)
    assert emitted == []
    merger.close()
    assert order_of(emitted) == [(2, 1)]


def test_another_machine_s_clock_is_brought_in_line_by_the_time_of_day() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    merger.heard(1, [], "here", 100.0, 5000.0)
    merger.heard(2, [], "there", 7.0, 5000.0)
    merger.heard(2, [note(2, 1, 7.1)], "there", 7.2, 5000.2)
    merger.heard(1, [note(1, 1, 100.05), note(1, 2, 100.15)], "here", 100.2, 5000.2)
    assert order_of(emitted) == [(1, 1), (2, 1), (1, 2)]
    assert [each.time for each in emitted] == [0.05, 0.1, 0.15]


def test_countdowns_are_shifted_with_their_records() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    timer = TimerRecord(node=1, life=1, number=1, time=101.0, what="election", due=121.0)
    ended = TimerRecord(node=1, life=1, number=2, time=101.0, what="election", due=None)
    merger.heard(1, [], "boot", 100.0, 0.0)
    merger.heard(1, [timer, ended], "boot", 102.0, 0.0)
    assert [each.due for each in emitted if isinstance(each, TimerRecord)] == [21.0, None]


def test_a_record_that_comes_too_late_is_a_gap_and_never_in_a_wrong_order() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    merger.heard(1, [], "boot", 10.0, 0.0)
    merger.heard(2, [], "boot", 10.0, 0.0)
    merger.heard(1, [note(1, 1, 10.3)], "boot", 10.3 + HOLD_S, 0.0)
    late = [note(2, 1, 10.1), note(2, 2, 10.2), note(2, 3, 10.4)]
    merger.heard(2, late, "boot", 10.3 + HOLD_S, 0.0)
    _, gap, after = emitted
    assert isinstance(gap, GapRecord)
    assert (gap.node, gap.life, gap.first, gap.last, gap.time) == (2, 1, 1, 2, 0.3)
    assert gap.why == "they came too late to be put in order"
    assert (after.number, after.time) == (3, 0.4)


def test_a_gap_that_comes_too_late_names_all_that_it_stood_for_in_each_life() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    merger.heard(1, [note(1, 1, 10.0)], "boot", 10.0, 0.0)
    merger.heard(1, [note(1, 2, 11.0)], "boot", 11.0, 0.0)
    gap = GapRecord(node=2, life=1, number=900, time=10.1, first=2, last=900, why="read too late")
    again = NoteRecord(node=2, life=5, number=1, time=10.2, text="")
    merger.heard(2, [gap, note(2, 901, 10.15), again], "boot", 11.0, 0.0)
    late = [each for each in emitted if isinstance(each, GapRecord)]
    assert [(each.life, each.first, each.last) for each in late] == [(1, 2, 901), (5, 1, 1)]


def test_what_was_done_and_comes_late_does_not_set_the_time_back() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    merger.heard(1, [], "here", 10.0, 0.0)
    merger.heard(1, [note(1, 1, 13.0)], "here", 13.0, 0.0)
    merger.done_here(note(0, 1, 0.0), 12.5)
    assert [each.time for each in emitted] == [3.0, 3.0]
    merger.heard(2, [note(2, 1, 12.7)], "here", 13.0, 0.0)
    assert isinstance(emitted[-1], GapRecord)


def test_another_machine_s_clock_says_nothing_of_how_long_to_wait() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    merger.heard(1, [], "here", 100.0, 0.0)
    merger.heard(2, [], "there", 7.0, 0.0)
    merger.passed(100.0)
    assert merger.now == HOLD_S


def test_time_does_not_begin_anew_where_nobody_is_heard_any_more() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    merger.heard(1, [note(1, 1, 10.5)], "boot", 10.5, 0.0)
    merger.heard(1, [], "boot", 17.0, 0.0)
    merger.lost(1)
    assert merger.now == 6.5
    merger.happened(note(0, 1, merger.now))
    assert order_of(emitted) == [(1, 1), (0, 1)]


def test_another_machine_s_records_keep_their_order_when_its_time_of_day_is_set() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    merger.heard(1, [], "here", 100.0, 5000.0)
    merger.heard(2, [note(2, 1, 7.0)], "there", 7.0, 5000.0)
    merger.heard(2, [note(2, 2, 7.1)], "there", 7.1, 4000.0)
    merger.close()
    assert [(each.number, each.time) for each in emitted] == [(1, 0.0), (2, 0.1)]


def test_what_was_done_before_any_node_was_heard_comes_first_and_makes_nobody_late() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    merger.done_here(note(0, 1, 0.0), 9.5)
    assert emitted == []
    merger.heard(1, [note(1, 1, 9.9)], "boot", 10.0, 0.0)
    merger.heard(2, [note(2, 1, 9.95)], "boot", 10.0, 0.0)
    merger.done_here(note(0, 2, 0.0), 10.2)
    merger.heard(1, [note(1, 2, 10.1)], "boot", 10.3, 0.0)
    merger.heard(2, [], "boot", 10.3, 0.0)
    assert order_of(emitted) == [(0, 1), (1, 1), (2, 1), (1, 2), (0, 2)]
    assert [each.time for each in emitted] == [-0.5, -0.1, -0.05, 0.1, 0.2]


def test_what_was_done_comes_also_while_all_nodes_are_silent() -> None:
    emitted: list[AnyRecord] = []
    merger = Merger(emitted.append)
    merger.heard(1, [], "boot", 10.0, 0.0)
    merger.done_here(note(0, 1, 0.0), 12.0)
    assert emitted == []
    merger.passed(12.0)
    assert order_of(emitted) == [(0, 1)]
