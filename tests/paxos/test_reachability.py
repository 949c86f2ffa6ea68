"""What a node knows of its peers: a hint for speed, on which no decision rests."""

from __future__ import annotations

import pytest

from benmo.paxos.membership import numbered
from benmo.paxos.notices import QuorumMissing
from benmo.paxos.reachability import Reachability
from benmo.paxos.step import Step
from tests.support.replicas import SIZES, settings


def peers(size: int = 5, linked: tuple[int, ...] = (2, 3, 4, 5)) -> Reachability:
    known = Reachability(settings(1), numbered(range(1, size + 1)))
    for peer in linked:
        known.on_link(peer, True, 0.0)
    return known


@pytest.mark.parametrize("size", SIZES)
def test_a_node_needs_a_majority_that_counts_itself(size: int) -> None:
    known = peers(size, ())
    for linked in range(size):
        assert known.reached == linked + 1
        assert known.has_quorum is (linked + 1 > size / 2)
        if linked + 2 <= size:
            known.on_link(linked + 2, True, 0.0)


def test_a_minority_with_something_queued_reports_once_that_it_is_one() -> None:
    known, step = peers(5, (2,)), Step()
    known.report_no_quorum(False, step)
    assert step.notices == []
    for _ in range(2):
        known.report_no_quorum(True, step)
    assert step.notices == [QuorumMissing(1, 2, 5, 3)]


def test_a_node_is_no_peer_of_itself() -> None:
    known = peers()
    assert 1 not in known
    assert 2 in known
    assert 9 not in known


def test_links_are_down_until_they_come_up() -> None:
    known = peers(3, ())
    assert not known.is_reachable(2)
    assert known.on_link(2, True, 0.0)
    assert known.is_reachable(2)
    assert not known.on_link(2, True, 0.0), "nothing changed"
    assert known.on_link(2, False, 0.0)
    assert not known.is_reachable(2)


def test_a_peer_is_unreachable_after_three_silent_heartbeats() -> None:
    known = peers(3, (2, 3))
    known.on_heard(3, 2.0)
    assert known.deadline == 3.0
    assert known.silent(2.9) == []
    assert known.silent(3.0) == [2]
    assert known.silent(3.0) == [], "it is told once"
    assert known.deadline == 5.0


def test_a_silent_peer_is_reachable_again_when_it_is_heard() -> None:
    known = peers(3, (2, 3))
    known.silent(3.0)
    assert known.on_heard(2, 4.0)
    assert not known.on_heard(2, 4.0), "nothing changed"
    assert known.is_reachable(2)


def test_a_word_over_a_severed_link_does_not_make_it_whole() -> None:
    known = peers(3, (2,))
    assert not known.on_heard(3, 1.0)
    assert not known.is_reachable(3)


@pytest.mark.parametrize(
    ("heights", "unreachable", "but", "highest"),
    [
        ({2: 3, 3: 5, 4: 4}, [], set(), 3),
        ({2: 3, 3: 5, 4: 5}, [], set(), 3),
        ({2: 3, 3: 5, 4: 4}, [3], set(), 4),
        ({2: 3, 3: 5, 4: 4}, [], {3, 4}, 2),
        ({}, [2, 3, 4, 5], set(), None),
        ({2: 9}, [], {2, 3, 4, 5}, None),
    ],
)
def test_the_highest_reachable_peer_is_asked_the_lowest_id_among_equals(
    heights: dict[int, int], unreachable: list[int], but: set[int], highest: int | None
) -> None:
    known = peers()
    for peer, height in heights.items():
        known.on_height(peer, height)
    for peer in unreachable:
        known.on_link(peer, False, 0.0)
    assert known.highest_reachable(but=but) == highest


def test_a_peers_height_is_what_it_told_last() -> None:
    known = peers()
    assert known.height(2) == 0
    for height in (4, 7, 2):
        known.on_height(2, height)
    assert known.height(2) == 2


def test_a_peer_that_has_told_no_height_is_told_from_one_at_height_0() -> None:
    known = peers()
    assert not known.has_reported(2)
    known.on_height(2, 0)
    assert known.has_reported(2) and known.height(2) == 0
