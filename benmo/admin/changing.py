"""Parts that the commands which change the membership share: from `replace.py` to `move.py`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
from msgspec.structs import replace

from benmo.admin.addresses import address_of, is_loopback
from benmo.admin.desk import Desk, Survey
from benmo.admin.making import alone_in, write_cluster
from benmo.admin.new_member import NewMember, StillRuns
from benmo.cluster import NodeAddress, StateDirectory, require_apart
from benmo.commands.answers import Status
from benmo.commands.fitting import fitted, print_error, terminal_columns
from benmo.commands.node_status import MemberStatus
from benmo.errors import Failure
from benmo.network.ports import holder_of, is_taken
from benmo.options import NODE, Number, die
from benmo.paxos.types import NodeId

_host_option = click.option("--host", metavar="H", help="The host at which the node listens.")
_port_option = click.option(
    "--port", metavar="P", type=Number(1, 65535), help="The port at which it listens."
)
T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., None])

node_argument = click.argument("node", metavar="N", type=NODE)


def address_options(command: Command) -> Command:
    """Give a command the options `--host` and `--port`."""
    return _host_option(_port_option(command))


def change_cluster(state_dir: Path, work: Callable[[Desk, Survey], Awaitable[str]]) -> None:
    """Do the work at the desk in `state_dir`, and show what it says.

    The work gets the desk, and what the nodes say before anything is changed.
    """
    try:
        said = at_desk(StateDirectory(state_dir), work)
    except StillRuns as decided:
        said = f"{decided}."
    except Failure as error:
        die(error)
    except OSError as error:
        die(f"{error.filename or state_dir}: {error.strerror}")
    except KeyboardInterrupt:
        print_error("benmo: not known to be decided: type the same again to go on")
        sys.exit(Status.UNKNOWN)
    click.echo(fitted(said, terminal_columns()))


def at_desk(state: StateDirectory, work: Callable[[Desk, Survey], Awaitable[T]]) -> T:
    """Do the work at the desk in a state directory; what it returns.

    Raises `Failure`, `OSError`, and what the work raises.
    """
    desk = Desk(state)
    with alone_in(state.path, "changing the cluster"), desk:
        return asyncio.run(_work(desk, work))


async def _work(desk: Desk, work: Callable[[Desk, Survey], Awaitable[T]]) -> T:
    return await work(desk, await desk.survey())


def chosen_address(
    survey: Survey, node: NodeId, host: str | None, port: int | None, default: NodeAddress
) -> NodeAddress:
    """The address that the options name, and where they don't, the default.

    Raises `click.UsageError` if there can't be such an address, and `Failure` if it is another
    node's, or another program's of this machine.
    """
    address = address_of(node, host or default.host, port or default.port)
    others = (voter for voter in survey.voters.values() if voter.node != node)
    taken = [NodeAddress(voter.node, voter.host, voter.port) for voter in others]
    if any(is_loopback(address.host) != is_loopback(other.host) for other in taken):
        raise Failure(
            f"{address} and {taken[0]}: the nodes are all on this machine, or none is: "
            f"--host names the machine at which the others reach node {node}"
        )
    try:
        require_apart((*taken, address))
    except ValueError as error:
        raise Failure(str(error)) from error
    if not _is_own(survey, address) and is_taken(address.host, address.port):
        raise Failure(f"{address} is in use: choose another --port{holder_of(address.port)}")
    return address


def _is_own(survey: Survey, address: NodeAddress) -> bool:
    """Whether the node itself may listen at an address already, as it may where it was before."""
    voter = survey.voters.get(address.node)
    if voter is None:
        return False
    return (address.host, address.port) in ((voter.host, voter.port), *voter.former)


def begun_member(new: NewMember, survey: Survey) -> MemberStatus | None:
    """The member that an earlier run began, if the nodes have decided to take it.

    The directory of one that others have replaced since is removed.
    """
    begun = None if new.begun is None else survey.find(new.begun)
    if begun is None or begun.until is None:
        return begun
    new.drop()
    return None


def asked_elsewhere(desk: Desk, now: NodeAddress, host: str | None, port: int | None) -> str:
    """A line for a node whose address was decided before, if the options name another."""
    asked = address_of(now.node, host or now.host, port or now.port)
    if asked == now:
        return ""
    move = f"benmo move {now.node} --host {asked.host} --port {asked.port}"
    return (
        f"\nIt was made for {now}, not for {asked}, where this takes it:\n"
        f"    {move}{state_option(desk.state)}"
    )


def keep_addresses(desk: Desk, survey: Survey) -> None:
    """Write into `cluster.json` which nodes there are now, and where."""
    known = tuple(
        NodeAddress(voter.node, voter.host, voter.port) for voter in survey.voters.values()
    )
    cluster = desk.state.load()
    founders = tuple(NodeAddress(each.node, each.host, each.port) for each in cluster.nodes)
    write_cluster(desk.state, replace(cluster, known=None if known == founders else known))


def how_to_start(desk: Desk, address: NodeAddress) -> str:
    """Say where a node's directory is to go, and how it is started there."""
    state, node = desk.state, address.node
    if is_loopback(address.host):
        return f"Start it:\n    python -m benmo.node {node}{state_option(state)}"
    return (
        f"Move {state.node(node)} to {address.host}, with {state.cluster_file}, and start it:\n"
        f"    python -m benmo.node {node} --state-dir DIRECTORY\n"
        f"Leave no copy of the directory here but its tls/: only one may ever run."
    )


def state_option(state: StateDirectory) -> str:
    """The option that names the directory, where it isn't the usual one."""
    return "" if state.path == Path("state") else f" --state-dir {state.path}"


def worth_of(survey: Survey) -> str:
    """A full stop and a line about an even number of nodes; empty if the number is odd."""
    count = len(survey.voters)
    if count % 2:
        return ""
    return (
        f".\n{count} nodes bear the loss of {(count - 1) // 2}, as {count - 1} do: "
        f"an even number gains nothing"
    )
