"""`benmo status`: asks every node at the same time for its status, and shows one table."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from benmo.admin.cluster_table import SILENT, UNKNOWN, Absent, Said, cluster_table
from benmo.cluster import StateDirectory
from benmo.commands.answers import fitting_format
from benmo.commands.fitting import terminal_columns
from benmo.commands.node_status import status_in
from benmo.control.connection import NodeGone, NotReached, connect
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

    The exit status is 0 if a quorum is up, 3 if not. A node is asked with its own certificate, or a
    client's; a node for which neither is here, or can be used, can't be asked.
    """
    state = StateDirectory(state_dir)
    answer = cluster_table(asyncio.run(ask_all(state, state.load().ids)))
    rendered = answer.rendered(fitting_format(output_format, terminal_columns()))
    click.echo(rendered.output)
    sys.exit(rendered.status)


async def ask_all(state: StateDirectory, nodes: tuple[NodeId, ...]) -> dict[NodeId, Said]:
    """The status that each node reports within `ANSWER_S`, or why it reports none."""
    said = await asyncio.gather(*(_ask(state, node) for node in nodes))
    return dict(zip(nodes, said, strict=True))


async def _ask(state: StateDirectory, node: NodeId) -> Said:
    try:
        if state.credentials(node) is None:
            return UNKNOWN
        async with asyncio.timeout(ANSWER_S):
            connection = await connect(state, node)
            try:
                answer = await connection.ask(
                    RunLine(connection.next_number(), "printStatus", "json")
                )
            finally:
                connection.abort()
    except (TimeoutError, NodeGone):
        return SILENT
    except NotReached as error:
        return Absent(reason=str(error))
    except Failure as error:
        return Absent("can't be asked", str(error), None)
    except OSError as error:
        return Absent(
            "can't be asked", f"{error.filename or state.tls(node)}: {error.strerror}", None
        )
    assert isinstance(answer, Ran)
    return status_in(answer.status, answer.output) or SILENT
