"""How answers are shown."""

from __future__ import annotations

from collections.abc import Sequence

from benmo.commands.answers import Status, Table, refusal


def test_a_table_is_aligned_by_what_a_terminal_shows() -> None:
    rows: Sequence[tuple[str | int, ...]] = [(7, "日本", ""), (-12, "e\u0301a", 3), (5, "", 40)]
    assert Table(("n", "memo", "sum"), rows).as_text().splitlines() == [
        "   n  memo  sum",
        "   7  日本",
        " -12  e\u0301a      3",
        "   5         40",
    ]
    assert Table(("n", "memo"), [(1, "a")], has_headers=False).as_text() == " 1  a"


def test_a_refusal_names_its_outcome() -> None:
    for status, outcome in (
        (Status.REFUSED, "refused"),
        (Status.NOT_UNDERSTOOD, "not understood"),
        (Status.UNKNOWN, "unknown"),
    ):
        assert refusal(status, "why").value == {"outcome": outcome, "reason": "why"}
