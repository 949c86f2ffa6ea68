"""`benmo move`: a node goes to another address, with its directory and without loss."""

from __future__ import annotations

from pathlib import Path

import click

from benmo.admin.addresses import is_loopback
from benmo.admin.changing import (
    address_options,
    change_cluster,
    chosen_address,
    keep_addresses,
    node_argument,
)
from benmo.admin.deciding import decide
from benmo.admin.desk import Desk, Survey
from benmo.cluster import NodeAddress
from benmo.commands.node_status import MemberStatus
from benmo.options import state_dir_option
from benmo.paxos.types import Change, ChangeKind


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@node_argument
@address_options
@state_dir_option
def main(node: int, host: str | None, port: int | None, state_dir: Path) -> None:
    """Move node N, which keeps its directory, to another address.

    The running nodes decide that; a majority of them must be up. Then stop the node, move its
    directory, and start it at the new address. This needs the cluster's ca/, so it is done where
    the cluster was made.
    """
    if host is None and port is None:
        raise click.UsageError("--host or --port says where the node goes")

    async def work(desk: Desk, survey: Survey) -> str:
        voter = survey.voter(node)
        old = NodeAddress(node, voter.host, voter.port)
        new = chosen_address(survey, node, host, port, old)
        if new == old:
            keep_addresses(desk, survey)
            return _nothing_to_do(desk, voter, old)
        change = Change(
            ChangeKind.MOVE,
            node,
            voter.member,
            voter.member,
            new.host,
            new.port,
            voter.moved_in,
        )
        survey = await decide(desk, survey, change)
        keep_addresses(desk, survey)
        return f"decided: node {node} is expected at {new}.\n{_how_to_go_on(desk, new)}"

    change_cluster(state_dir, work)


def _nothing_to_do(desk: Desk, voter: MemberStatus, address: NodeAddress) -> str:
    said = f"nothing to do: node {voter.node} is expected at {address} already"
    if not voter.moved_in:
        return f"{said}."
    since = f"{said}, since slot {voter.moved_in}. If it runs elsewhere:"
    return f"{since}\n{_how_to_go_on(desk, address)}"


def _how_to_go_on(desk: Desk, new: NodeAddress) -> str:
    file = desk.state.cluster_file
    if is_loopback(new.host):
        return f"Stop it and start it again: it reads its address from {file}."
    return (
        f"Stop it, and move its directory to {new.host}, with {file} from here; start "
        f"it there, and leave no copy of the directory where it was."
    )
