"""Who votes in which slot, as the chain says."""

from __future__ import annotations

from itertools import combinations

import pytest

from benmo.paxos.membership import Member, Membership, numbered, numbered_member
from benmo.paxos.types import Change, ChangeKind
from tests.support.replicas import SIZES

NEW, OTHER = "a" * 32, "b" * 32
FOUNDERS = numbered(range(1, 6))
THREE = numbered_member(3)

REPLACED = Change(ChangeKind.REPLACE, 3, THREE, NEW, "other.host", 7003)
ADDED = Change(ChangeKind.ADD, 6, "", NEW, "six.host", 7006)
REMOVED = Change(ChangeKind.REMOVE, 3, THREE)
MOVED = Change(ChangeKind.MOVE, 3, THREE, THREE, "moved.host", 7003)


@pytest.mark.parametrize(
    ("size", "quorum"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (7, 4)]
)
def test_a_quorum_is_the_smallest_majority(size: int, quorum: int) -> None:
    assert numbered(range(1, size + 1)).quorum == quorum


@pytest.mark.parametrize("size", [*SIZES, 2, 4, 6])
def test_any_two_quorums_share_a_member(size: int) -> None:
    """*Paxos Made Simple*, section 2.2: two majorities have at least one acceptor in common."""
    members = numbered(range(1, size + 1))
    quorums = [set(each) for each in combinations(members.ids.values(), members.quorum)]
    assert all(one & other for one in quorums for other in quorums)
    assert all(map(members.has_quorum, quorums))


def test_peers_are_all_nodes_but_this_one() -> None:
    assert [FOUNDERS.peers(node) for node in (1, 3, 9)] == [
        (2, 3, 4, 5),
        (1, 2, 4, 5),
        (1, 2, 3, 4, 5),
    ]


def test_votes_of_others_than_members_count_for_nothing() -> None:
    two = [numbered_member(1), numbered_member(2)]
    assert not FOUNDERS.has_quorum([*two, NEW, OTHER, numbered_member(9)])
    assert FOUNDERS.has_quorum([*two, NEW, numbered_member(5)])


def test_a_replaced_member_votes_no_more_and_its_successor_does() -> None:
    after = FOUNDERS.after(REPLACED, 57)
    assert after.find(THREE) == Member(THREE, 3, until=57)
    assert after.voters[3] == Member(NEW, 3, "other.host", 7003, since=58, ordinal=1)
    assert after.is_voter(NEW) and not after.is_voter(THREE) and after.is_retired(THREE)
    assert not FOUNDERS.is_voter(NEW) and not FOUNDERS.is_retired(NEW)
    assert (after.nodes, after.quorum) == (FOUNDERS.nodes, 3)
    again = after.after(Change(ChangeKind.REPLACE, 3, NEW, OTHER, "h", 1), 60)
    assert again.voters[3].ordinal == 2


def test_a_retired_members_successor_is_the_one_of_the_next_slot() -> None:
    twice = FOUNDERS.after(REPLACED, 57).after(
        Change(ChangeKind.REPLACE, 3, NEW, OTHER, "h", 1), 60
    )
    assert (twice.successor(THREE), twice.successor(NEW)) == (NEW, OTHER)
    back = FOUNDERS.after(REMOVED, 57).after(Change(ChangeKind.ADD, 3, "", NEW, "h", 1), 58)
    assert back.successor(THREE) is None


def test_an_even_number_of_nodes_needs_more_votes() -> None:
    six = FOUNDERS.after(ADDED, 8)
    assert (six.nodes, six.quorum) == ((1, 2, 3, 4, 5, 6), 4)
    four = FOUNDERS.after(REMOVED, 8)
    assert (four.nodes, four.quorum, four.peers(1)) == ((1, 2, 4, 5), 3, (2, 4, 5))


def test_a_member_that_moves_stays_the_member_that_it_was() -> None:
    after = FOUNDERS.after(MOVED, 8)
    assert after.voters[3] == Member(THREE, 3, "moved.host", 7003, moved_in=8)
    assert after.ids == FOUNDERS.ids and after != FOUNDERS


def test_where_a_member_was_before_it_moved_is_known() -> None:
    members = FOUNDERS.after(MOVED, 8)
    for slot, host in ((9, "second.host"), (12, "third.host")):
        moved_in = members.voters[3].moved_in
        move = Change(ChangeKind.MOVE, 3, THREE, THREE, host, 7003, moved_in)
        members = members.after(move, slot)
    assert members.voters[3].former == (("second.host", 7003), ("moved.host", 7003))


def test_a_move_that_comes_late_does_not_move_a_node_back() -> None:
    moved = FOUNDERS.after(MOVED, 8)
    again = moved.after(Change(ChangeKind.MOVE, 3, THREE, THREE, "third.host", 7003, 8), 9)
    assert again.voters[3].host == "third.host"
    assert again.why_void(MOVED) == "node 3 has moved since, in slot 9"


def test_a_node_that_was_removed_can_be_added_with_another_member() -> None:
    removed = FOUNDERS.after(REMOVED, 4)
    added = removed.after(Change(ChangeKind.ADD, 3, "", NEW, "h", 1), 5)
    assert added.voters[3] == Member(NEW, 3, "h", 1, since=6, ordinal=1)


@pytest.mark.parametrize("change", [REPLACED, ADDED, REMOVED, MOVED], ids=lambda each: each.kind)
def test_a_change_that_comes_twice_does_nothing(change: Change) -> None:
    assert FOUNDERS.after(change, 8).why_void(change) is not None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (Change(ChangeKind.REPLACE, 9, THREE, NEW, "h", 1), "there is no node 9"),
        (Change(ChangeKind.REPLACE, 3, OTHER, NEW, "h", 1), "node 3 has another member by now"),
        (Change(ChangeKind.REPLACE, 3, numbered_member(2), NEW, "h", 1), "another member"),
        (Change(ChangeKind.REPLACE, 3, THREE, numbered_member(2), "h", 1), "has been a member"),
        (Change(ChangeKind.REPLACE, 3, THREE, THREE, "h", 1), "wrong members"),
        (Change(ChangeKind.REPLACE, 3, THREE), "wrong members"),
        (Change(ChangeKind.ADD, 3, "", NEW, "h", 1), "there is a node 3 already"),
        (Change(ChangeKind.ADD, 6, "", THREE, "h", 1), "has been a member"),
        (Change(ChangeKind.ADD, 6, THREE, NEW, "h", 1), "wrong members"),
        (Change(ChangeKind.REMOVE, 9, THREE), "there is no node 9"),
        (Change(ChangeKind.REMOVE, 3, OTHER), "another member"),
        (Change(ChangeKind.REMOVE, 3, THREE, NEW), "wrong members"),
        (Change(ChangeKind.MOVE, 3, OTHER, OTHER, "h", 1), "another member"),
        (Change(ChangeKind.MOVE, 3, THREE, NEW, "h", 1), "wrong members"),
        (Change(ChangeKind.MOVE, 3, THREE, THREE, "h", 1, 5), "has moved since"),
        (Change(ChangeKind.REPLACE, 3, THREE, NEW, "h", 1, 5), "wrong members"),
    ],
)
def test_a_change_that_does_not_fit_is_void(change: Change, why: str) -> None:
    found = FOUNDERS.why_void(change)
    assert found is not None and why in found
    with pytest.raises(AssertionError):
        FOUNDERS.after(change, 8)


def test_no_member_comes_back() -> None:
    """A directory is made once: what it promised may be forgotten in another with its id."""
    once = FOUNDERS.after(REPLACED, 8).after(Change(ChangeKind.REPLACE, 3, NEW, OTHER, "h", 1), 9)
    for old in (THREE, NEW, OTHER):
        assert once.why_void(Change(ChangeKind.ADD, 6, "", old, "h", 1)) is not None


def test_the_last_node_stays() -> None:
    one = numbered((1,))
    assert one.why_void(Change(ChangeKind.REMOVE, 1, numbered_member(1))) == "it is the last node"


@pytest.mark.parametrize(
    "members",
    [
        [],
        [Member(THREE, 3), Member(THREE, 4)],
        [Member(THREE, 3), Member(NEW, 3)],
        [Member(THREE, 3, until=7)],
    ],
)
def test_members_that_can_not_be_are_refused(members: list[Member]) -> None:
    with pytest.raises(ValueError, match="ids of their own"):
        Membership(members)
