"""Carries out a line: finds its command in `benmo.commands.table` and calls the handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from benmo.commands.answers import Answer, Rendered, Status, refusal
from benmo.commands.arguments import Misused
from benmo.commands.table import COMMANDS, Command, parse
from benmo.errors import NotUnderstood, Refused, StateError
from benmo.network.rights import Right, require_right
from benmo.node import handlers, link_handlers
from benmo.node.service import Service

HANDLERS: dict[str, Callable[[Service, Sequence[str]], Awaitable[Answer]]] = {
    "moneyTransfer": handlers.money_transfer,
    "printBlockchain": handlers.print_blockchain,
    "printBalance": handlers.print_balance,
    "printQueue": handlers.print_queue,
    "printStatus": handlers.print_status,
    "printMembers": handlers.print_members,
    "severLink": link_handlers.sever_link,
    "restoreLink": link_handlers.restore_link,
    "delayLink": link_handlers.delay_link,
    "crashNode": handlers.crash_node,
    "wait": handlers.wait,
    "help": handlers.print_help,
    "exit": handlers.leave,
}
assert list(HANDLERS) == [command.name for command in COMMANDS]


async def _at_once() -> None:
    """Let a long answer be made without waiting."""


async def execute(
    service: Service,
    held: Right,
    line: str,
    output_format: str,
    before_long: Callable[[], Awaitable[None]] = _at_once,
) -> Rendered:
    """Carry out a line; the answer says what is wrong with the line, if anything is.

    `held` is the right of those whose line it is: a command that needs more is refused. A command
    whose answer may be long waits for `before_long`.

    An answer that takes long to render is rendered in another thread, so that the node can vote
    meanwhile. A failure of the disk or of a check stops the node.
    """
    try:
        command, arguments = parse(line)
        require_right(held, command.right, service.node)
        if command.is_long:
            await before_long()
        answer = await _answer_to(service, command, arguments)
    except NotUnderstood as error:
        answer = refusal(Status.NOT_UNDERSTOOD, str(error))
    except Refused as error:
        answer = refusal(Status.REFUSED, str(error))
    except (StateError, OSError, AssertionError) as error:
        service.fail(error)
        answer = refusal(Status.UNKNOWN, f"node {service.node} had to stop: {error}")
    if answer.is_long:
        return await service.aside(partial(answer.rendered, output_format))
    return answer.rendered(output_format)


async def _answer_to(service: Service, command: Command, arguments: Sequence[str]) -> Answer:
    try:
        return await HANDLERS[command.name](service, arguments)
    except Misused as error:
        raise NotUnderstood(f"{error}: {command.usage}") from error
