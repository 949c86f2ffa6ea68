"""Copies of a node share nothing that can change, and differ in whatever tells them apart."""

from __future__ import annotations

from benmo.sim.explore.snapshot import LATER_S, ROUND_S, copied, identity


class Thing:
    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


def test_a_copy_shares_nothing_that_can_change_and_keeps_what_is_shared() -> None:
    part = Thing(numbers=[1, 2], names={"a": {1}})
    whole = Thing(first=part, second=part)
    copy = copied(whole, 0.0, {})
    assert identity(copy, 0.0, {}) == identity(whole, 0.0, {})
    vars(vars(copy)["first"])["names"]["a"].add(2)
    assert vars(copy)["first"] is vars(copy)["second"]
    assert vars(part)["names"] == {"a": {1}}


def test_whatever_differs_is_told_apart() -> None:
    things = [
        Thing(value={1: 2, 3: 4}),
        Thing(value={3: 4, 1: 2}),
        Thing(value=[1, 2]),
        Thing(value={1, 2}),
        Thing(value=bytearray(b"12")),
        Thing(value=Thing(inner=1)),
        Thing(value=0.0),
        Thing(value=ROUND_S),
        Thing(value=LATER_S),
    ]
    assert len({identity(thing, 0.0, {}) for thing in things}) == len(things)


def test_of_a_time_only_the_kind_of_wait_that_is_left_matters() -> None:
    for time, left in ((3.0, 0.0), (7.0, 0.0), (7.5, ROUND_S), (8.0, ROUND_S), (9.0, LATER_S)):
        assert vars(copied(Thing(at=time), 7.0, {}))["at"] == left
