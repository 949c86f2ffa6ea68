"""What each command does to a node. `benmo.commands.table` says how they are called."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from functools import partial

from benmo.commands.answers import Answer, Cell, Status, Table
from benmo.commands.arguments import integer, misused, no_arguments, waiting_time_s
from benmo.commands.block_table import chain_json, chain_table, shown
from benmo.commands.table import COMMANDS, find, help_answer
from benmo.errors import Refused
from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.transfers import Payments, Transfer
from benmo.ledger.visible_text import escaped
from benmo.node.service import Service

BLOCKS_SHOWN_MAX = 1000
TRANSFERS_SHOWN_MAX = 10_000
"""Of a queue, or of several blocks; one block is shown whatever it holds."""


async def money_transfer(service: Service, arguments: Sequence[str]) -> Answer:
    if len(arguments) != 3:
        misused("it takes amount, debit node and credit node")
    amount, debit, credit = (
        integer(text, what)
        for text, what in zip(arguments, ("amount", "debit node", "credit node"), strict=True)
    )
    if debit != service.node:
        return _transfer_refused(
            f"this is node {service.node}, which pays with its own money only: "
            f"type that at node {debit}"
            if debit in service.cluster.ids
            else f"there is no node {debit}: nodes are {_node_range(service)}"
        )
    admission = await service.submissions.submit(Payments.of((credit, amount)))
    if admission.run is None:
        return _transfer_refused(admission.reason)
    (transfer,) = admission.run.transfers()
    text = f"queued {transfer}"
    if not service.engine.replica.reachability.has_quorum:
        text += f"; not decided: {service.view.why_undecided()}"
    return Answer(Status.DONE, {"id": transfer.id, "outcome": "queued"}, text)


def _transfer_refused(reason: str) -> Answer:
    return Answer(Status.REFUSED, {"outcome": "refused", "reason": reason}, f"refused: {reason}")


async def print_blockchain(service: Service, arguments: Sequence[str]) -> Answer:
    height = service.engine.ledger.height
    first, last = _slots(arguments, height)
    if last - first >= BLOCKS_SHOWN_MAX:
        raise Refused(
            f"that is {last - first + 1} blocks, {BLOCKS_SHOWN_MAX} can be shown at a time: "
            f"printBlockchain {max(first, last - 99)} {last}"
        )
    blocks = await _blocks_to_show(service, first, last)
    text = "" if blocks else _no_blocks(height)
    value, table = await service.aside(partial(_as_shown, blocks))
    return Answer(Status.DONE, value, text, table)


async def _blocks_to_show(service: Service, first: int, last: int) -> list[AppliedBlock]:
    """These blocks, if they can be shown at a time. Raises `Refused`."""
    blocks: list[AppliedBlock] = []
    count = 0
    async for applied in service.blocks(first, last):
        count += len(applied.block)
        if blocks and count > TRANSFERS_SHOWN_MAX:
            slot = applied.block.slot
            raise Refused(
                f"slots {first} to {slot} hold {count} transfers, {TRANSFERS_SHOWN_MAX} can be "
                f"shown at a time: printBlockchain {first} {slot - 1}, or benmo export for all"
            )
        blocks.append(applied)
    return blocks


def _as_shown(blocks: list[AppliedBlock]) -> tuple[object, Table]:
    chain = list(map(shown, blocks))
    return chain_json(chain), chain_table(chain)


def _no_blocks(height: int) -> str:
    return f"the chain has {height} blocks, none of them there" if height else "the chain is empty"


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
    """Memo and key, where there are any."""
    texts = {"memo": transfer.memo, "key": transfer.key}
    return {name: text for name, text in texts.items() if text}


def _memo(transfer: Transfer, is_shown: bool) -> tuple[Cell, ...]:
    """The cell of a column that is there only where somebody wrote a memo."""
    return (escaped(transfer.memo),) if is_shown else ()


async def print_balance(service: Service, arguments: Sequence[str]) -> Answer:
    ledger, pool = service.engine.ledger, service.engine.pool
    doubt = _doubt(service)
    if [argument.lower() for argument in arguments] == ["all"]:
        balances = {str(node): balance for node, balance in ledger.balances.items()}
        rows: list[tuple[Cell, ...]] = list(ledger.balances.items())
        table = Table(("node", "balance"), rows)
        text = f"at height {ledger.height}{doubt}"
        return Answer(Status.DONE, {"balances": balances, "height": ledger.height}, text, table)
    if arguments:
        misused(f"it takes nothing, or all, not {' '.join(arguments)}")
    balance = ledger.balances[service.node]
    value = {
        "node": service.node,
        "balance": balance,
        "available": pool.available,
        "height": ledger.height,
    }
    waiting = f", {pool.available} of it available" if pool.available != balance else ""
    text = f"node {service.node} has {balance}{waiting}, at height {ledger.height}{doubt}"
    return Answer(Status.DONE, value, text, Table(tuple(value), [tuple(value.values())], False))


def _doubt(service: Service) -> str:
    """Why what this node shows may be old, if it may be."""
    replica = service.engine.replica
    ahead = max((replica.reachability.height(peer) for peer in service.view.peers), default=0)
    if ahead > replica.learner.height:
        return f" (behind: others are at height {ahead})"
    if not replica.reachability.has_quorum:
        return f" (may be old: {service.view.why_undecided()})"
    return ""


async def print_queue(service: Service, arguments: Sequence[str]) -> Answer:
    no_arguments(arguments)
    queue = service.engine.pool.queue
    if len(queue) > TRANSFERS_SHOWN_MAX:
        raise Refused(f"{len(queue)} transfers wait, {TRANSFERS_SHOWN_MAX} can be shown at a time")
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
    why = service.view.why_undecided()
    text = f"queued, not decided: {why}" if transfers else "the queue is empty"
    return Answer(Status.DONE, value, text, table)


async def print_status(service: Service, arguments: Sequence[str]) -> Answer:
    no_arguments(arguments)
    replica = service.engine.replica
    accepted = replica.acceptor.accepted
    leader = replica.known_leader
    value: dict[str, object] = {
        "node": service.node,
        "role": service.view.role,
        "leader": leader.node or None,
        "ballot": list(service.view.ballot),
        "promised": list(replica.acceptor.promised),
        "accepted": accepted and {"slot": accepted.slot, "ballot": list(accepted.ballot)},
        "height": replica.learner.height,
        "head": replica.learner.head,
        "queue": len(service.engine.pool.queue),
        "quorum": replica.reachability.has_quorum,
    }
    rows: list[tuple[Cell, ...]] = [
        ("undecided" if name == "accepted" else name, _shown(item)) for name, item in value.items()
    ]
    peers = [
        {
            "node": peer,
            "link": str(service.view.link(peer)),
            "height": replica.reachability.height(peer),
        }
        for peer in service.view.peers
    ]
    for peer in peers:
        how = service.view.how_sent(int(str(peer["node"])))
        heard = f"height {peer['height']} when last heard"
        rows.append((f"link to {peer['node']}", f"{peer['link']}{how}, {heard}"))
    table = Table(("", ""), rows, has_headers=False)
    return Answer(Status.DONE, {**value, "peers": peers}, "", table)


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
    raise AssertionError("SIGKILL returned")


async def wait(service: Service, arguments: Sequence[str]) -> Answer:
    timeout_s = waiting_time_s(arguments)
    pool = service.engine.pool
    decided = "decided: " if pool.queue else ""
    if await service.until(lambda: not pool.queue, timeout_s):
        height = service.engine.ledger.height
        value = {"outcome": "decided", "height": height}
        text = f"{decided}nothing waits in the queue, at height {height}"
        return Answer(Status.DONE, value, text)
    reason = service.view.why_undecided()
    count = len(pool.queue)
    value = {"outcome": "unknown", "queue": count, "reason": reason}
    text = f"queued, not decided: {count} in the queue after {timeout_s:g} s: {reason}"
    return Answer(Status.UNKNOWN, value, text)


async def print_help(_service: Service, arguments: Sequence[str]) -> Answer:
    return help_answer([find(arguments[0])] if arguments else COMMANDS)


async def leave(_service: Service, arguments: Sequence[str]) -> Answer:
    no_arguments(arguments)
    return Answer(Status.DONE, None, "", leaves=True)


def _node_range(service: Service) -> str:
    return f"{min(service.cluster.ids)} to {max(service.cluster.ids)}"
