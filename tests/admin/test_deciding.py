"""A change is refused if it might leave the cluster without a quorum: the count says why."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from benmo.admin.deciding import require_quorum
from benmo.admin.desk import TOO_FEW_UP, Survey
from benmo.commands.node_status import MemberStatus
from benmo.control.member_requests import MembersRead
from benmo.errors import Failure
from benmo.paxos.membership import numbered_member
from benmo.paxos.types import Change, ChangeKind, NodeId

NEW = "9" * 32
TOO_FEW = "2 of 5 nodes are up; 3 must be, for a change to be decided"


def surveyed(nodes: int, up: Collection[NodeId], strangers: Collection[NodeId] = ()) -> Survey:
    """The answers of the nodes that are up, and those of `strangers` with another member."""
    members = tuple(
        MemberStatus(node, numbered_member(node), 0, 1, None, "127.0.0.1", 9000 + node)
        for node in range(1, nodes + 1)
    )
    answers = {
        node: MembersRead(1, NEW if node in strangers else numbered_member(node), 0, members, True)
        for node in (*up, *strangers)
    }
    return Survey(answers)


def change(kind: ChangeKind, node: NodeId) -> Change:
    old = "" if kind is ChangeKind.ADD else numbered_member(node)
    new = {ChangeKind.REMOVE: "", ChangeKind.MOVE: old}.get(kind, NEW)
    return Change(kind, node, old, new)


@pytest.mark.parametrize(
    ("kind", "node", "nodes", "up", "reason"),
    [
        (ChangeKind.REPLACE, 3, 5, {1, 2, 4}, None),
        (ChangeKind.REPLACE, 3, 5, {1, 2}, "2 of 5 nodes are up besides node 3; 3 must be"),
        (ChangeKind.REPLACE, 3, 5, {1, 2, 3}, "2 of 5 nodes are up besides node 3; 3 must be"),
        (ChangeKind.REPLACE, 3, 3, {1}, "1 of 3 nodes is up besides node 3; 2 must be"),
        (ChangeKind.REPLACE, 1, 1, {1}, "0 of 1 nodes are up besides node 1; 1 must be"),
        (ChangeKind.ADD, 6, 5, {1, 2, 3, 4}, None),
        (
            ChangeKind.ADD,
            6,
            5,
            {1, 2, 3},
            "3 of 5 nodes are up; with node 6 there are 6, and 4 must be up even before it starts",
        ),
        (ChangeKind.ADD, 7, 6, {1, 2, 3, 4}, None),
        (ChangeKind.REMOVE, 5, 5, {1, 2, 5}, "2 of 5 nodes are up besides node 5; 3 must be"),
        (ChangeKind.REMOVE, 5, 5, {1, 2, 3}, None),
        (ChangeKind.REMOVE, 5, 5, {1, 2}, TOO_FEW),
        (ChangeKind.REMOVE, 2, 2, {1, 2}, None),
        (ChangeKind.MOVE, 3, 5, {1, 2, 3}, None),
        (ChangeKind.MOVE, 3, 5, {1, 2, 4}, None),
        (ChangeKind.MOVE, 3, 5, {1, 2}, TOO_FEW),
    ],
)
def test_a_change_needs_a_majority_before_and_after(
    kind: ChangeKind, node: NodeId, nodes: int, up: set[NodeId], reason: str | None
) -> None:
    survey = surveyed(nodes, up)
    if reason is None:
        require_quorum(survey, change(kind, node))
        return
    with pytest.raises(Failure) as refused:
        require_quorum(survey, change(kind, node))
    assert str(refused.value) == f"{reason}. {TOO_FEW_UP}"


def test_a_new_member_that_is_up_already_counts_after_the_change() -> None:
    require_quorum(surveyed(5, {1, 2, 3}, strangers={6}), change(ChangeKind.ADD, 6))
    with pytest.raises(Failure):
        require_quorum(surveyed(5, {1, 2, 3}), change(ChangeKind.ADD, 6))


def test_a_node_whose_member_has_no_vote_is_not_up() -> None:
    survey = surveyed(5, {1, 2, 4}, strangers={3, 5})
    assert survey.up == {1, 2, 4}
