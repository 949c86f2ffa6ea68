"""Completion at the prompt of a sandbox: commands, nodes, messages under way, places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from benmo.commands.table import match
from benmo.errors import NotUnderstood
from benmo.play.language import QUIETLY
from benmo.play.runner import ALL_COMMANDS, PlayRunner
from benmo.repl.completion import completed_commands

_SHOWN = {
    "chains": "the decided blocks of each node",
    "promised": "the ballot that each has promised",
    "accepted": "what each has accepted, and may be undecided",
    "queues": "what waits at each node",
    "balances": "how much money each node has",
    "leaders": "whom each node follows",
    "pending": "the messages under way",
}


class PlayCompleter(Completer):
    """Offers commands with their meanings, and what each may take now."""

    def __init__(self, runner: PlayRunner) -> None:
        self._runner = runner

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        words = document.text_before_cursor.lstrip().split(" ")
        if words[0] == QUIETLY:
            words = words[1:]
        if len(words) == 1:
            yield from completed_commands(ALL_COMMANDS, words[0])
        elif words:
            yield from self._arguments(words)

    def _arguments(self, words: list[str]) -> Iterator[Completion]:
        typed = words[-1]
        try:
            offers = match(words[0], ALL_COMMANDS).offers
        except NotUnderstood:
            return
        wanted = offers[len(words) - 2] if len(words) - 2 < len(offers) else ""
        for text, meaning in self._offered(wanted, words):
            if text.lower().startswith(typed.lower()):
                yield Completion(text, start_position=-len(typed), display_meta=meaning)

    def _offered(self, wanted: str, words: list[str]) -> Iterable[tuple[str, str]]:
        seen = self._runner.seen
        match wanted:
            case "name":
                return [(command.name, command.meaning) for command in ALL_COMMANDS]
            case "place":
                places = self._runner.branches.places
                return [(str(each.number), each.line.text or "the beginning") for each in places]
            case "shown":
                return _SHOWN.items()
        if seen is None:
            return []
        match wanted:
            case "node":
                return [(str(each.node), each.is_) for each in seen.nodes]
            case "message":
                numbered = [(str(each.number), each.pattern) for each in seen.messages]
                kinds = dict.fromkeys(each.kind for each in seen.messages)
                return [*numbered, *((kind, "of a way, or all") for kind in kinds)]
            case "way":
                ways = [each for each in seen.messages if each.kind == words[1]]
                return [(f"{each.sender}->{each.to}", each.text) for each in ways]
        return []
