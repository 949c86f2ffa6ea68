"""What several nodes said is shown in the order in which it happened. The clock is a number."""

from __future__ import annotations

import random

from benmo.demo.board_entries import Guide, HeardNotice, Reply
from benmo.demo.notice_order import HOLD_S, NoticeOrder
from benmo.paxos.notices import CaughtUp


def told(at: float, node: int = 1) -> HeardNotice:
    return HeardNotice(node, CaughtUp(0), at)


def guide(text: str) -> Guide:
    return Guide((text,), lambda: None)


def reply(text: str, at: float) -> Reply:
    return Reply(text, at, lambda: None)


def text_of(entry: HeardNotice | Reply | Guide) -> str:
    match entry:
        case HeardNotice():
            return f"at {entry.at:g}"
        case Reply():
            return entry.text
        case Guide():
            return entry.paragraphs[0]


def given(order: NoticeOrder, now: float) -> list[str]:
    return [text_of(entry) for entry in order.due(now)]


def test_a_cause_that_is_heard_after_its_effect_is_shown_before_it() -> None:
    order = NoticeOrder()
    order.add(told(2.0, node=4), now=100.00)
    order.add(told(1.0, node=1), now=100.02)
    order.add(told(3.0, node=5), now=100.04)
    assert given(order, 100.04) == []
    assert given(order, 100.04 + HOLD_S) == ["at 1", "at 2", "at 3"]


def test_nothing_is_held_for_longer_than_a_moment() -> None:
    order = NoticeOrder()
    assert order.wait_s(now=100.0) > 1e6
    order.add(told(1.0), now=100.0)
    order.add(told(2.0), now=100.2)
    assert order.wait_s(now=100.1) == 100.0 + HOLD_S - 100.1
    assert given(order, 100.0 + HOLD_S) == ["at 1"]
    assert given(order, 100.2 + HOLD_S) == ["at 2"]
    assert given(order, 200.0) == []


def test_what_happened_before_goes_out_with_it_however_late_it_was_heard() -> None:
    order = NoticeOrder()
    order.add(told(5.0), now=100.0)
    order.add(told(4.0, node=2), now=100.0 + HOLD_S - 0.01)
    order.add(told(6.0, node=2), now=100.0 + HOLD_S - 0.01)
    assert given(order, 100.0 + HOLD_S) == ["at 4", "at 5"]
    assert given(order, 100.0 + 2 * HOLD_S) == ["at 6"]


def test_what_happened_in_one_turn_of_a_node_stays_as_it_was_told() -> None:
    order = NoticeOrder()
    turn = [HeardNotice(1, CaughtUp(height), 7.0) for height in (3, 1, 2)]
    for entry in turn:
        order.add(entry, now=100.0)
    assert order.due(101.0) == turn


def test_the_guide_speaks_after_all_that_was_heard_before_and_before_all_after() -> None:
    order = NoticeOrder()
    order.add(told(2.0), now=100.0)
    order.add(told(1.0, node=2), now=100.01)
    order.add(guide("So it was."), now=100.02)
    order.add(told(1.5, node=3), now=100.03)
    assert given(order, 100.03) == []
    assert given(order, 100.01 + HOLD_S) == ["at 1", "at 2", "So it was."]
    assert given(order, 100.03 + HOLD_S) == ["at 1.5"]


def test_an_answer_comes_after_what_led_to_it_though_that_is_heard_later() -> None:
    order = NoticeOrder()
    order.add(told(1.0), now=100.0)
    order.add(reply("decided", at=3.0), now=100.01)
    order.add(told(2.0, node=2), now=100.02)
    order.add(told(4.0, node=2), now=100.03)
    assert given(order, 100.01 + HOLD_S) == ["at 1", "at 2", "decided"]
    assert given(order, 100.03 + HOLD_S) == ["at 4"]


def test_with_nothing_before_it_the_guide_speaks_at_once() -> None:
    order = NoticeOrder()
    order.add(guide("Look."), now=100.0)
    assert order.wait_s(now=100.0) == 0
    assert given(order, 100.0) == ["Look."]


def test_whatever_is_heard_less_late_than_the_moment_comes_out_in_order() -> None:
    dice = random.Random(7)
    order = NoticeOrder()
    happened = [float(number) / 50 for number in range(500)]
    heard = sorted((at + dice.uniform(0, HOLD_S), at) for at in happened)
    shown: list[str] = []
    for now, at in heard:
        shown += given(order, now)
        order.add(told(at, node=dice.randint(1, 5)), now)
    shown += given(order, 1000.0)
    assert shown == [f"at {at:g}" for at in happened]
