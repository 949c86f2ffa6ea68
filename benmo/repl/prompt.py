"""The prompt on a terminal: prompt_toolkit around the table of commands.

Notices of other threads are printed through `above_prompt`: they appear above the line that is
being typed and leave it alone. Answers are printed while nothing is being typed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.output import ColorDepth

from benmo.commands.answers import Rendered, Status
from benmo.commands.table import find
from benmo.errors import NotUnderstood
from benmo.repl.batch import cleaned, outcome_of
from benmo.repl.commander import Commander
from benmo.repl.completion import CommandCompleter, key_bindings
from benmo.repl.notices import NoticePrinter, above_prompt, has_no_colour
from benmo.repl.toolbar import toolbar_text

REFRESH_S = 0.5


def run_prompt(commander: Commander, output_format: str, history_file: Path) -> Status:
    """Ask for commands until the user leaves: `exit`, Ctrl-D or the end of input."""
    session: PromptSession[str] = PromptSession(
        history=history_in(history_file),
        auto_suggest=AutoSuggestFromHistory(),
        completer=CommandCompleter(commander),
        complete_while_typing=True,
        bottom_toolbar=lambda: toolbar_text(commander.snapshot, session.output.get_size().columns),
        key_bindings=key_bindings(),
        refresh_interval=REFRESH_S,
        color_depth=ColorDepth.DEPTH_1_BIT if has_no_colour() else None,
        reserve_space_for_menu=4,
    )
    terminal = sys.stdout
    with above_prompt():
        commander.watch(NoticePrinter(has_colour=not has_no_colour()))
        print(f"{commander.greeting}. help lists commands, Tab completes, Ctrl-D leaves.")
        while True:
            try:
                typed = session.prompt(f"benmo {commander.node}> ")
                lines = [_with_arguments(session, line) for line in typed.splitlines()]
            except KeyboardInterrupt:
                continue
            except EOFError:
                return Status.DONE
            last = _run_all(commander, lines, output_format, terminal)
            if last is not None and last.leaves:
                return last.status


def _run_all(
    commander: Commander, lines: list[str], output_format: str, terminal: TextIO
) -> Rendered | None:
    """Carry out what was typed or pasted, up to what fails or leaves; the last answer."""
    rendered = None
    try:
        for line in filter(None, lines):
            rendered = outcome_of(commander, line, output_format)
            if rendered.output:
                # In one piece, for notices may come at any moment.
                terminal.write(f"{rendered.output}\n")
                terminal.flush()
            if rendered.leaves or rendered.status is not Status.DONE:
                break
    except KeyboardInterrupt:
        print(file=terminal)
    return rendered


def _with_arguments(session: PromptSession[str], text: str) -> str:
    """The line; with what is asked for, where a command that needs arguments was typed bare."""
    line = cleaned(text)
    words = line.split()
    if len(words) != 1:
        return line
    try:
        command = find(words[0])
    except NotUnderstood:
        return line
    if not command.question:
        return line
    asker: PromptSession[str] = PromptSession(
        history=InMemoryHistory(), output=session.output, input=session.input
    )
    try:
        answer = asker.prompt(
            command.question, bottom_toolbar=session.bottom_toolbar, refresh_interval=REFRESH_S
        )
    except EOFError:  # no answer; the next Ctrl-D leaves
        return ""
    answer = cleaned(answer)
    return f"{line} {answer}" if answer else ""


def history_in(path: Path) -> History:
    try:
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))
