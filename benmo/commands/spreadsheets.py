"""Keeps spreadsheets from running a text of CSV or TSV as a formula.

A spreadsheet that opens such a file takes a cell that begins with certain signs for a formula,
which may fetch from the network or start programs: whoever may pay could do that to whoever opens
an export. See OWASP, "CSV Injection".
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""A formula's beginning, also in full width; and one after the sign that makes it a text."""


def as_cell(text: str) -> str:
    """The text with a `'` before it if a spreadsheet would run it: so it stays a text.

    To undo that, take one `'` off where a text begins with one or more of them and then one of
    `= + - @`, a tab or a line's end.
    """
    return f"'{text}" if _FORMULA.match(text) else text
