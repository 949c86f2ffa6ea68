"""`benmo remove`: one node less."""

from __future__ import annotations

from pathlib import Path

import click

from benmo.admin.changing import (
    change_cluster,
    keep_addresses,
    node_argument,
    state_option,
    worth_of,
)
from benmo.admin.deciding import decide, require_quorum
from benmo.admin.desk import Desk, Survey
from benmo.admin.new_member import NewMember, StillRuns
from benmo.errors import Failure
from benmo.options import state_dir_option
from benmo.paxos.types import Change, ChangeKind, MemberId, NodeId


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@node_argument
@state_dir_option
def main(node: int, state_dir: Path) -> None:
    """Remove node N, whose account must be empty.

    The running nodes decide that; a majority of them must be up, and one of those that stay. After
    an interruption, type the same again.
    """

    async def work(desk: Desk, survey: Survey) -> str:
        past = [each for each in survey.members if each.node == node]
        is_removed = bool(past) and past[-1].until is not None
        member = past[-1] if is_removed else survey.voter(node)
        change = Change(ChangeKind.REMOVE, node, member.member)
        if not is_removed:
            require_quorum(survey, change)
            await _require_empty(desk, survey, node)
        survey = await decide(desk, survey, change)
        keep_addresses(desk, survey)
        said = f"{_removed(survey, node, member.member, is_removed)}{worth_of(survey)}"
        try:
            retired = NewMember(desk.state, desk.cluster, node).retire(member.member)
        except StillRuns as error:
            raise StillRuns(error.directory, said) from error
        return f"{said}." if retired is None else f"{said}.\nIts directory is {retired}."

    change_cluster(state_dir, work)


async def _require_empty(desk: Desk, survey: Survey, node: NodeId) -> None:
    """Raises `Failure`, with the way out, if there is money on the node's account."""
    balance = await desk.balance(survey, node)
    if not balance:
        return
    others = [each for each in survey.voters if each != node]
    pay = f"moneyTransfer {balance},{node},{others[0] if others else 'M'}"
    down = "" if node in survey.up else f". Node {node} is down: start or replace it before that"
    raise Failure(
        f"node {node} has {balance} on its account. Pay that to another node first: "
        f"benmo attach {node}{state_option(desk.state)} -e '{pay}' -e 'wait 60'{down}"
    )


def _removed(survey: Survey, node: NodeId, member: MemberId, is_known: bool) -> str:
    removed = survey.find(member)
    assert removed is not None
    if is_known:
        return f"nothing to do: node {node} was removed in slot {removed.until}"
    return f"decided in slot {removed.until}: node {node} is removed"
