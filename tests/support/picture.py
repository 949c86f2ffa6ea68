"""The picture of the demo that the README shows: the real program's screen, as SVG."""

from __future__ import annotations

import html
import io
import re
from itertools import groupby
from pathlib import Path

import pyte
from rich.color import Color, ColorParseError
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.support.processes import BENMO
from tests.support.terminals import Terminal

_COLUMNS, _LINES = 88, 43
_DESCRIPTION = re.compile(r"<desc>(.*?)</desc>", re.S)
_DARK = TerminalTheme(
    (16, 20, 28),
    (216, 222, 233),
    [
        *((59, 66, 82), (224, 108, 117), (152, 195, 121), (229, 192, 123)),
        *((97, 175, 239), (198, 120, 221), (86, 182, 194), (216, 222, 233)),
    ],
    [
        *((110, 118, 135), (240, 130, 140), (170, 215, 140), (245, 210, 140)),
        *((120, 195, 255), (215, 145, 240), (110, 205, 215), (255, 255, 255)),
    ],
)
_FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<title>Five nodes decide a transfer, and one of them is killed</title>
<desc>DESCRIPTION</desc>
<style>
.{unique_id}-matrix {{
font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font: bold 18px system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


def record(directory: Path, port: int) -> Terminal:
    """Play the scene on five real nodes, to its end; the caller closes the terminal.

    `directory` is the working directory, and is to hold no state yet.
    """
    terminal = Terminal(
        *BENMO,
        "demo",
        "--no-page",  # whose addresses hold the tokens that open it
        *("--port", str(port)),
        columns=_COLUMNS,
        lines=_LINES,
        cwd=directory,
    )
    terminal.wait_for("benmo 1>")
    terminal.enter("1> moneyTransfer 10,1,2")
    terminal.wait_for(lambda text: text.count("slot 1 is decided") == 5)
    terminal.enter("kill 3")
    terminal.wait_for(lambda text: text.count("node 3 is unreachable") == 4)
    terminal.wait_for("node 3 is killed")
    terminal.enter("ls")
    terminal.wait_for(re.compile(r"a quorum is up\nbenmo 1>\s.* 3 down ", re.S))
    return terminal


def drawn(terminal: Terminal) -> str:
    """The screen as SVG, with its text for those who can't see it."""
    console = Console(
        record=True,
        width=_COLUMNS,
        file=io.StringIO(),
        color_system="truecolor",
        legacy_windows=False,
    )
    rows = terminal.cells()
    while rows and not "".join(cell.data for cell in rows[-1]).strip():
        rows.pop()
    for row in rows:
        text = Text()
        for style, cells in groupby(row, _style):
            text.append("".join(cell.data for cell in cells), style)
        text.rstrip()
        console.print(text, no_wrap=True, overflow="crop")
    description = html.escape(terminal.screen_text()).replace("{", "{{").replace("}", "}}")
    return console.export_svg(
        title="python3 scripts/demo.py",
        theme=_DARK,
        code_format=_FORMAT.replace("DESCRIPTION", description),
        unique_id="demo",
    )


def _style(cell: pyte.screens.Char) -> Style:
    return Style(
        color=_color(cell.fg), bgcolor=_color(cell.bg), bold=cell.bold, reverse=cell.reverse
    )


def _color(name: str) -> Color | None:
    if name == "default":
        return None
    known = {"brown": "yellow", "brightbrown": "brightyellow"}.get(name, name)
    known = known.replace("bright", "bright_")
    try:
        return Color.parse(f"#{known}" if re.fullmatch("[0-9a-f]{6}", known) else known)
    except ColorParseError as error:
        raise AssertionError(f"no colour is called {name!r}") from error


def text_in(picture: str) -> str:
    """The text of a picture that `drawn` made."""
    match = _DESCRIPTION.search(picture)
    assert match is not None
    return html.unescape(match[1])


def shapes(text: str) -> set[str]:
    """The lines of a screen without what is different each time: numbers, hashes, order."""
    hashes = re.sub(r"\b[0-9a-f]{12}\b", "HASH", text)
    return {" ".join(re.sub(r"\d+", "N", line).split()) for line in hashes.splitlines()}
