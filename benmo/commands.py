"""The one table of commands: the prompt, pipes, `benmo attach` and the help all read it."""

from __future__ import annotations

import difflib
import os
import re
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from benmo.errors import NotUnderstood, Refused
from benmo.ledger import AppliedBlock
from benmo.output import Answer, Cell, Rendered, Status, Table, refusal
from benmo.service import Service, require_peer
from benmo.transport import Link

Handler = Callable[[Service, Sequence[str]], Awaitable[Answer]]

BLOCKS_SHOWN_MAX = 1000
WAIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Command:
    """A command: what it is called, takes and means.

    `question` is asked where the command is typed bare and needs arguments; `offers` is what its
    argument may be completed with: the name of a set of nodes, or nothing.
    """

    name: str
    arguments: str
    meaning: str
    handler: Handler
    question: str = ""
    offers: str = ""

    @property
    def usage(self) -> str:
        return f"{self.name} {self.arguments}".strip()


async def execute(service: Service, line: str, output_format: str) -> Rendered:
    """Carry a line out; whatever is wrong with it is in the answer."""
    try:
        command, arguments = parse(line)
        answer = await command.handler(service, arguments)
    except NotUnderstood as error:
        answer = refusal(Status.NOT_UNDERSTOOD, str(error))
    except Refused as error:
        answer = refusal(Status.REFUSED, str(error))
    return answer.rendered(output_format)


def parse(line: str) -> tuple[Command, list[str]]:
    """The command of a line, and its arguments. Raises `NotUnderstood`."""
    name, *arguments = re.split(r"[,\s]+", line.strip().strip(","))
    return find(name), arguments


def find(name: str) -> Command:
    """The command of that name, in any case, or of which it is the only one's beginning."""
    wanted = name.lower()
    for command in COMMANDS:
        if command.name.lower() == wanted:
            return command
    found = [command for command in COMMANDS if command.name.lower().startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        names = " or ".join(command.name for command in found)
        raise NotUnderstood(f"{name!r} could be {names}")
    names_by_lower = {command.name.lower(): command.name for command in COMMANDS}
    close = difflib.get_close_matches(wanted, names_by_lower, n=1, cutoff=0.4)
    hint = f"did you mean {names_by_lower[close[0]]}?" if close else "help lists the commands"
    raise NotUnderstood(f"there is no command {name!r}: {hint}")


# The handlers.


async def _money_transfer(service: Service, arguments: Sequence[str]) -> Answer:
    if len(arguments) != 3:
        _misused("moneyTransfer", "it takes amount, debit node and credit node")
    amount, debit, credit = (
        _integer(text, what)
        for text, what in zip(arguments, ("amount", "debit node", "credit node"), strict=True)
    )
    if debit != service.node:
        return _transfer_refused(
            f"this is node {service.node}, which pays with its own money only: "
            f"type that at node {debit}"
            if debit in service.cluster.ids
            else f"there is no node {debit}: nodes are {_node_range(service)}"
        )
    admission = await service.submit(((credit, amount),))
    if admission.run is None:
        return _transfer_refused(admission.reason)
    (transfer,) = admission.run.transfers()
    text = f"queued {transfer}"
    if not service.engine.replica.peers.has_quorum:
        text += f"; not decided: {service.engine.replica.why_undecided()}"
    return Answer(Status.DONE, {"id": transfer.id, "outcome": "queued"}, text)


def _transfer_refused(reason: str) -> Answer:
    return Answer(Status.REFUSED, {"outcome": "refused", "reason": reason}, f"refused: {reason}")


async def _print_blockchain(service: Service, arguments: Sequence[str]) -> Answer:
    height = service.engine.ledger.height
    first, last = _slots(arguments, height)
    if last - first >= BLOCKS_SHOWN_MAX:
        raise Refused(
            f"that is {last - first + 1} blocks, {BLOCKS_SHOWN_MAX} can be shown at a time: "
            f"printBlockchain {max(first, last - 99)} {last}"
        )
    blocks = [applied async for applied in service.blocks(first, last)]
    rows = [row for applied in blocks for row in _block_rows(applied)]
    headers = ("slot", "ballot", "hash", "transfer", "amount", "debit", "credit", "outcome")
    text = "" if blocks else "the chain is empty"
    return Answer(
        Status.DONE, [_block_json(applied) for applied in blocks], text, Table(headers, rows)
    )


def _slots(arguments: Sequence[str], height: int) -> tuple[int, int]:
    if len(arguments) > 2:
        _misused("printBlockchain", "it takes the first and the last slot")
    numbers = [_integer(text, "slot") for text in arguments]
    first = numbers[0] if numbers else 1
    last = min(numbers[1], height) if len(numbers) > 1 else height
    if first < 1:
        raise Refused(f"slots are numbered from 1, not {first}")
    return first, last


def _block_json(applied: AppliedBlock) -> dict[str, object]:
    block = applied.block
    return {
        "slot": block.slot,
        "ballot": list(block.ballot),
        "previous": block.previous,
        "hash": block.hash,
        "transfers": [
            {
                "id": transfer.id,
                "amount": transfer.amount,
                "debit_node": transfer.debit_node,
                "credit_node": transfer.credit_node,
                "outcome": str(outcome),
            }
            for transfer, outcome in applied.outcomes()
        ],
    }


def _block_rows(applied: AppliedBlock) -> list[tuple[Cell, ...]]:
    block = applied.block
    return [
        (
            block.slot,
            str(block.ballot),
            block.hash[:12],
            transfer.id,
            transfer.amount,
            transfer.debit_node,
            transfer.credit_node,
            str(outcome),
        )
        for transfer, outcome in applied.outcomes()
    ]


async def _print_balance(service: Service, arguments: Sequence[str]) -> Answer:
    ledger, pool = service.engine.ledger, service.engine.pool
    doubt = _doubt(service)
    if [argument.lower() for argument in arguments] == ["all"]:
        balances = {str(node): balance for node, balance in ledger.balances.items()}
        rows: list[tuple[Cell, ...]] = list(ledger.balances.items())
        table = Table(("node", "balance"), rows)
        text = f"at height {ledger.height}{doubt}"
        return Answer(Status.DONE, {"balances": balances, "height": ledger.height}, text, table)
    if arguments:
        _misused("printBalance", f"it takes nothing, or all, not {' '.join(arguments)}")
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
    ahead = max((replica.peers.height(peer) for peer in service.peers), default=0)
    if ahead > replica.learner.height:
        return f" (behind: others are at height {ahead})"
    if not replica.peers.has_quorum:
        return f" (may be old: {replica.why_undecided()})"
    return ""


async def _print_queue(service: Service, arguments: Sequence[str]) -> Answer:
    _no_arguments("printQueue", arguments)
    queue = service.engine.pool.queue
    transfers = list(queue.transfers())
    value = [
        {
            "id": transfer.id,
            "amount": transfer.amount,
            "debit_node": transfer.debit_node,
            "credit_node": transfer.credit_node,
        }
        for transfer in transfers
    ]
    rows: list[tuple[Cell, ...]] = [
        (transfer.id, transfer.amount, transfer.debit_node, transfer.credit_node)
        for transfer in transfers
    ]
    table = Table(("id", "amount", "debit_node", "credit_node"), rows)
    why = service.engine.replica.why_undecided()
    text = f"queued, not decided: {why}" if transfers else "the queue is empty"
    return Answer(Status.DONE, value, text, table)


async def _print_status(service: Service, arguments: Sequence[str]) -> Answer:
    _no_arguments("printStatus", arguments)
    replica = service.engine.replica
    accepted = replica.acceptor.accepted
    leader = replica.known_leader
    value: dict[str, object] = {
        "node": service.node,
        "role": service.role,
        "leader": leader.node or None,
        "ballot": list(replica.leader.ballot if replica.leader.is_active else leader),
        "promised": list(replica.acceptor.promised),
        "accepted": accepted and {"slot": accepted.slot, "ballot": list(accepted.ballot)},
        "height": replica.learner.height,
        "head": replica.learner.head,
        "queue": len(service.engine.pool.queue),
        "quorum": replica.peers.has_quorum,
    }
    rows: list[tuple[Cell, ...]] = [(name, _shown(item)) for name, item in value.items()]
    peers = [
        {"node": peer, "link": str(service.link(peer)), "height": replica.peers.height(peer)}
        for peer in service.peers
    ]
    for peer in peers:
        rows.append((f"link to node {peer['node']}", f"{peer['link']}, height {peer['height']}"))
    table = Table(("", ""), rows, has_headers=False)
    return Answer(Status.DONE, {**value, "peers": peers}, "", table)


def _shown(item: object) -> str:
    match item:
        case None:
            return "none"
        case bool():
            return "yes" if item else "no"
        case [number, node]:
            return f"({number}, {node})"
        case {"slot": slot, "ballot": [number, node]}:
            return f"slot {slot} in ballot ({number}, {node})"
        case _:
            return str(item)


async def _sever_link(service: Service, arguments: Sequence[str]) -> Answer:
    flags = [argument for argument in arguments if argument.startswith("--")]
    numbers = [argument for argument in arguments if not argument.startswith("--")]
    if len(numbers) != 1 or flags not in ([], ["--one-way"]):
        _misused("severLink", "it takes one node, and perhaps --one-way")
    peer = _integer(numbers[0], "node")
    require_peer(service, peer)
    service.sever(peer, one_way=bool(flags))
    how = "this node sends nothing to it" if flags else "nothing is sent to it or taken from it"
    return Answer(
        Status.DONE,
        {"node": peer, "link": str(Link.SEVERED), "one_way": bool(flags)},
        f"the link to node {peer} is severed: {how}",
    )


async def _restore_link(service: Service, arguments: Sequence[str]) -> Answer:
    if len(arguments) != 1:
        _misused("restoreLink", "it takes one node, or all")
    if arguments[0].lower() == "all":
        peers = service.severed()
    else:
        peers = [_integer(arguments[0], "node")]
        require_peer(service, peers[0])
        if peers[0] not in service.severed():
            raise Refused(f"the link to node {peers[0]} is not severed here")
    for peer in peers:
        service.restore(peer)
    restored = ", ".join(f"node {peer}" for peer in peers)
    text = f"restored the link to {restored}" if peers else "no link is severed here"
    return Answer(Status.DONE, {"restored": peers}, text)


async def _crash_node(_service: Service, arguments: Sequence[str]) -> Answer:
    _no_arguments("crashNode", arguments)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL returned")


async def _wait(service: Service, arguments: Sequence[str]) -> Answer:
    if len(arguments) > 1:
        _misused("wait", "it takes the longest time to wait, in seconds")
    timeout_s = _seconds(arguments[0]) if arguments else WAIT_S
    pool = service.engine.pool
    if await service.until(lambda: not pool.waiting(), timeout_s):
        height = service.engine.ledger.height
        value = {"outcome": "decided", "height": height}
        return Answer(Status.DONE, value, f"nothing waits in the queue, at height {height}")
    reason = service.engine.replica.why_undecided()
    count = len(pool.queue)
    value = {"outcome": "unknown", "queue": count, "reason": reason}
    text = f"queued, not decided: {count} in the queue after {timeout_s:g} s: {reason}"
    return Answer(Status.UNKNOWN, value, text)


async def _help(_service: Service, arguments: Sequence[str]) -> Answer:
    shown = [find(arguments[0])] if arguments else COMMANDS
    rows: list[tuple[Cell, ...]] = [(command.usage, command.meaning) for command in shown]
    value = [{"command": command.usage, "meaning": command.meaning} for command in shown]
    return Answer(Status.DONE, value, "", Table(("", ""), rows, has_headers=False))


async def _exit(_service: Service, arguments: Sequence[str]) -> Answer:
    _no_arguments("exit", arguments)
    return Answer(Status.DONE, None, "", leaves=True)


def _no_arguments(name: str, arguments: Sequence[str]) -> None:
    if arguments:
        _misused(name, f"it takes nothing, not {' '.join(arguments)}")


def _misused(name: str, what: str) -> NoReturn:
    raise NotUnderstood(f"{what}: {find(name).usage}")


def _integer(text: str, what: str) -> int:
    if re.fullmatch(r"[+-]?[0-9]{1,18}", text) is None:
        raise NotUnderstood(f"{what} must be a whole number, not {text[:40]!r}")
    return int(text)


def _seconds(text: str) -> float:
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) is None:
        raise NotUnderstood(f"a time is a number of seconds, not {text[:40]!r}")
    return float(text)


def _node_range(service: Service) -> str:
    return f"{min(service.cluster.ids)} to {max(service.cluster.ids)}"


COMMANDS = (
    Command(
        "moneyTransfer",
        "AMOUNT,DEBIT,CREDIT",
        "pay from this node's account to another's; it waits in the queue until it is decided",
        _money_transfer,
        question="amount,debit_node,credit_node: ",
    ),
    Command(
        "printBlockchain",
        "[FIRST [LAST]]",
        "the decided blocks and what became of their transfers",
        _print_blockchain,
    ),
    Command("printBalance", "[all]", "this node's balance, or everyone's", _print_balance),
    Command("printQueue", "", "this node's transfers that are not decided yet", _print_queue),
    Command(
        "printStatus", "", "role, ballots, height, quorum and links of this node", _print_status
    ),
    Command(
        "severLink",
        "N [--one-way]",
        "cut this node's link to node N; one way: only what this node sends",
        _sever_link,
        question="node: ",
        offers="peers",
    ),
    Command(
        "restoreLink",
        "N|all",
        "undo severLink",
        _restore_link,
        question="node, or all: ",
        offers="severed",
    ),
    Command("crashNode", "", "kill this node on the spot, as a power cut would", _crash_node),
    Command(
        "wait",
        "[SECONDS]",
        f"until the queue is empty, {WAIT_S:g} seconds at most if not said otherwise",
        _wait,
    ),
    Command("help", "[COMMAND]", "what the commands mean", _help),
    Command("exit", "", "leave; at a node's own prompt, stop the node", _exit),
)
