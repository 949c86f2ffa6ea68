"""The prompt of one node: the node of this process, or an attached one."""

from __future__ import annotations

from pathlib import Path

from benmo.commands.answers import Rendered, Status, fitting_format
from benmo.commands.fitting import fitted, terminal_columns
from benmo.commands.table import find
from benmo.errors import NotUnderstood
from benmo.notices import Notice
from benmo.repl.batch import outcome_of
from benmo.repl.commander import Commander
from benmo.repl.completion import CommandCompleter
from benmo.repl.line_prompt import LinePrompt
from benmo.repl.notices import NoticePrinter, above_prompt, has_no_colour
from benmo.repl.said_once import SaidOnce
from benmo.repl.toolbar import toolbar_text


def run_prompt(commander: Commander, output_format: str, history_file: Path) -> Status:
    """Ask for commands until the user leaves (`exit`, Ctrl-D, end of input) or the node is gone.

    Returns the exit status.
    """
    prompt = LinePrompt(
        lambda: f"benmo {commander.node}> ",
        history_file,
        CommandCompleter(commander),
        lambda columns: toolbar_text(commander.snapshot, columns),
        _question,
    )

    def carry_out(line: str) -> Rendered:
        form = fitting_format(output_format, terminal_columns())
        rendered = outcome_of(commander, line, form)
        if rendered.output:
            prompt.write(said_once.without_reason(rendered.output))
        return rendered

    def show(notice: Notice, at: float) -> None:
        said_once.heard(notice)
        printer(notice, at)

    said_once, printer = SaidOnce(), NoticePrinter(has_colour=not has_no_colour())
    with above_prompt():
        commander.watch(show)
        greeting = f"{commander.greeting}. help lists commands, Tab completes, Ctrl-D leaves."
        print(fitted(greeting, terminal_columns()))
        return prompt.run(carry_out)


def _question(line: str) -> str:
    """The question for the arguments, if a command that needs some was typed without any."""
    words = line.split()
    if len(words) != 1:
        return ""
    try:
        return find(words[0]).question
    except NotUnderstood:
        return ""
