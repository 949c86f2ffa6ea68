"""`benmo add` and `benmo remove`: more nodes, or fewer."""

from __future__ import annotations

from pathlib import Path

import click

from benmo.admin.changing import (
    change_cluster,
    chosen_address,
    host_option,
    how_to_start,
    keep_addresses,
    node_argument,
    port_option,
    worth_of,
)
from benmo.admin.deciding import decide, require_quorum
from benmo.admin.desk import Desk, Survey
from benmo.admin.new_member import NewMember
from benmo.cluster import NodeAddress
from benmo.commands.node_status import MemberStatus
from benmo.errors import Failure
from benmo.options import state_dir_option
from benmo.paxos.types import NODES_MAX, Change, ChangeKind, NodeId


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@host_option
@port_option
@click.option("--yes", is_flag=True, help="Add a node though the last one hasn't run yet.")
@state_dir_option
def add(host: str | None, port: int | None, yes: bool, state_dir: Path) -> None:
    """Add a node, with the first number that is free, and nothing on its account.

    The running nodes decide that; a majority of the new number must be up before it starts. This
    needs the cluster's ca/, so it is done where the cluster was made. After an interruption, type
    the same again.
    """

    async def work(desk: Desk, survey: Survey) -> str:
        unused = None if yes else _unused(desk, survey)
        if unused is not None:
            return _how_to_start_unused(desk, survey, unused)
        node = _next_node(desk, survey)
        new = NewMember(desk.state, desk.cluster, node)
        begun = None if new.begun is None else survey.find(new.begun)
        if begun is not None and begun.until is not None:
            new.drop()
            begun = None
        if begun is None:
            default = _default_address(survey, node, host)
            address = chosen_address(survey, node, host, port, default)
            require_quorum(survey, Change(ChangeKind.ADD, node))
            member = new.begin(desk.authority, address.host)
        else:
            address, member = NodeAddress(node, begun.host, begun.port), begun.member
        change = Change(ChangeKind.ADD, node, "", member, address.host, address.port)
        survey = await decide(desk, survey, change)
        now = survey.voter(node)
        new.put_in_place(_last_member(survey, node, now.ordinal - 1))
        keep_addresses(desk, survey)
        return (
            f"decided in slot {now.since - 1}: node {node} votes from slot {now.since} on"
            f"{worth_of(survey)}.\n{how_to_start(desk, NodeAddress(node, now.host, now.port))}"
        )

    change_cluster(state_dir, work)


def _next_node(desk: Desk, survey: Survey) -> NodeId:
    """The number of the node to add: that of a run that was interrupted, or the first free one."""
    for node in range(1, NODES_MAX + 1):
        voter = survey.voters.get(node)
        if voter is None or NewMember(desk.state, desk.cluster, node).begun == voter.member:
            return node
    raise Failure(f"a cluster has {NODES_MAX} nodes at most")


def _unused(desk: Desk, survey: Survey) -> MemberStatus | None:
    """A node that was added or replaced here and has yet to run; None if there is none."""
    for node, voter in survey.voters.items():
        new = NewMember(desk.state, desk.cluster, node)
        if voter.since > 1 and node not in survey.up and new.unused == voter.member:
            return voter
    return None


def _how_to_start_unused(desk: Desk, survey: Survey, unused: MemberStatus) -> str:
    """Say that a node is there, as it is if a run before was interrupted, and has yet to run."""
    keep_addresses(desk, survey)
    address = NodeAddress(unused.node, unused.host, unused.port)
    return (
        f"{desk.state.node(unused.node)} votes since slot {unused.since}, and has never run here; "
        f"--yes adds one more. {how_to_start(desk, address)}"
    )


def _default_address(survey: Survey, node: NodeId, host: str | None) -> NodeAddress:
    """The host of the first node, unless another is given; and the first port that is free there.

    On a host without a node that is the first node's port.
    """
    voters = list(survey.voters.values())
    host = host or voters[0].host
    ports = {voter.port for voter in voters if voter.host == host}
    return NodeAddress(node, host, max(ports) + 1 if ports else voters[0].port)


def _last_member(survey: Survey, node: NodeId, ordinal: int) -> str:
    """The id of the member that the node had before; empty if it had none."""
    return next((m.member for m in survey.members if (m.node, m.ordinal) == (node, ordinal)), "")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@node_argument
@state_dir_option
def remove(node: int, state_dir: Path) -> None:
    """Remove node N, whose account must be empty.

    The running nodes decide that; a majority of them must be up, and one of those that stay. After
    an interruption, type the same again.
    """

    async def work(desk: Desk, survey: Survey) -> str:
        past = [each for each in survey.members if each.node == node]
        is_removed = bool(past) and past[-1].until is not None
        member = past[-1] if is_removed else survey.voter(node)
        survey = await decide(desk, survey, Change(ChangeKind.REMOVE, node, member.member))
        retired = NewMember(desk.state, desk.cluster, node).retire(member.member)
        keep_addresses(desk, survey)
        removed = survey.find(member.member)
        slot = "" if removed is None else f" in slot {removed.until}"
        where = "" if retired is None else f".\nIts directory is {retired}"
        return f"decided{slot}: node {node} is removed{worth_of(survey)}{where}"

    change_cluster(state_dir, work)
