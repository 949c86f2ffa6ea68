"""The way to a violation that a search has found, in the page."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from click.testing import CliRunner

from benmo.sim.explore.command import explore
from tests.watch.shown_page import Opener, ShownRun, ask

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect


def test_the_way_to_a_violation_is_shown_and_its_record_named(
    open_run: Opener, tmp_path: Path
) -> None:
    path = tmp_path / "way.jsonl.gz"
    words = ["--crashes", "0", "--plant", "catch-up-applied-twice", "--record", str(path)]
    result = CliRunner().invoke(explore, words)
    assert result.exit_code == 1, result.output
    page = open_run(ShownRun(gzip.decompress(path.read_bytes())))
    page.keyboard.press("End")
    expect(page.locator(".flight-group.open").first).to_be_visible()
    expect(page.locator(".flight-group.lost")).to_have_count(0)
    assert "an explored run" in page.locator("#about").inner_text()
    script = """
        const { differences } = await import("benmo/trace.js");
        const { why } = await import("benmo/why.js");
        const end = shown.trace.state(shown.trace.records.length);
        const last = shown.trace.records.length - 1;
        const about = why(shown.trace, last).causes.map((at) => shown.trace.records[at]);
        const ids = (kind) => shown.trace.records.filter(({ k }) => k === kind).map(({ id }) => id);
        const came = new Set(ids("received"));
        const asked = shown.trace.records.findIndex(({ k, c }) => k === "sent" && !c);
        return {
            asked: why(shown.trace, asked),
            differences: differences(shown.trace, 1),
            is: Object.values(end.nodes).map((node) => node.is),
            gaps: end.gaps,
            lost: end.lost.length,
            flying: end.flying.length - ids("sent").filter((id) => !came.has(id)).length,
            up: Object.values(end.nodes).map(({ links }) => [links[1], links[2], links[3]]),
            last: shown.trace.records[last].sentence,
            about: about.map(({ k, i, block }) => [k, i, block.s]),
        };
    """
    assert ask(page, script) == {
        "asked": {"causes": [], "end": "In a search, a node may ask for blocks at any time."},
        "differences": [],
        "is": ["up", "up", "up"],
        "gaps": 0,
        "lost": 0,
        "flying": 0,
        "up": [[True, True, True]] * 3,
        "last": "node 1 fails: AssertionError: slot 1 at height 1",
        "about": [["decided", 1, 1]],
    }
