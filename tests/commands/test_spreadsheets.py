"""No text of an export is run by the spreadsheet that opens the export."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benmo.commands.answers import Answer, Status, Table
from benmo.commands.spreadsheets import as_cell
from tests.support.strategies import examples

RISKY = ["=1+1", "+1", "-1+2", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠x"]


@pytest.mark.parametrize("text", RISKY)
def test_a_formula_becomes_a_text(text: str) -> None:
    assert as_cell(text) == f"'{text}"
    assert as_cell(f"'{text}") == f"''{text}", "so that the two can be told apart"


@pytest.mark.parametrize("text", ["", "rent", "'quoted'", "1-2", "a=b", " =1", "(1, 2)"])
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert as_cell(text) == text


@examples
@given(st.text("'=+-@ab\t＝", max_size=8))
def test_it_can_be_undone(text: str) -> None:
    cell = as_cell(text)
    assert re.match(r"[=+\-@\t\r\n＝＋－＠]", cell) is None
    undone = cell[1:] if re.match(r"'+[=+\-@\t\r\n＝＋－＠]", cell) else cell
    assert undone == text


def test_tsv_has_no_formula_either() -> None:
    table = Table(("id", "memo"), [("1-1", "=HYPERLINK(1)"), (-5, "rent")])
    assert table.as_tsv().splitlines() == ["id\tmemo", "1-1\t'=HYPERLINK(1)", "-5\trent"]
    answer = Answer(Status.DONE, {"n": -5, "reason": "@x"}, "")
    assert answer.rendered("tsv").output == "-5\t'@x"
