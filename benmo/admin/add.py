"""`benmo add`: one node more."""

from __future__ import annotations

from pathlib import Path

import click

from benmo.admin.changing import (
    address_options,
    asked_elsewhere,
    begun_member,
    change_cluster,
    chosen_address,
    how_to_start,
    keep_addresses,
    worth_of,
)
from benmo.admin.deciding import decide, require_quorum
from benmo.admin.desk import Desk, Survey
from benmo.admin.new_member import NewMember, StillRuns
from benmo.cluster import NodeAddress
from benmo.commands.node_status import MemberStatus
from benmo.errors import Failure
from benmo.network.ports import is_taken
from benmo.options import state_dir_option
from benmo.paxos.types import NODES_MAX, Change, ChangeKind, NodeId


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@address_options
@click.option("--yes", is_flag=True, help="Add a node though the last one hasn't run yet.")
@state_dir_option
def main(host: str | None, port: int | None, yes: bool, state_dir: Path) -> None:
    """Add a node, with the first number that is free, and nothing on its account.

    The running nodes decide that; a majority of the new number must be up before it starts. This
    needs the cluster's ca/, so it is done where the cluster was made. After an interruption, type
    the same again.
    """

    async def work(desk: Desk, survey: Survey) -> str:
        unused = None if yes else _unused(desk, survey)
        if unused is not None:
            now = NodeAddress(unused.node, unused.host, unused.port)
            elsewhere = asked_elsewhere(desk, now, host, port)
            return f"{_how_to_start_unused(desk, survey, unused)}{elsewhere}"
        node = _next_node(desk, survey)
        new = NewMember(desk.state, desk.cluster, node)
        begun = begun_member(new, survey)
        if begun is None:
            default = _default_address(survey, node, host)
            address = chosen_address(survey, node, host, port, default)
            require_quorum(survey, Change(ChangeKind.ADD, node))
            member = new.begin(desk.authority, address.host)
        else:
            address, member = NodeAddress(node, begun.host, begun.port), begun.member
        change = Change(ChangeKind.ADD, node, "", member, address.host, address.port)
        survey = await decide(desk, survey, change)
        keep_addresses(desk, survey)
        voter = survey.voter(node)
        elsewhere = asked_elsewhere(desk, NodeAddress(node, voter.host, voter.port), host, port)
        return f"{_finish(desk, survey, new)}{elsewhere}"

    change_cluster(state_dir, work)


def _finish(desk: Desk, survey: Survey, new: NewMember) -> str:
    """Put the new directory in its place, and say what to start where."""
    now = survey.voter(new.node)
    decided = (
        f"decided in slot {now.since - 1}: node {now.node} votes from slot {now.since} on"
        f"{worth_of(survey)}"
    )
    try:
        new.put_in_place(_last_member(survey, now.node, now.ordinal - 1))
    except StillRuns as error:
        raise StillRuns(error.directory, decided) from error
    return f"{decided}.\n{how_to_start(desk, NodeAddress(now.node, now.host, now.port))}"


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

    On a host without a node that is the first node's port, or one above it. Raises `Failure` if no
    port is free.
    """
    voters = list(survey.voters.values())
    host = host or voters[0].host
    used = [voter.port for voter in voters if voter.host == host]
    first = max(used) + 1 if used else voters[0].port
    port = next((each for each in range(first, 65_536) if not is_taken(host, each)), None)
    if port is None:
        raise Failure(f"no port from {first} on is free at {host}: --port says which to use")
    return NodeAddress(node, host, port)


def _last_member(survey: Survey, node: NodeId, ordinal: int) -> str:
    """The id of the member that the node had before; empty if it had none."""
    return next((m.member for m in survey.members if (m.node, m.ordinal) == (node, ordinal)), "")
