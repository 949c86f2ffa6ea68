"""`benmo status`: asks every node at the same time for its status, and shows one table."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benmo.admin.cluster_table import (
    DOWN,
    SILENT,
    UNKNOWN,
    Absent,
    Said,
    cluster_table,
    without_vote,
)
from benmo.cluster import Cluster, NodeAddress, StateDirectory
from benmo.commands.answers import fitting_format
from benmo.commands.fitting import terminal_columns
from benmo.commands.node_status import status_in
from benmo.control.connection import NodeGone, NotReached, connect
from benmo.control.member_requests import MembersRead, ReadMembers
from benmo.control.places import NodePlaces
from benmo.control.requests import Ran, RunLine
from benmo.errors import Failure
from benmo.options import format_option, state_dir_option
from benmo.paxos.types import MemberId, NodeId

ANSWER_S = 2.0
"""The time limit, in seconds, of an answer; the table waits no longer for any node."""


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
    answer = cluster_table(asyncio.run(ask_all(state, state.load())))
    rendered = answer.rendered(fitting_format(output_format, terminal_columns()))
    click.echo(rendered.output)
    sys.exit(rendered.status)


@dataclass(frozen=True, slots=True)
class _NodeAnswer:
    """A node's report: its status, or why there is none; and who the members are, if it did."""

    said: Said
    members: MembersRead | None = None


async def ask_all(state: StateDirectory, cluster: Cluster) -> dict[NodeId, Said]:
    """The status that each voting node reports within `ANSWER_S`, or why it reports none.

    The nodes of `cluster.json` are asked who votes, and where; the longest of their chains counts.
    If none of them says that, these nodes are taken for the voters.
    """
    places = NodePlaces(cluster)
    told = await _ask_at(state, [place for node in places.nodes for place in places.of(node)])
    known = [each.members for each in told.values() if each.members is not None]
    if not known:
        return {node: told[places.of(node)[0]].said for node in cluster.ids}
    members = max(known, key=lambda each: each.height).members
    places.learn(members)
    voters = {each.node: each.member for each in members if each.until is None}
    listed = (place for node in voters for place in places.of(node))
    told |= await _ask_at(state, [place for place in listed if place not in told])
    return {
        node: _said_by([told[place] for place in places.of(node)], voters[node])
        for node in sorted(voters)
    }


def _said_by(told: Sequence[_NodeAnswer], member: MemberId) -> Said:
    """The status that a member reports, at whichever of its node's addresses it answers."""
    own = (each.said for each in told if each.members and each.members.member == member)
    absent = (each.said for each in told if each.members is None)
    other = (without_vote(each.members) for each in told if each.members is not None)
    return next(own, None) or next(other, None) or next(absent, DOWN)


async def _ask_at(
    state: StateDirectory, places: Sequence[NodeAddress]
) -> dict[NodeAddress, _NodeAnswer]:
    told = await asyncio.gather(*(_ask(state, place) for place in places))
    return dict(zip(places, told, strict=True))


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
        return _NodeAnswer(Absent("?", str(error), None))
    except OSError as error:
        where = error.filename or state.tls(node)
        return _NodeAnswer(Absent("?", f"{where}: {error.strerror}", None))
    assert isinstance(status, Ran)
    said = status_in(status.status, status.output) or SILENT
    return _NodeAnswer(said, members if isinstance(members, MembersRead) else None)
