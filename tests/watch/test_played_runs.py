"""A run that somebody has played by hand, in the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from benmo.play.runner import PlayRunner
from tests.watch.shown_page import Opener, ShownRun, ask, noticed

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

LINES = (
    *("nodes 3", "pay 1 2 10", "campaign 1", "drop Prepare 1->3", "deliver Prepare 1->2"),
    *("deliver Promise 2->1", "cut 1 3", "deliver Accept 1->2", "crash 1", "pause 3"),
)


def played(lines: tuple[str, ...], path: Path) -> ShownRun:
    """Carry out the lines, and record the run in a file."""
    runner = PlayRunner(is_whole=False)
    for line in (*lines, f"record {path}"):
        assert not runner.run(line, "table").status, line
    return ShownRun(path.read_bytes())


def test_a_played_run_is_shown_as_it_was_played(open_run: Opener, tmp_path: Path) -> None:
    page = open_run(played(LINES, tmp_path / "run.jsonl"))
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
        "lost": ["Prepare 1->3", "Accept 1->3"],
        "flying": ["Accepted 2->1"],
        "gaps": 0,
    }


TENURE = (
    *("nodes 3 tenure stable", "pay 1 2 10", "campaign 1", "settle", "crash 3", "pay 1 2 10"),
    *("settle", "pay 1 2 10", "settle", "start 3", "advance 3", "pay 1 2 10", "settle"),
)


def test_the_rule_behind_a_record_is_true_of_it(open_run: Opener, tmp_path: Path) -> None:
    """In later slots of a ballot, no promise comes anew; and nodes learn in more ways than one."""
    run = played(TENURE, tmp_path / "run.jsonl")
    page = open_run(run)
    script = """
        const { ruleOf } = await import('benmo/rules.js');
        const { why } = await import('benmo/why.js');
        const { trace } = shown;
        return it.map((index) => {
            const { causes } = why(trace, index);
            const rule = ruleOf(trace, index, trace.records[causes.at(-1)]);
            return [rule === null ? '' : rule[0], causes.map((at) => trace.records[at])];
        });
    """
    proposals = [at for at, each in enumerate(run.records) if noticed("ProposalMade")(each)]
    first, *later = ask(page, script, proposals)
    assert len(later) == 3
    assert first[0].startswith("No promise reported a block for this slot")
    assert all(rule.startswith("Its promises hold for later slots, too") for rule, _ in later)
    decisions = [at for at, each in enumerate(run.records) if each["k"] == "decided"]
    said = {"Accepted": "majority", "Decide": "A Decide tells", "Blocks": "sends from its chain"}
    seen = set()
    for at, (rule, causes) in zip(decisions, ask(page, script, decisions), strict=True):
        messages = [each["m"] for each in causes if each["k"] == "received"]
        kind = messages[-1]["k"]
        seen.add(kind)
        assert said[kind] in rule
        if kind == "Accepted":
            slot = run.records[at]["block"]["s"]
            assert {each["s"] for each in messages} == {slot}
    assert seen == said.keys()
