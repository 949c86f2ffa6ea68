"""Text and tables in the columns of a terminal."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benmo.commands.answers import FORMATS, Answer, Cell, Status, Table, fitting_format, refusal
from benmo.commands.fitting import COLUMNS_MIN, fitted, wrapped
from benmo.commands.table import COMMANDS, Explained, help_answer
from benmo.demo.table import DEMO_COMMANDS, node_commands
from tests.support.strategies import examples

WORDS = st.lists(st.text("abc(1,2)-./", min_size=1, max_size=12), max_size=40)
STATUS_ROWS: list[tuple[Cell, ...]] = [
    (1, 4711, "yes", "acceptor", "(12, 3)", 7, "ab" * 6, 0, "2✓ 3✗ 4✂ 5✓"),
    (2, 4712, "no", "", "", "", "", "", ""),
]
HEADERS = ("node", "process", "up", "role", "ballot", "height", "head", "queue", "links")


@examples
@given(WORDS, st.integers(COLUMNS_MIN, 100))
def test_only_blanks_are_broken_and_no_line_is_too_long(words: list[str], columns: int) -> None:
    lines = fitted(" ".join(words), columns, "  ").split("\n")
    assert [word for line in lines for word in line.split()] == words
    assert all(len(line) <= columns for line in lines)


@pytest.mark.parametrize(
    "kept",
    [
        "(12, 3)",
        "1> moneyTransfer 10,1,2",
        "printBlockchain 901 1000",
        "severLink 3 --one-way",
        "all printQueue",
        "moneyTransfer AMOUNT,DEBIT,CREDIT",
        "python3 scripts/initialize.py --state-dir there",
        "benmo export",
        "20 s",
    ],
)
def test_a_ballot_or_a_command_is_not_broken(kept: str) -> None:
    for columns in range(len(kept) + 12, 100):
        sentence = f"{'so ' * 9}type {kept} there, {'and ' * 9}"
        assert any(kept in line for line in wrapped(sentence, columns)), columns


def test_the_lines_added_are_indented_below_the_text() -> None:
    assert fitted("  aaaa bbbb", 8, "..") == "  aaaa\n  ..bbbb"
    assert fitted("short\n\nlines", None) == "short\n\nlines"


def test_a_wide_table_says_what_it_left_out() -> None:
    table = Table(HEADERS, STATUS_ROWS, spare=("head", "process"))
    whole = table.as_text()
    assert table.as_text(200) == whole
    assert max(map(len, whole.split("\n"))) == 80
    for columns in range(COLUMNS_MIN, 80):
        *lines, note = table.as_text(columns).split("\n(left out")
        assert all(len(line) <= columns for line in "".join(lines).split("\n"))
        assert "head" in note and "node" not in note
    assert table.as_text(70).endswith("(left out to fit into 70 columns: head)")
    assert table.as_text(60).endswith("(left out to fit into 60 columns: process, head)")


@pytest.mark.parametrize("columns", [40, 60, 72])
def test_a_table_without_headers_breaks_its_last_cells(columns: int) -> None:
    tables: list[Sequence[Explained]] = [COMMANDS, [*DEMO_COMMANDS, *node_commands()]]
    for shown in tables:
        answer = help_answer(shown, "Some words below the table, more of them than fit in a line.")
        lines = answer.rendered(f"table/{columns}").output.split("\n")
        assert all(len(line) <= columns for line in lines)
        assert answer.rendered("table").output.split() == " ".join(lines).split()


def test_a_hash_that_is_too_long_for_a_line_is_cut() -> None:
    table = Table(("", ""), [("head", "ab" * 32), ("queue", 0)], has_headers=False)
    assert table.as_text(40) == f" head   {'ab' * 15}a…\n queue  0"
    assert table.as_text(80).count("ab") == 32


def test_the_form_says_how_wide_a_table_may_be() -> None:
    assert [fitting_format(form, 80) for form in FORMATS] == ["table/80", "json", "tsv"]
    assert [fitting_format(form, None) for form in FORMATS] == list(FORMATS)
    text = "a reason of many words, which is longer than a narrow terminal is wide"
    for form, lines in (("table/60", 2), ("table", 1), ("table/x", 1), ("table/1", 3)):
        output = refusal(Status.REFUSED, text).rendered(form).output
        assert len(output.split("\n")) == lines
    assert Answer(Status.DONE, {"n": 1}, text).rendered("tsv").output == "1"
