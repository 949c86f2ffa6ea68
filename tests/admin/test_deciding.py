"""A change needs a quorum before and after; then node after node is asked until it is decided."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import cast

import pytest

from benmo.admin.deciding import decide, require_quorum
from benmo.admin.desk import TOO_FEW_UP, Desk, Survey
from benmo.commands.node_status import MemberStatus
from benmo.control.member_requests import MembersRead
from benmo.errors import Failure
from benmo.paxos.membership import numbered_member
from benmo.paxos.types import Change, ChangeKind, NodeId

WAIT_S = 180.0
NEW = "9" * 32
TOO_FEW = "2 of 5 nodes are up; 3 must be, for a change to be decided"


def surveyed(
    nodes: int,
    up: Collection[NodeId],
    strangers: Collection[NodeId] = (),
    removed: Collection[NodeId] = (),
) -> Survey:
    """The answers of the nodes that are up, and those of `strangers` with another member."""
    members = tuple(
        MemberStatus(
            node,
            numbered_member(node),
            0,
            1,
            7 if node in removed else None,
            "127.0.0.1",
            9000 + node,
        )
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


class AskedDesk:
    """A desk at which the nodes of `deciding` have a change decided, and others never answer."""

    def __init__(self, deciding: Collection[NodeId]) -> None:
        self.asked: list[NodeId] = []
        self._deciding = deciding
        self._removed: tuple[NodeId, ...] = ()

    async def ask(self, _survey: Survey, node: NodeId, change: Change, _wait_s: float) -> str:
        self.asked.append(node)
        if node not in self._deciding:
            await asyncio.get_running_loop().create_future()
        self._removed = (change.node,)
        return ""

    async def survey(self) -> Survey:
        return surveyed(5, {1, 2, 4, 5}, removed=self._removed)


@pytest.mark.parametrize(("deciding", "asked"), [({1, 2}, [1]), ({4, 5}, [1, 2, 4])])
def test_a_node_that_does_not_decide_is_not_waited_for(
    deciding: set[NodeId], asked: list[NodeId], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benmo.admin.deciding._NEXT_AFTER_S", 0.1)
    desk = AskedDesk(deciding)

    async def scenario() -> Survey:
        removal = decide(cast(Desk, desk), await desk.survey(), change(ChangeKind.REMOVE, 3))
        return await asyncio.wait_for(removal, WAIT_S)

    assert list(asyncio.run(scenario()).voters) == [1, 2, 4, 5]
    assert desk.asked == asked
