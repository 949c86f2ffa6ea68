"""The demo's prompt: takes commands of the demo and of its nodes, and shows the tour's suggestion.

Notices are printed above the line that is being typed, and leave that line alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from benmo.commands.answers import Rendered, Status, fitting_format
from benmo.commands.fitting import terminal_columns
from benmo.commands.table import Command
from benmo.demo.addresses import meaning_of, read_line
from benmo.demo.completion import DemoCompleter
from benmo.demo.execute import DemoRunner
from benmo.demo.stage import Stage
from benmo.demo.table import command_meant
from benmo.demo.toolbar import bottom_text
from benmo.errors import NotUnderstood
from benmo.repl.line_prompt import LinePrompt
from benmo.repl.notices import above_prompt


class DemoPrompt:
    """Asks for commands until the user leaves: `exit`, Ctrl-D or the end of input."""

    def __init__(self, stage: Stage, output_format: str, history_file: Path) -> None:
        self._stage = stage
        self._demo = DemoRunner(stage)
        self._format = output_format
        self._prompt = LinePrompt(
            lambda: f"benmo {stage.selected}> ",
            history_file,
            DemoCompleter(stage),
            lambda columns: bottom_text(stage.fleet, columns),
            _question,
            self._enter_takes_suggestion(),
            self._placeholder,
        )

    def run(self, begin: Callable[[], None]) -> Status:
        """Call `begin`, then ask for commands until the user leaves; returns the status.

        All that is printed meanwhile, in any thread, comes above the prompt.
        """
        with above_prompt():
            begin()
            return self._prompt.run(self._carry_out)

    def _carry_out(self, line: str) -> Rendered:
        board = self._stage.board
        with self._tour_held(line):
            rendered = self._demo.run(line, fitting_format(self._format, terminal_columns()))
            meaning = meaning_of(line)
            if rendered.output and board is not None and meaning is not None and meaning.waits:
                board.reply(rendered.output)
                # The board prints to the same stream: through another, an answer could overtake it.
                self._prompt.output = sys.stdout
            elif rendered.output:
                self._prompt.write(self._stage.said_once.without_reason(rendered.output))
        tour = self._stage.tour
        if tour is not None and rendered.status is Status.DONE and not rendered.leaves:
            tour.typed(line)
        return rendered

    def _tour_held(self, line: str) -> AbstractContextManager[None]:
        """Keep the tour silent while a line is carried out, so that the answer comes first.

        Except during `wait`, which may take long.
        """
        tour, meaning = self._stage.tour, meaning_of(line)
        is_wait = isinstance(meaning, Command) and meaning.waits
        return nullcontext() if tour is None or is_wait else tour.held()

    def _suggestion(self) -> str:
        return "" if self._stage.tour is None else self._stage.tour.suggestion

    def _placeholder(self) -> FormattedText:
        """The tour's suggestion, shown on the empty line; nothing once the line is finished.

        A suggestion that stayed on the screen would look as if the user had typed it.
        """
        suggestion = "" if self._prompt.session.app.is_done else self._suggestion()
        return FormattedText([("class:auto-suggestion", suggestion)])

    def _enter_takes_suggestion(self) -> KeyBindings:
        """Let Enter on an empty line type the command that the tour suggests."""
        bindings = KeyBindings()

        @bindings.add("enter", filter=Condition(self._may_suggest))
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text(self._suggestion())
            event.current_buffer.validate_and_handle()

        return bindings

    def _may_suggest(self) -> bool:
        return self._suggestion() != "" and not self._prompt.session.default_buffer.text


def _question(line: str) -> str:
    """The question for a node's command, addressed or not, that was typed without arguments."""
    text = read_line(line).text
    if len(text.split()) != 1:
        return ""
    try:
        meaning = command_meant(text)
    except NotUnderstood:
        return ""
    return meaning.question if isinstance(meaning, Command) else ""
