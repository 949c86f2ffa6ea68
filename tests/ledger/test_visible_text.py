"""Memos and keys: only what is shown as it is may be one, and what is shown can't mislead."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benmo.ledger.transfers import Transfer
from benmo.ledger.visible_text import (
    KEY_CHARACTERS_MAX,
    MEMO_CHARACTERS_MAX,
    escaped,
    why_column_not_shown,
    why_not_shown,
)
from tests.support.strategies import examples

HIDDEN = {
    "a tab": "\t",
    "a newline": "\n",
    "a carriage return": "\r",
    "NUL": "\0",
    "escape": "\x1b",
    "delete": "\x7f",
    "the second half of control characters": "\x9b",
    "a right-to-left override": "\u202e",
    "a left-to-right mark": "\u200e",
    "an isolate": "\u2066",
    "the end of an isolate": "\u2069",
    "an Arabic letter mark": "\u061c",
    "a space of no width": "\u200b",
    "a byte order mark": "\ufeff",
    "a soft hyphen": "\u00ad",
    "a line separator": "\u2028",
    "a paragraph separator": "\u2029",
    "an annotation": "\ufff9",
    "a tag": "\U000e0041",
    "a high surrogate": "\ud800",
    "a low surrogate": "\udfff",
}


@pytest.mark.parametrize("character", HIDDEN.values(), ids=HIDDEN.keys())
def test_a_text_with_an_invisible_character_is_refused_by_its_number(character: str) -> None:
    for text in (character, f"rent{character}", f"{character}rent", f"re{character}nt"):
        expected = f"a memo can't hold the invisible character U+{ord(character):04X}"
        assert why_not_shown(text, "memo", 140) == expected
        assert character not in escaped(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "rent for May", "100 % <&> 'quoted' \"twice\"", "a\\b", "Zoë", "Grüße", "ﬁn"),
        *("租金", "арендная плата", "إيجار", "שכר דירה", "किराया", "می\u200cخواهم", "e\u0301"),
        *("🧾", "👩\u200d🚀", "❤\ufe0f", "🇬🇧", "\u00a0", "𝕏", "\U0010fffd"),
    ],
)
def test_what_people_write_is_shown_as_it_is(text: str) -> None:
    assert why_not_shown(text, "memo", 140) is None
    assert escaped(text) == text.replace("\\", "\\\\")


@pytest.mark.parametrize(
    ("what", "most"), [("memo", MEMO_CHARACTERS_MAX), ("key", KEY_CHARACTERS_MAX)]
)
def test_a_text_may_be_so_long_and_not_longer(what: str, most: int) -> None:
    for character in "a€🧾":
        assert why_not_shown(character * most, what, most) is None
        reason = f"a {what} has at most {most} characters, not {most + 1}"
        assert why_not_shown(character * (most + 1), what, most) == reason


def test_memos_have_140_characters_and_keys_64() -> None:
    assert (MEMO_CHARACTERS_MAX, KEY_CHARACTERS_MAX) == (140, 64)


@examples
@given(st.text(st.characters(), max_size=30))
def test_what_is_shown_moves_no_cursor_and_turns_no_text(text: str) -> None:
    shown = escaped(text)
    hidden = {"Cc", "Cs", "Zl", "Zp"}
    assert not [each for each in shown if unicodedata.category(each) in hidden]
    assert not [each for each in shown if unicodedata.bidirectional(each) in DIRECTIONS]
    shown.encode()


DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@examples
@given(st.text(st.characters(), max_size=30), st.text(st.characters(), max_size=30))
def test_two_texts_are_never_shown_alike(one: str, other: str) -> None:
    assert (escaped(one) == escaped(other)) == (one == other)


@examples
@given(st.text(st.characters(), max_size=30))
def test_whatever_is_accepted_is_shown_letter_by_letter(text: str) -> None:
    if why_not_shown(text, "memo", 140) is None:
        assert escaped(text).replace("\\\\", "\\") == text


def test_what_stands_for_an_invisible_character_says_which() -> None:
    assert escaped("a\x1b[2J\u202eb\U000e0041\\") == "a\\u001B[2J\\u202Eb\\U000E0041\\\\"


def test_a_memo_that_came_in_from_elsewhere_is_shown_escaped_with_its_transfer() -> None:
    """Nodes check their own payers' memos; what the chain holds is not taken on trust."""
    shown = str(Transfer(1, 17, 2, 10, "\x1b]0;owned\x07"))
    assert shown == "1-17 (10 from node 1 to node 2: \\u001B]0;owned\\u0007)"


def test_exactly_the_characters_of_the_hidden_kinds_are_refused() -> None:
    """But for two joiners; every character is looked at."""
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    wrong = [
        f"U+{code:04X}"
        for code in range(sys.maxunicode + 1)
        if (why_not_shown(chr(code), "memo", 1) is not None)
        != (unicodedata.category(chr(code)) in hidden and code not in (0x200C, 0x200D))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ((), None),
        (("", "rent", "\u200d", "🧾" * 9), None),
        (("rent", "a" * 10, "b\n"), "a memo has at most 9 characters, not 10"),
        (("rent", "b\n", "a" * 10), "a memo can't hold the invisible character U+000A"),
        (("\u200d", "\u202e"), "a memo can't hold the invisible character U+202E"),
    ],
)
def test_of_a_column_the_first_text_that_cannot_be_one_is_named(
    column: tuple[str, ...], reason: str | None
) -> None:
    assert why_column_not_shown(column, "memo", 9) == reason
