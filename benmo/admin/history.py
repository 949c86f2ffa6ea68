"""`benmo history`: the transfers of one account, page by page, as a running node knows them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

import click

from benmo.admin.node_reading import NodeReading, read_from
from benmo.cluster import StateDirectory, no_such_node
from benmo.commands.answers import Answer, Cell, Status, Table, fitting_format
from benmo.commands.fitting import terminal_columns
from benmo.commands.times import shown_time
from benmo.control.account_history import (
    AccountTransfer,
    Place,
    balances_before,
    from_newest,
    from_oldest,
    page_of,
)
from benmo.control.chain_reads import backwards
from benmo.errors import Failure, ProtocolError
from benmo.ledger.visible_text import escaped
from benmo.options import NODE, Number, format_option, state_dir_option
from benmo.paxos.types import NodeId

_HEADERS = (
    *("place", "time (UTC)", "transfer", "direction", "node"),
    *("amount", "outcome", "balance"),
)


def _place(_context: click.Context, _option: click.Parameter, text: str | None) -> Place | None:
    if text is None:
        return None
    slot, _, position = text.partition("/")
    if not (text.isascii() and slot.isdecimal() and position.isdecimal()):
        raise click.BadParameter(f"{text!r} is no SLOT/POSITION, such as 7/0")
    return int(slot), int(position)


@click.command()
@click.argument("account", metavar="N", type=NODE)
@click.option(
    "--limit",
    type=Number(1, 100_000),
    default=100,
    show_default=True,
    help="How many transfers at most.",
)
@click.option(
    "--after",
    metavar="SLOT/POSITION",
    callback=_place,
    help="Go on behind this transfer, the last of a page.",
)
@click.option("--oldest-first", is_flag=True, help="Begin with the first transfer.")
@click.option(
    "--height",
    type=Number(min=0),
    help="The history and the balance at this height.  [default: now]",
)
@click.option(
    "--node",
    "node_id",
    metavar="N",
    type=NODE,
    help="The node to ask.  [default: of those that answer, the one with the longest chain]",
)
@format_option
@state_dir_option
def history(
    account: NodeId,
    limit: int,
    after: Place | None,
    oldest_first: bool,
    height: int | None,
    node_id: NodeId | None,
    output_format: str,
    state_dir: Path,
) -> None:
    """Show the transfers from and to node N's account, with the balance after each.

    A running node is asked, with its own certificate or a client's. The newest transfers come
    first; of times, each is the proposer's clock.
    """
    wanted = _Wanted(account, limit, after, oldest_first, height)
    page = asyncio.run(_read(StateDirectory(state_dir), node_id, wanted))
    form = fitting_format(output_format, terminal_columns())
    rendered = _answer(wanted, page, is_tsv=output_format == "tsv").rendered(form)
    click.echo(rendered.output)
    sys.exit(rendered.status)


@dataclass(frozen=True, slots=True)
class _Wanted:
    account: NodeId
    limit: int
    after: Place | None
    is_oldest_first: bool
    height: int | None


@dataclass(frozen=True, slots=True)
class _Page:
    """One transfer more than was wanted, if there are more; the account's balance at a height."""

    transfers: list[AccountTransfer]
    balance: int
    height: int


async def _read(state: StateDirectory, node: NodeId | None, wanted: _Wanted) -> _Page:
    cluster = state.load()
    reading = await read_from(state, cluster, node)
    try:
        return await _page(reading, cluster.opening_balance(wanted.account), wanted)
    except ProtocolError as error:
        raise Failure(f"node {reading.node} contradicts itself: {error}") from error
    finally:
        reading.close()


async def _page(reading: NodeReading, opening: int, wanted: _Wanted) -> _Page:
    height = reading.height if wanted.height is None else wanted.height
    if height > reading.height:
        raise Failure(f"node {reading.node} is at height {reading.height}: there is no {height}")
    nodes = await reading.nodes()
    if wanted.account not in nodes:
        raise no_such_node(wanted.account, nodes)
    above = backwards(reading.blocks, reading.height, height + 1)
    balance = (await balances_before(above, reading.balances)).get(wanted.account, 0)
    if wanted.is_oldest_first:
        transfers = from_oldest(reading.blocks, wanted.account, height, opening)
    else:
        transfers = from_newest(reading.blocks, wanted.account, height, balance)
    beyond = _beyond(transfers, wanted)
    return _Page(await page_of(beyond, wanted.limit + 1), balance, height)


async def _beyond(
    transfers: AsyncIterator[AccountTransfer], wanted: _Wanted
) -> AsyncIterator[AccountTransfer]:
    """The transfers behind `after`, of which the balances need those before it, too."""
    async for each in transfers:
        after = wanted.after
        if after is None or (each.place > after if wanted.is_oldest_first else each.place < after):
            yield each


def _answer(wanted: _Wanted, page: _Page, *, is_tsv: bool) -> Answer:
    shown = page.transfers[: wanted.limit]
    following = _text(shown[-1].place) if len(page.transfers) > wanted.limit else None
    lines = [f"node {wanted.account} has {page.balance} at height {page.height}"]
    if following:
        lines.append(f"there are more: --after {following}")
    value = {
        "node": wanted.account,
        "balance": page.balance,
        "height": page.height,
        "transfers": [_value(each) for each in shown],
        "after": following,
    }
    return Answer(Status.DONE, value, "\n".join(lines), _tsv(shown) if is_tsv else _table(shown))


def _text(place: Place) -> str:
    return "/".join(map(str, place))


def _value(transfer: AccountTransfer) -> dict[str, object]:
    """The fields of a transfer; memo and key only where there are any."""
    return {name: field for name, field in asdict(transfer).items() if field is not None}


def _tsv(transfers: list[AccountTransfer]) -> Table:
    rows = [tuple("" if cell is None else cell for cell in astuple(each)) for each in transfers]
    return Table(tuple(field.name for field in fields(AccountTransfer)), rows)


def _table(transfers: list[AccountTransfer]) -> Table:
    has_memo = any(each.memo for each in transfers)
    headers = (
        "place",
        "time (UTC)",
        "transfer",
        "direction",
        "node",
        "amount",
        "outcome",
        "balance",
    )
    rows = [_row(each, has_memo) for each in transfers]
    return Table((*headers, *(("memo",) if has_memo else ())), rows, spare=("time (UTC)",))


def _row(transfer: AccountTransfer, has_memo: bool) -> tuple[Cell, ...]:
    return (
        _text(transfer.place),
        shown_time(transfer.time),
        transfer.id,
        transfer.direction,
        transfer.other_node,
        transfer.amount,
        transfer.outcome,
        transfer.balance,
        *((escaped(transfer.memo or ""),) if has_memo else ()),
    )
