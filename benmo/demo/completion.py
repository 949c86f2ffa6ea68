"""Completion at the demo's prompt: the demo's commands, the nodes' commands, and nodes."""

from __future__ import annotations

from collections.abc import Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from benmo.commands.table import Command
from benmo.demo.addresses import EVERYONE, read_line
from benmo.demo.link_handlers import ONE_WAY
from benmo.demo.links import EVERY_NODE
from benmo.demo.stage import Stage
from benmo.demo.table import DEMO_COMMANDS, DemoCommand, command_meant, node_commands
from benmo.errors import NotUnderstood
from benmo.repl.completion import CommandCompleter

_STATES = {
    "nodes": ("running", "paused", "down", "lost"),
    "links": ("running", "paused", "down", "lost"),
    "whole": ("running", "paused", "down"),
    "gone": ("down", "lost"),
    "any": ("running", "paused", "down"),
    "running": ("running", "paused"),
    "paused": ("paused",),
}
"""The states of the nodes to offer, by `DemoCommand.offers`."""
_WITH_ALL = ("any", "running", "paused")


class DemoCompleter(Completer):
    """Offers commands with their meanings, and nodes where a command takes some."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        typed = document.text_before_cursor
        line = read_line(typed)
        if line.target:
            rest = typed.partition(">")[2].lstrip()
            yield from self._of_node(line.target, rest, complete_event)
        elif " " not in typed.lstrip():
            yield from self._names(typed.lstrip())
        else:
            yield from self._after_name(typed.lstrip(), complete_event)

    def _names(self, typed: str) -> Iterator[Completion]:
        listed: list[DemoCommand | Command] = [*DEMO_COMMANDS, *node_commands()]
        for each in listed:
            if each.name.lower().startswith(typed.lower()):
                yield Completion(each.name, start_position=-len(typed), display_meta=each.meaning)

    def _after_name(self, typed: str, event: CompleteEvent) -> Iterator[Completion]:
        name, *words = typed.split(" ")
        try:
            meaning = command_meant(name)
        except NotUnderstood:
            return
        if not isinstance(meaning, DemoCommand):
            yield from self._of_node(str(self._stage.selected), typed, event)
        elif meaning.offers == "commands":
            yield from self._of_node(EVERYONE, " ".join(words), event)
        else:
            yield from self._arguments(meaning, words)

    def _of_node(self, target: str, text: str, event: CompleteEvent) -> Iterator[Completion]:
        """Complete as the node's own prompt does; for all nodes, as the first that answers."""
        fleet = self._stage.fleet
        nodes = [int(target)] if target.isdigit() else fleet.nodes
        commander = next(filter(None, map(fleet.commander, nodes)), None)
        if commander is not None:
            yield from CommandCompleter(commander).get_completions(Document(text), event)

    def _arguments(self, word: DemoCommand, words: list[str]) -> Iterator[Completion]:
        typed = words[-1]
        if word.offers == "names":
            yield from self._names(typed)
        for text, meaning in self._offered(word.offers):
            if text.startswith(typed) and text not in words[:-1]:
                yield Completion(text, start_position=-len(typed), display_meta=meaning)

    def _offered(self, offers: str) -> Iterator[tuple[str, str]]:
        if offers == "stop":
            yield "stop", "end the tour"
        if offers == "links":
            yield ONE_WAY, "only what the first node sends"
        fleet = self._stage.fleet
        wanted = _STATES.get(offers, ())
        for node in fleet.nodes:
            if fleet.state_of(node) in wanted:
                yield str(node), fleet.state_of(node)
        if offers in _WITH_ALL:
            yield EVERY_NODE, "all of these nodes"
