"""The demo's prompt: prompt_toolkit around its commands.

The nodes' notices come above the line that is being typed and leave it alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings
from prompt_toolkit.output import ColorDepth

from benmo.commands.answers import Rendered, Status
from benmo.commands.table import Command
from benmo.demo.bottom import bottom_text
from benmo.demo.completion import DemoCompleter
from benmo.demo.demo import Demo
from benmo.demo.parse import EVERYONE, read_line, split_name
from benmo.demo.stage import Stage
from benmo.demo.words import meaning_of
from benmo.errors import NotUnderstood
from benmo.repl.batch import cleaned
from benmo.repl.completion import key_bindings
from benmo.repl.notices import above_prompt, has_no_colour
from benmo.repl.prompt import REFRESH_S, history_in


class DemoPrompt:
    """Asks for commands until the user leaves: `exit`, Ctrl-D or the end of input."""

    def __init__(self, stage: Stage, output_format: str, history_file: Path) -> None:
        self._stage = stage
        self._demo = Demo(stage)
        self._format = output_format
        self._session: PromptSession[str] = PromptSession(
            history=history_in(history_file),
            auto_suggest=AutoSuggestFromHistory(),
            completer=DemoCompleter(stage),
            complete_while_typing=True,
            bottom_toolbar=self._bottom,
            key_bindings=merge_key_bindings([key_bindings(), self._enter_takes_suggestion()]),
            refresh_interval=REFRESH_S,
            color_depth=ColorDepth.DEPTH_1_BIT if has_no_colour() else None,
            reserve_space_for_menu=4,
            placeholder=self._placeholder,
        )

    def run(self, begin: Callable[[], None]) -> Status:
        """`begin` is called once what is printed comes above the prompt."""
        terminal = sys.stdout
        with above_prompt():
            begin()
            while True:
                try:
                    typed = self._session.prompt(f"benmo {self._stage.selected}> ")
                    lines = [self._with_arguments(line) for line in typed.splitlines()]
                    last = self._run_all(lines, terminal)
                except KeyboardInterrupt:
                    continue
                except EOFError:
                    return Status.DONE
                if last is not None and last.leaves:
                    return last.status

    def _run_all(self, lines: list[str], terminal: TextIO) -> Rendered | None:
        """Carry out what was typed or pasted, up to what fails or leaves; the last answer."""
        rendered = None
        board = self._stage.board
        try:
            for line in filter(None, lines):
                with self._tour_held(line):
                    rendered = self._demo.run(line, self._format)
                    if rendered.output and board is not None and _is_wait(line):
                        board.reply(rendered.output)
                        # What the board shows takes this way; another one could overtake it.
                        terminal = sys.stdout
                    elif rendered.output:
                        # In one piece, for notices may come at any moment.
                        terminal.write(f"{rendered.output}\n")
                        terminal.flush()
                if rendered.leaves or rendered.status is not Status.DONE:
                    break
                if self._stage.tour is not None:
                    self._stage.tour.typed(line)
        except KeyboardInterrupt:
            print(file=terminal)
        return rendered

    def _tour_held(self, line: str) -> AbstractContextManager[None]:
        """An answer comes before what the tour says of it, but nobody waits for a long `wait`."""
        tour = self._stage.tour
        return nullcontext() if tour is None or _is_wait(line) else tour.held()

    def _bottom(self) -> str:
        return bottom_text(self._stage.fleet, self._session.output.get_size().columns)

    def _suggestion(self) -> str:
        return "" if self._stage.tour is None else self._stage.tour.suggestion

    def _placeholder(self) -> FormattedText:
        """Of a line that is left, nothing stays that wasn't typed."""
        suggestion = "" if self._session.app.is_done else self._suggestion()
        return FormattedText([("class:auto-suggestion", suggestion)])

    def _enter_takes_suggestion(self) -> KeyBindings:
        """On an empty line, Enter types what the tour says."""
        bindings = KeyBindings()

        @bindings.add("enter", filter=Condition(self._may_suggest))
        def _(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text(self._suggestion())
            event.current_buffer.validate_and_handle()

        return bindings

    def _may_suggest(self) -> bool:
        return self._suggestion() != "" and not self._session.default_buffer.text

    def _with_arguments(self, text: str) -> str:
        """The line; with what is asked for, where a node's command was typed bare."""
        line = cleaned(text)
        command = _bare_command(line)
        if command is None or not command.question:
            return line
        asker: PromptSession[str] = PromptSession(
            history=InMemoryHistory(), output=self._session.output, input=self._session.input
        )
        try:
            answer = cleaned(
                asker.prompt(
                    command.question, bottom_toolbar=self._bottom, refresh_interval=REFRESH_S
                )
            )
        except EOFError:  # no answer; the next Ctrl-D leaves
            return ""
        return f"{line} {answer}" if answer else ""


def _is_wait(line: str) -> bool:
    """Whether a node, or all of them, were to wait: much may have been told meanwhile."""
    try:
        name, rest = split_name(read_line(line).text)
        meaning = meaning_of(name)
        if meaning.name == EVERYONE:
            meaning = meaning_of(split_name(rest)[0])
    except NotUnderstood:
        return False
    return meaning.name == "wait"


def _bare_command(line: str) -> Command | None:
    """The node's command, if the line is nothing but its name, addressed or not."""
    text = read_line(line).text
    if len(text.split()) != 1:
        return None
    try:
        meaning = meaning_of(text)
    except NotUnderstood:
        return None
    return meaning if isinstance(meaning, Command) else None
