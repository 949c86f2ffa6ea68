"""The page of the demo: what it may have carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benmo.admin.addresses import addresses
from benmo.admin.making import new_cluster
from benmo.cluster import ClusterSettings, StateDirectory
from benmo.commands.table import COMMANDS
from benmo.demo.page import ALLOWED, DemoPage
from benmo.demo.table import DEMO_COMMANDS


def test_a_page_may_have_all_carried_out_but_what_is_about_the_terminal() -> None:
    every = {command.name for command in (*COMMANDS, *DEMO_COMMANDS)}
    assert every - set(ALLOWED) == {"exit", "use", "tour", "quiet", "loud", "page"}
    assert set(ALLOWED) <= every
    assert len(ALLOWED) == len(set(ALLOWED))


@pytest.mark.parametrize(
    ("typed", "recorded"),
    [
        ("a" * 4_000, "a" * 4_000),
        ("a" * 4_001, "a" * 3_999 + "…"),
        ("😀" * 2_000, "😀" * 2_000),
        ("😀" * 3_900, "😀" * 1_999 + "…"),
    ],
    ids=["as long as may be", "longer", "of two units each", "longer, of two units each"],
)
def test_a_line_is_recorded_no_longer_than_pages_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, recorded: str
) -> None:
    """They count a character outside the basic plane as two."""
    cluster = new_cluster(addresses(3, 9001), ClusterSettings())
    page = DemoPage(StateDirectory(tmp_path), cluster, 0)
    happened: list[Any] = []
    monkeypatch.setattr(page, "_call", lambda work: work())
    monkeypatch.setattr(
        page._collection, "happened", lambda record, _clock: happened.append(record)
    )
    page.did(typed, 0, "prompt")
    page.close()
    page._loop.close()
    (record,) = happened
    assert record.line == recorded
