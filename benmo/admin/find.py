"""`benmo find`: the payment under one key, as the node knows it whose money it pays."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from benmo.admin.node_reading import ANSWER_S, answer_of
from benmo.cluster import StateDirectory
from benmo.commands.answers import Answer, Status, Table, fitting_format
from benmo.commands.fitting import terminal_columns
from benmo.control.places import find_node
from benmo.control.requests import Find, Found, FoundTransfer
from benmo.ledger.visible_text import KEY_CHARACTERS_MAX, escaped, why_not_shown
from benmo.options import NODE, format_option, state_dir_option
from benmo.paxos.types import NodeId


def _key(_context: click.Context, _argument: click.Parameter, text: str) -> str:
    reason = why_not_shown(text, "key", KEY_CHARACTERS_MAX)
    if reason is not None or not text:
        raise click.BadParameter(reason or "a key has at least one character")
    return text


@click.command()
@click.argument("key", metavar="KEY", callback=_key)
@click.option(
    "--node",
    "node_id",
    metavar="N",
    type=NODE,
    required=True,
    help="The node that pays: each has keys of its own.",
)
@format_option
@state_dir_option
def find(key: str, node_id: NodeId, output_format: str, state_dir: Path) -> None:
    """Show what became of the payment under a key.

    Node N, which runs, is asked with its own certificate or a client's. The exit status is 3 if the
    node has queued no payment under this key until now.
    """
    found = asyncio.run(_find(StateDirectory(state_dir), node_id, key))
    answer = _missing(node_id, key) if found is None else _answer(node_id, key, found)
    rendered = answer.rendered(fitting_format(output_format, terminal_columns()))
    is_error = answer.status is not Status.DONE and output_format != "json"
    click.echo(rendered.output, err=is_error)
    sys.exit(rendered.status)


async def _find(state: StateDirectory, node: NodeId, key: str) -> FoundTransfer | None:
    connection = await find_node(state, node)
    try:
        request = Find(connection.next_number(), key, 0, ANSWER_S)
        return (await answer_of(connection, request, Found)).found
    finally:
        connection.abort()


def _missing(node: NodeId, key: str) -> Answer:
    reason = f"node {node} has queued no payment under the key {escaped(key)} until now"
    return Answer(Status.UNKNOWN, {"outcome": "unknown", "key": key, "reason": reason}, reason)


def _answer(node: NodeId, key: str, found: FoundTransfer) -> Answer:
    outcome = "refused" if found.is_refused else "decided" if found.slot else "queued"
    value = {
        "key": key,
        "id": f"{node}-{found.transfer}",
        "outcome": outcome,
        "slot": found.slot or None,
        "amount": found.amount,
        "debit_node": node,
        "credit_node": found.credit,
        "memo": found.memo,
    }
    row = tuple("" if cell is None else cell for cell in value.values())
    where = f" in slot {found.slot}" if found.slot else ""
    memo = f": {escaped(found.memo)}" if found.memo else ""
    text = (
        f"{outcome}{where}: {value['id']} ({found.amount} from node {node} to node "
        f"{found.credit}{memo})"
    )
    return Answer(Status.DONE, value, text, Table(tuple(value), [row], is_shown=False))
