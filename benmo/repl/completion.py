"""Completion at a prompt: commands with their meaning, and nodes for commands that take one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from benmo.commands.node_status import NodeSnapshot
from benmo.commands.table import COMMANDS, find
from benmo.errors import NotUnderstood
from benmo.network.link import Link
from benmo.repl.commander import Commander


class CommandCompleter(Completer):
    """Completes a node's commands, and the node that a command takes."""

    def __init__(self, commander: Commander) -> None:
        self._commander = commander

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        words = document.text_before_cursor.lstrip().split(" ")
        if len(words) == 1:
            yield from completed_commands(COMMANDS, words[0])
        elif len(words) == 2:
            yield from completed_nodes(self._commander.snapshot, words[0], words[1])


class Listed(Protocol):
    """A command that completion offers, with its meaning."""

    @property
    def name(self) -> str: ...

    @property
    def meaning(self) -> str: ...


def completed_commands(commands: Iterable[Listed], typed: str) -> Iterator[Completion]:
    """Offer the commands that begin with what was typed, in any case."""
    for command in commands:
        if command.name.lower().startswith(typed.lower()):
            yield Completion(command.name, start_position=-len(typed), display_meta=command.meaning)


def completed_nodes(snapshot: NodeSnapshot | None, name: str, typed: str) -> Iterator[Completion]:
    """Offer the nodes that the command `name` can take and that begin with what was typed."""
    try:
        command = find(name)
    except NotUnderstood:
        return
    if snapshot is None or not command.offers:
        return
    wants_severed = command.offers == "severed"
    offered = [
        (str(peer.node), str(peer.link))
        for peer in snapshot.peers
        if (peer.link is Link.SEVERED) == wants_severed
    ]
    if wants_severed and offered:
        offered.append(("all", "every severed link"))
    for text, meaning in offered:
        if text.startswith(typed):
            yield Completion(text, start_position=-len(typed), display_meta=meaning)


def key_bindings() -> KeyBindings:
    """Let Tab take the only completion, in any case, or the first of several, then the next."""
    bindings = KeyBindings()

    @bindings.add("tab")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion:
            buffer.complete_next()
            return
        wanted = CompleteEvent(completion_requested=True)
        found = list(buffer.completer.get_completions(buffer.document, wanted))
        if len(found) == 1:
            buffer.apply_completion(found[0])
        elif buffer.complete_state is not None:
            buffer.complete_next()
        else:
            buffer.start_completion(select_first=True)

    return bindings
