"""A prompt for lines on a terminal, by prompt_toolkit: history, completion, a toolbar below.

Inside `above_prompt`, lines that other threads print appear above the line that is being typed.
Answers are printed while no line is being typed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.formatted_text import AnyFormattedText
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindingsBase, merge_key_bindings
from prompt_toolkit.output import ColorDepth

from benmo.commands.answers import Rendered, Status
from benmo.commands.table import is_crash
from benmo.repl.batch import cleaned
from benmo.repl.completion import key_bindings
from benmo.repl.end_of_file_key import EndOfFileKey
from benmo.repl.history_file import HistoryFile
from benmo.repl.interrupts import Interrupts
from benmo.repl.notices import has_no_colour

_REFRESH_S = 0.5


class LinePrompt:
    """Asks for lines until the user leaves: `exit`, Ctrl-D or the end of input.

    text          gives the text that stands before the line
    history_file  keeps the lines for the next time; None for no longer than this prompt
    toolbar       gives the lines below, for a terminal of this many columns
    question      gives what to ask after a line that lacks arguments; empty if it lacks none
    bindings      keys besides the usual ones
    suggestion    gives the dimmed text that is shown on an empty line
    """

    def __init__(
        self,
        text: Callable[[], str],
        history_file: Path | None,
        completer: Completer,
        toolbar: Callable[[int], str],
        question: Callable[[str], str],
        bindings: KeyBindingsBase | None = None,
        suggestion: Callable[[], AnyFormattedText] | None = None,
    ) -> None:
        self.output: TextIO = sys.stdout
        """The file that answers are written to; for each batch of lines, the terminal at first."""
        self._terminal = sys.stdout
        self._text = text
        self._question = question
        self._interrupts = Interrupts(self._drop_line)
        self._end_of_file_key = EndOfFileKey()
        self.session: PromptSession[str] = PromptSession(
            history=InMemoryHistory() if history_file is None else HistoryFile(history_file),
            auto_suggest=AutoSuggestFromHistory(),
            completer=completer,
            complete_while_typing=True,
            bottom_toolbar=lambda: _escaped(toolbar(self.session.output.get_size().columns)),
            key_bindings=merge_key_bindings([key_bindings(), *([bindings] if bindings else [])]),
            refresh_interval=_REFRESH_S,
            color_depth=ColorDepth.DEPTH_1_BIT if has_no_colour() else None,
            reserve_space_for_menu=4,
            placeholder=suggestion,
        )
        self.session.default_buffer.on_text_changed += self._show_pasted_once

    def run(self, carry_out: Callable[[str], Rendered]) -> Status:
        """Ask for lines and have them carried out until one leaves; its status.

        Of several lines pasted at once, each is shown with its answer below it, and the first that
        fails or leaves is the last carried out.
        """
        with self._interrupts.handled(), self._end_of_file_key.off():
            while True:
                try:
                    typed = self.session.prompt(self._text(), handle_sigint=False)
                    last = self._run_all(
                        list(filter(None, map(cleaned, typed.splitlines()))), carry_out
                    )
                except KeyboardInterrupt:
                    continue
                except EOFError:
                    return Status.DONE
                if last is not None and last.leaves:
                    return last.status

    def write(self, text: str) -> None:
        """Write whole lines in one piece, so that no notice can come between them."""
        self.output.write(f"{text}\n")
        self.output.flush()

    def _run_all(self, lines: list[str], carry_out: Callable[[str], Rendered]) -> Rendered | None:
        """Carry out lines, up to the first that fails or leaves; the last answer, if any."""
        rendered = None
        self.output = self._terminal
        try:
            for number, text in enumerate(lines, start=1):
                if len(lines) > 1:
                    self.write(f"{self._text()}{text}")
                line = self._with_arguments(text)
                if not line:
                    continue
                # A node that crashes here leaves the terminal as it is at that moment.
                key = self._end_of_file_key.on() if is_crash(line) else nullcontext()
                with key, self._interrupts.ending_command():
                    rendered = carry_out(line)
                if rendered.leaves:
                    break
                if rendered.status is not Status.DONE:
                    self._tell_not_done(lines[number:])
                    break
        except KeyboardInterrupt:
            print(file=self.output)
        return rendered

    def _tell_not_done(self, lines: list[str]) -> None:
        """Say which of the pasted lines were left out, since the one before them failed."""
        if lines:
            count = "the last line was" if len(lines) == 1 else f"the last {len(lines)} lines were"
            self.write(f"so {count} not carried out, from this one on: {lines[0]}")

    def _show_pasted_once(self, buffer: Buffer) -> None:
        """Let pasted lines vanish at Enter, since each is shown again above its answer."""
        self.session.app.erase_when_done = "\n" in buffer.text.strip()

    def _drop_line(self) -> None:
        """Let the line vanish that is being typed, if one is; called in a signal handler."""
        app = self.session.app
        if app.is_running and app.loop is not None:
            with suppress(RuntimeError):  # the loop is closed
                app.loop.call_soon_threadsafe(app.key_processor.send_sigint)

    def _with_arguments(self, line: str) -> str:
        """Complete a line that lacks arguments by asking for them; empty if the user gives none."""
        question = self._question(line)
        if not question:
            return line
        asker: PromptSession[str] = PromptSession(
            history=InMemoryHistory(), output=self.session.output, input=self.session.input
        )
        try:
            answer = asker.prompt(
                question,
                handle_sigint=False,
                bottom_toolbar=self.session.bottom_toolbar,
                refresh_interval=_REFRESH_S,
            )
        except EOFError:  # no answer; the next Ctrl-D leaves
            return ""
        answer = cleaned(answer)
        return f"{line} {answer}" if answer else ""


def _escaped(text: str) -> str:
    """Escape what the terminal's encoding lacks, before prompt_toolkit counts columns."""
    encoding = sys.__stdout__.encoding if sys.__stdout__ is not None else "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
