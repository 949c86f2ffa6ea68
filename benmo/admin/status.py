"""`benmo status`: asks every node at the same time for its status, and shows one table."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benmo.admin.cluster_table import SILENT, UNKNOWN, Absent, Said, cluster_table
from benmo.cluster import NodeAddress, StateDirectory
from benmo.commands.answers import fitting_format
from benmo.commands.fitting import terminal_columns
from benmo.commands.node_status import status_in
from benmo.control.connection import NodeGone, NotReached, connect
from benmo.control.member_requests import MembersRead, ReadMembers
from benmo.control.requests import Ran, RunLine
from benmo.errors import Failure
from benmo.options import format_option, state_dir_option
from benmo.paxos.types import NodeId

ANSWER_S = 2.0
"""How many seconds a node may take to answer; the table waits no longer for any node."""


@click.command()
@format_option
@state_dir_option
def status(output_format: str, state_dir: Path) -> None:
    """Show how all nodes are in one table.

    The nodes are those that vote, as far as one that answers says; else those of cluster.json. The
    exit status is 0 if a quorum is up, 3 if not. A node is asked with its own certificate, or a
    client's; a node for which neither is here, or can be used, can't be asked.
    """
    state = StateDirectory(state_dir)
    answer = cluster_table(asyncio.run(ask_all(state, state.load().addresses)))
    rendered = answer.rendered(fitting_format(output_format, terminal_columns()))
    click.echo(rendered.output)
    sys.exit(rendered.status)


@dataclass(frozen=True, slots=True)
class _NodeAnswer:
    """A node's report: its status, or why there is none; and who the members are, if it did."""

    said: Said
    members: MembersRead | None = None


async def ask_all(state: StateDirectory, addresses: Sequence[NodeAddress]) -> dict[NodeId, Said]:
    """The status that each voting node reports within `ANSWER_S`, or why it reports none.

    The nodes at `addresses` are asked who votes, and where; the longest of their chains counts. If
    none of them says that, those at `addresses` are taken for the voters.
    """
    told = await _ask_each(state, addresses)
    known = [each.members for each in told.values() if each.members is not None]
    if not known:
        return {node: each.said for node, each in told.items()}
    members = max(known, key=lambda each: each.height).members
    voters = sorted(
        (NodeAddress(each.node, each.host, each.port) for each in members if each.until is None),
        key=lambda each: each.node,
    )
    asked = {(each.node, str(each)) for each in addresses}
    silent = [each for each in voters if each.node not in told or not told[each.node].members]
    elsewhere = [each for each in silent if (each.node, str(each)) not in asked]
    told |= await _ask_each(state, elsewhere)
    return {each.node: told[each.node].said for each in voters}


async def _ask_each(
    state: StateDirectory, addresses: Sequence[NodeAddress]
) -> dict[NodeId, _NodeAnswer]:
    told = await asyncio.gather(*(_ask(state, address) for address in addresses))
    return {address.node: each for address, each in zip(addresses, told, strict=True)}


async def _ask(state: StateDirectory, address: NodeAddress) -> _NodeAnswer:
    node = address.node
    try:
        if state.credentials(node) is None:
            return _NodeAnswer(UNKNOWN)
        async with asyncio.timeout(ANSWER_S):
            connection = await connect(state, node, address)
            try:
                status, members = await asyncio.gather(
                    connection.ask(RunLine(connection.next_number(), "printStatus", "json")),
                    connection.ask(ReadMembers(connection.next_number())),
                )
            finally:
                connection.abort()
    except (TimeoutError, NodeGone):
        return _NodeAnswer(SILENT)
    except NotReached as error:
        return _NodeAnswer(Absent(reason=str(error)))
    except Failure as error:
        return _NodeAnswer(Absent("can't be asked", str(error), None))
    except OSError as error:
        where = error.filename or state.tls(node)
        return _NodeAnswer(Absent("can't be asked", f"{where}: {error.strerror}", None))
    assert isinstance(status, Ran)
    said = status_in(status.status, status.output) or SILENT
    return _NodeAnswer(said, members if isinstance(members, MembersRead) else None)
