"""A run that somebody has played by hand, in the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from benmo.play.runner import PlayRunner
from tests.watch.shown_page import Opener, ShownRun, ask

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

LINES = (
    *("nodes 3", "pay 1 2 10", "campaign 1", "drop Prepare 1->3", "deliver Prepare 1->2"),
    *("deliver Promise 2->1", "cut 1 3", "deliver Accept 1->2", "crash 1", "pause 3"),
)


def test_a_played_run_is_shown_as_it_was_played(open_run: Opener, tmp_path: Path) -> None:
    runner, path = PlayRunner(is_whole=False), tmp_path / "run.jsonl"
    for line in (*LINES, f"record {path}"):
        assert not runner.run(line, "table").status, line
    page = open_run(ShownRun(path.read_bytes()))
    assert "a run played by hand" in page.locator("#about").inner_text()
    script = """
        const { differences } = await import("benmo/trace.js");
        const { cutWays } = await import("benmo/fold.js");
        const end = shown.trace.state(shown.trace.records.length);
        return {
            differences: differences(shown.trace, 1),
            cut: [...cutWays(end)].toSorted(),
            is: Object.values(end.nodes).map((node) => node.is),
            accepted: Object.values(end.nodes).map((node) => node.ink.accepted?.b ?? null),
            lost: end.lost.map(({ k, from, to }) => `${k} ${from}->${to}`),
            flying: end.flying.map(({ k, from, to }) => `${k} ${from}->${to}`),
            gaps: end.gaps,
        };
    """
    assert ask(page, script) == {
        "differences": [],
        "cut": ["1>3", "3>1"],
        "is": ["down", "up", "paused"],
        "accepted": [[1, 1], [1, 1], None],
        "lost": ["Prepare 1->3", "Accept 1->3", "Accepted 2->1"],
        "flying": [],
        "gaps": 0,
    }
