"""The prompt of a sandbox."""

from __future__ import annotations

from benmo.commands.answers import Rendered, Status, fitting_format
from benmo.commands.fitting import fitted, terminal_columns
from benmo.play.completion import PlayCompleter
from benmo.play.runner import PlayRunner
from benmo.repl.line_prompt import LinePrompt
from benmo.repl.notices import above_prompt

_GREETING = (
    "A sandbox of Benmo's own engines, in which nothing moves by itself: you let nodes pay and "
    "campaign, and you are the network. undo takes a command back, help lists the commands, Tab "
    "completes, Ctrl-D leaves."
)


def run_prompt(runner: PlayRunner, output_format: str, opened: str, served: str) -> Status:
    """Ask for commands until the user leaves; return the exit status.

    `opened` says which file was opened, `served` where the page is; empty for none. What pages do
    meanwhile is printed above the prompt.
    """

    def carry_out(line: str) -> Rendered:
        rendered = runner.run(line, fitting_format(output_format, terminal_columns()))
        if rendered.output:
            prompt.write(rendered.output)
        if rendered.status is Status.DONE and not rendered.leaves:
            say_hint()
        return rendered

    def say_hint() -> None:
        hint = runner.new_hint()
        if hint and output_format == "table":
            prompt.write(fitted(f"\n{hint}", terminal_columns()))

    prompt = LinePrompt(
        lambda: "benmo play> ",
        None,
        PlayCompleter(runner),
        lambda columns: _toolbar(runner, columns),
        lambda _: "",
    )
    prompt.write(fitted(_GREETING, terminal_columns()))
    if served:
        prompt.write(f"\n{served}")
    if opened:
        prompt.write(fitted(f"\n{opened}\n", terminal_columns()))
        carry_out("look")
    else:
        say_hint()
    with above_prompt():
        return prompt.run(carry_out)


def _toolbar(runner: PlayRunner, columns: int) -> str:
    """Show where in the tree of branches the run is."""
    branches = runner.branches
    here = branches.here
    if here.parent is None:
        where = " at the beginning"
    else:
        where = f" at {here.number} of {len(branches.places) - 1}: {here.line.text}"
    latest = "" if here.latest is None else f" · redo: {here.latest.line.text}"
    text = where + latest
    return text if len(text) < columns else f"{text[: columns - 2]}…"
