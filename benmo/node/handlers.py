"""The handlers of all commands but those about links: what each command does to a node.

`benmo.commands.table` has the commands' names and arguments. A handler raises `NotUnderstood` or
`Refused` if the command can't be carried out.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from functools import partial

import msgspec

from benmo.commands.answers import Answer, Cell, Status, Table
from benmo.commands.arguments import integer, misused, no_arguments, waiting_time_s
from benmo.commands.block_table import chain_json, chain_notes, chain_table, shown
from benmo.commands.table import COMMANDS, find, help_answer
from benmo.errors import Refused
from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.transfers import Payments, Run, Transfer
from benmo.ledger.visible_text import escaped
from benmo.node.service import Service
from benmo.node.view import View

BLOCKS_SHOWN_MAX = 1000
TRANSFERS_SHOWN_MAX = 10_000
"""The limit of transfers shown of a queue or of several blocks; one block is shown whole."""

_KILLED = 128 + signal.SIGKILL
"""The exit status that a shell shows for a process that was killed."""


async def money_transfer(service: Service, arguments: Sequence[str]) -> Answer:
    if len(arguments) != 3:
        misused("it takes amount, debit node and credit node")
    amount, debit, credit = (
        integer(text, what)
        for text, what in zip(arguments, ("amount", "debit node", "credit node"), strict=True)
    )
    view = service.view
    if debit != view.node:
        return _transfer_refused(
            f"this is node {view.node}, which pays with its own money only: "
            f"type that at node {debit}"
            if debit in view.nodes
            else f"there is no node {debit}: nodes are {min(view.nodes)} to {max(view.nodes)}"
        )
    limit = service.cluster.settings.log_limit
    admission = await service.submissions.submit(Payments.of((credit, amount)), limit)
    if admission.run is None:
        return _transfer_refused(admission.reason)
    (transfer,) = admission.run.transfers()
    text = f"queued {transfer}"
    if not view.has_quorum:
        text += f"; not decided: {view.why_undecided()}"
    return Answer(Status.DONE, {"id": transfer.id, "outcome": "queued"}, text)


def _transfer_refused(reason: str) -> Answer:
    return Answer(Status.REFUSED, {"outcome": "refused", "reason": reason}, f"refused: {reason}")


async def print_blockchain(service: Service, arguments: Sequence[str]) -> Answer:
    height = service.view.height
    first, last = _slots(arguments, height)
    if last - first >= BLOCKS_SHOWN_MAX:
        raise Refused(
            f"slots {first} to {last} are too many, {BLOCKS_SHOWN_MAX} can be shown at a time: "
            f"printBlockchain {max(first, last - 99)} {last}"
        )
    blocks = await _blocks_to_show(service, first, last)
    value, table, notes = await service.aside(partial(_as_shown, blocks))
    return Answer(Status.DONE, value, notes if blocks else _no_blocks(height), table)


async def _blocks_to_show(service: Service, first: int, last: int) -> list[AppliedBlock]:
    """Read the blocks of these slots. Raises `Refused` if they hold too many transfers."""
    blocks: list[AppliedBlock] = []
    count = 0
    async for applied in service.view.blocks(first, last):
        count += len(applied.block)
        if blocks and count > TRANSFERS_SHOWN_MAX:
            slot = applied.block.slot
            raise Refused(
                f"slots {first} to {slot} hold {count} transfers, {TRANSFERS_SHOWN_MAX} can be "
                f"shown at a time: printBlockchain {first} {slot - 1}, or benmo export for all"
            )
        blocks.append(applied)
    return blocks


def _as_shown(blocks: list[AppliedBlock]) -> tuple[object, Table, str]:
    chain = list(map(shown, blocks))
    return chain_json(chain), chain_table(chain), chain_notes(chain)


def _no_blocks(height: int) -> str:
    return f"the chain ends at slot {height}" if height else "the chain is empty"


def _slots(arguments: Sequence[str], height: int) -> tuple[int, int]:
    if len(arguments) > 2:
        misused("it takes the first and the last slot")
    numbers = [integer(text, "slot") for text in arguments]
    first = numbers[0] if numbers else 1
    if len(numbers) > 1 and numbers[1] < first:
        raise Refused(f"slot {first} comes after slot {numbers[1]}")
    last = min(numbers[1], height) if len(numbers) > 1 else height
    if first < 1:
        raise Refused(f"slots are numbered from 1, not {first}")
    return first, last


def _transfer_json(transfer: Transfer) -> dict[str, object]:
    return {
        "id": transfer.id,
        "amount": transfer.amount,
        "debit_node": transfer.debit_node,
        "credit_node": transfer.credit_node,
    }


def _texts(transfer: Transfer) -> dict[str, object]:
    """A transfer's memo and key, unless they are empty."""
    texts = {"memo": transfer.memo, "key": transfer.key}
    return {name: text for name, text in texts.items() if text}


def _memo(transfer: Transfer, is_shown: bool) -> tuple[Cell, ...]:
    """The cell of the column of memos, if that column is shown."""
    return (escaped(transfer.memo),) if is_shown else ()


async def print_balance(service: Service, arguments: Sequence[str]) -> Answer:
    view = service.view
    height, doubt = view.height, _doubt(view)
    if [argument.lower() for argument in arguments] == ["all"]:
        balances = {str(node): balance for node, balance in view.balances.items()}
        rows: list[tuple[Cell, ...]] = list(view.balances.items())
        table = Table(("node", "balance"), rows)
        text = f"at height {height}{doubt}"
        return Answer(Status.DONE, {"balances": balances, "height": height}, text, table)
    if arguments:
        misused(f"it takes nothing, or all, not {' '.join(arguments)}")
    balance, available = view.balance, view.available
    value = {"node": view.node, "balance": balance, "available": available, "height": height}
    waiting = f", {available} of it available" if available != balance else ""
    text = f"node {view.node} has {balance}{waiting}, at height {height}{doubt}"
    return Answer(Status.DONE, value, text, Table(tuple(value), [tuple(value.values())], False))


def _doubt(view: View) -> str:
    """Say why the balances that this node shows may be old; empty if they are not known to be."""
    if view.highest_peer > view.height:
        return f" (behind: others are at height {view.highest_peer})"
    if not view.has_quorum:
        return f" (may be old: {view.why_undecided()})"
    return ""


async def print_queue(service: Service, arguments: Sequence[str]) -> Answer:
    no_arguments(arguments)
    await service.view.until_settled()
    queue = service.view.queue
    if len(queue) > TRANSFERS_SHOWN_MAX:
        raise Refused(f"{len(queue)} transfers wait, {TRANSFERS_SHOWN_MAX} can be shown at a time")
    return await service.aside(partial(_queue_shown, queue, service.view.why_undecided()))


def _queue_shown(queue: Run, why: str) -> Answer:
    transfers = list(queue.transfers())
    value = [{**_transfer_json(transfer), **_texts(transfer)} for transfer in transfers]
    rows: list[tuple[Cell, ...]] = [
        (
            transfer.id,
            transfer.amount,
            transfer.debit_node,
            transfer.credit_node,
            *_memo(transfer, bool(queue.memo)),
        )
        for transfer in transfers
    ]
    headers = ("id", "amount", "debit_node", "credit_node")
    table = Table(headers + (("memo",) if queue.memo else ()), rows)
    text = f"queued, not decided: {why}" if transfers else "the queue is empty"
    return Answer(Status.DONE, value, text, table)


async def print_status(service: Service, arguments: Sequence[str]) -> Answer:
    no_arguments(arguments)
    view = service.view
    status = view.status()
    value = msgspec.to_builtins(status)
    rows: list[tuple[Cell, ...]] = [
        ("undecided" if name == "accepted" else name, _shown(item))
        for name, item in value.items()
        if name != "peers"
    ]
    for peer in status.peers:
        is_heard = view.has_heard(peer.node)
        heard = f"height {peer.height} when last heard" if is_heard else "not heard yet"
        rows.append((f"link to {peer.node}", f"{peer.link}{view.how_sent(peer.node)}, {heard}"))
    return Answer(Status.DONE, value, "", Table(("", ""), rows, has_headers=False))


async def print_members(service: Service, arguments: Sequence[str]) -> Answer:
    no_arguments(arguments)
    view = service.view
    members = sorted(view.members(), key=lambda each: (each.node, each.ordinal))
    rows: list[tuple[Cell, ...]] = [
        (each.node, each.member, each.since, each.until or "", each.address) for each in members
    ]
    headers = ("node", "member", "since", "retired in", "address")
    tsv_headers = ("node", "member", "since", "until", "address")
    table = Table(headers, rows, spare=("member",), tsv_headers=tsv_headers)
    count, quorum = len(view.nodes), view.quorum
    text = f"slot {view.height + 1} has {count} voters, and {quorum} of them are a quorum"
    return Answer(Status.DONE, msgspec.to_builtins(members), text, table)


def _shown(item: object) -> str:
    match item:
        case None:
            return "none"
        case bool():
            return "yes" if item else "no"
        case [0, 0]:
            return "none"
        case [number, node]:
            return f"({number}, {node})"
        case {"slot": slot, "ballot": [number, node]}:
            return f"slot {slot} in ballot ({number}, {node})"
        case _:
            return str(item)


async def crash_node(_service: Service, arguments: Sequence[str]) -> Answer:
    no_arguments(arguments)
    os.kill(os.getpid(), signal.SIGKILL)
    os._exit(_KILLED)  # the first process of a container can't kill itself


async def wait(service: Service, arguments: Sequence[str]) -> Answer:
    timeout_s = waiting_time_s(arguments)
    view = service.view
    decided = "decided: " if view.queue else ""
    if await view.until_queue_empty(timeout_s):
        value = {"outcome": "decided", "height": view.height}
        text = f"{decided}nothing waits in the queue, at height {view.height}"
        return Answer(Status.DONE, value, text)
    reason, count = view.why_undecided(), len(view.queue)
    value = {"outcome": "unknown", "queue": count, "reason": reason}
    text = f"queued, not decided: {count} in the queue after {timeout_s:g} s: {reason}"
    return Answer(Status.UNKNOWN, value, text)


async def print_help(_service: Service, arguments: Sequence[str]) -> Answer:
    return help_answer([find(arguments[0])] if arguments else COMMANDS)


async def leave(_service: Service, arguments: Sequence[str]) -> Answer:
    no_arguments(arguments)
    return Answer(Status.DONE, None, "", leaves=True)
