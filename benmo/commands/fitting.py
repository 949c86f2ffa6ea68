"""Fits text and tables into the columns of a terminal, without breaking a word or a command."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from typing import TextIO

COLUMNS_MIN = 30
"""A terminal that is narrower is treated as this wide: what doesn't fit, it breaks by itself."""

_BLANK = "\u00a0"
_UNBROKEN = re.compile(
    r"""
      \(\d+,\ \d+\)                                      # a ballot
    | (?:(?:\d+|all)>\ |\ball\ )?                        # for a node or all, in the demo
      \b(?:moneyTransfer|print[A-Z]\w+|severLink|restoreLink|delayLink)
      (?:\ (?:[\d,]+|[A-Z,]{2,}|all\b|--one-way))*
    | \b(?:python3?|benmo|pip)\ (?:-m\ )?[\w./]+(?:\ --[\w-]+(?:\ [\w./-]+)?)*
    | --[\w-]+\ [\w./-]+                                 # an option and its value
    | \d+\ (?:s|ms|MiB)\b                                # a quantity and its unit
    """,
    re.VERBOSE,
)
"""Pieces of a sentence that are kept on one line where they fit."""


def terminal_columns(stream: TextIO | None = None) -> int | None:
    """Count the columns of the terminal that is written to; None if it is not a terminal."""
    file = sys.__stdout__ if stream is None else stream
    if file is None or file.closed or not file.isatty():
        return None
    return max(COLUMNS_MIN, shutil.get_terminal_size().columns)


def print_error(text: str) -> None:
    """Write lines to standard error; if that is a terminal, they are fitted into it."""
    print(fitted(text, terminal_columns(sys.stderr)), file=sys.stderr, flush=True)


def fitted(text: str, columns: int | None, indent: str = "") -> str:
    """Break each line of `text` that is longer than `columns` between words.

    The lines that this adds begin with `indent`, after the blanks with which the broken line
    begins. Without `columns`, nothing is broken.
    """
    if columns is None:
        return text
    return "\n".join(_broken(line, columns, indent) for line in text.split("\n"))


def wrapped(paragraph: str, columns: int, first: str = "", rest: str = "") -> list[str]:
    """Break a paragraph into lines of at most `columns`, which begin with `first` or `rest`."""
    room = columns - max(len(first), len(rest))
    kept = _UNBROKEN.sub(lambda piece: _kept_whole(piece[0], room), paragraph)
    lines = textwrap.wrap(
        kept,
        columns,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_BLANK, " ") for line in lines]


def _broken(line: str, columns: int, indent: str) -> str:
    if len(line) <= columns:
        return line
    text = line.lstrip(" ")
    margin = " " * (len(line) - len(text))
    return "\n".join(wrapped(text, columns, margin, margin + indent))


def _kept_whole(piece: str, room: int) -> str:
    return piece.replace(" ", _BLANK) if len(piece) <= room else piece
