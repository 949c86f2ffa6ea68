"""`benmo status` says which member answers in a node's place, if not the one that votes."""

from __future__ import annotations

import asyncio

import pytest

from benmo.admin import status
from benmo.admin.cluster_table import Absent, cluster_table
from benmo.admin.status import ask_all
from benmo.cluster import NodeAddress, StateDirectory
from benmo.commands.node_status import MemberStatus
from benmo.control.member_requests import MembersRead
from benmo.paxos.membership import numbered_member
from tests.support.written_state import empty_state

NEW, OLD = "b" * 32, "c" * 32
CASES = {
    NEW: "member bbbbbbbb runs there, which isn't in the chain yet",
    OLD: "member cccccccc runs there, which has no vote any more",
}


@pytest.fixture
def state(tmp_path_factory: pytest.TempPathFactory) -> StateDirectory:
    return empty_state(tmp_path_factory.mktemp("asked") / "state")


def read_at(node: int, member: str) -> MembersRead:
    """The answer of a member: nodes 1 to 3 vote, and node 3 had another member before."""
    voters = [
        MemberStatus(each, numbered_member(each), 0, 1, None, "127.0.0.1", 9000 + each)
        for each in (1, 2, 3)
    ]
    retired = MemberStatus(3, OLD, 0, 1, 7, "127.0.0.1", 9003)
    own = numbered_member(node) if node != 3 else member
    return MembersRead(1, own, 7, (retired, *voters), True)


@pytest.mark.parametrize("member", CASES)
def test_a_member_without_a_vote_is_not_said_to_be_down(
    member: str, state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(_state: StateDirectory, address: NodeAddress) -> status._NodeAnswer:
        return status._NodeAnswer(Absent("?", "of no matter"), read_at(address.node, member))

    monkeypatch.setattr(status, "_ask", ask)
    said = asyncio.run(ask_all(state, state.load()))
    answer = cluster_table(said)
    assert answer.table is not None
    assert answer.table.rows[2][:2] == (3, "no vote")
    assert f"node 3: {CASES[member]}" in answer.text.splitlines()
    assert said[3] == Absent("no vote", CASES[member])
