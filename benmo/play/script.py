"""The text of a scenario: commands, each with the trace that it must lead to.

A file begins with a comment that tells its story. After it come blocks: commands, one a line, then
`----`, then the trace, up to an empty line. A line that begins with `#` is a comment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benmo.play.scenario import Scenario

SEPARATOR = "----"


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """A command of a scenario. `lead` are the lines before it, back to the command before.

    These are comments, and empty lines where a block ends; of the last command, `tail` are the
    lines after it.
    """

    text: str
    lead: tuple[str, ...] = ("",)
    tail: tuple[str, ...] = ()


def parse(text: str) -> list[ScriptLine]:
    """Split the text of a scenario into its commands; what they led to is left out."""
    lines: list[ScriptLine] = []
    lead: list[str] = []
    for block in text.strip().split("\n\n"):
        for each in block.split(f"\n{SEPARATOR}", 1)[0].strip("\n").splitlines():
            if each.startswith("#") or not each.strip():
                lead.append(each)
            else:
                lines.append(ScriptLine(each, tuple(lead)))
                lead = []
        lead.append("")
    if lines and any(lead):
        lines[-1] = ScriptLine(lines[-1].text, lines[-1].lead, tuple(lead[:-1]))
    return lines


def written(script: Iterable[tuple[ScriptLine, Sequence[str]]]) -> str:
    """The text of a scenario: commands, each with the trace that it has led to."""
    blocks: list[str] = []
    head: list[str] = []
    trace: list[str] = []
    has_command = False

    def end() -> None:
        nonlocal has_command
        if head:
            blocks.append("\n".join([*head, SEPARATOR, *trace] if has_command else head))
        head.clear()
        trace.clear()
        has_command = False

    def write(lines: Iterable[str]) -> None:
        for each in lines:
            if each:
                head.append(each)
            else:
                end()

    for line, led_to in script:
        write((*line.lead, line.text))
        has_command = True
        trace += led_to
        write(line.tail)
    end()
    return "\n\n".join(blocks) + "\n"


def run(text: str) -> str:
    """The scenario with the traces that its commands lead to now."""
    scenario = Scenario()
    return written([(line, scenario.do(line.text)) for line in parse(text)])
