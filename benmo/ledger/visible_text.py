"""Text that people wrote, to be kept in the chain and shown on any terminal: memos and keys."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

MEMO_CHARACTERS_MAX = 140
KEY_CHARACTERS_MAX = 64

_JOINERS = "\u200c\u200d"
"""Allowed, though invisible: Persian, Indic languages and emoji are written with them."""

_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""Control, formatting (the bidirectional ones among them), lone surrogates, ends of lines."""


def why_not_shown(text: str, what: str, characters_max: int) -> str | None:
    """Why a text can't be a memo or a key, None if it can: every character must be visible.

    `what` names the text in that reason, a line for the user.
    """
    if len(text) > characters_max:
        return f"a {what} has at most {characters_max} characters, not {len(text)}"
    if text.isprintable():  # the most frequent case: nothing of any hidden kind is printable
        return None
    for character in text:
        if not _is_visible(character):
            return f"a {what} can't hold the invisible character U+{ord(character):04X}"
    return None


def why_column_not_shown(column: Sequence[str], what: str, characters_max: int) -> str | None:
    """Why the first such text of a column can't be one, as `why_not_shown` says it; else None.

    One pass over all texts together takes a twentieth of the time of a look at each.
    """
    if not column:
        return None
    if max(map(len, column)) <= characters_max and "".join(column).isprintable():
        return None
    reasons = (why_not_shown(text, what, characters_max) for text in column)
    return next((reason for reason in reasons if reason is not None), None)


def escaped(text: str) -> str:
    r"""The text with what could trick a terminal or a reader written as \uXXXX, and \ doubled."""
    return "".join(map(_escape, text))


def _escape(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if _is_visible(character):
        return character
    code = ord(character)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _is_visible(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _HIDDEN
