"""Nodes that join later, leave, or are replaced, in the page."""

from __future__ import annotations

import pytest

from benmo.sim.draw import FAULTS_S
from benmo.sim.recording import recorded
from benmo.sim.run import run
from benmo.sim.seeds import Study
from benmo.sim.trace import Trace
from tests.watch.shown_page import Opener, Record, ShownRun, ask, place

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Page, expect

SEED = 49
"""Its operators remove node 5, add node 6, and replace node 6."""


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> ShownRun:
    path = tmp_path_factory.mktemp("changing") / "run.jsonl"
    study = Study(5, None, FAULTS_S)
    plan = study.plan(SEED)
    with recorded(path, plan, study.options(5)) as recording:
        result = run(plan, Trace(recording=recording))
    assert result.violation is None
    return ShownRun(path.read_bytes())


def shown_nodes(page: Page) -> list[str]:
    """The names of the nodes, as the ring, the disks, the chains and the diagram have them."""
    ring = page.locator(".node-button").evaluate_all(
        "(all) => all.map((each) => each.ariaLabel.split(',')[0].slice(5))"
    )
    for selector in (".disks tbody .chip", ".lane > .chip", ".space-head", ".ballots thead .chip"):
        assert page.locator(selector).all_text_contents() == ring, selector
    return [str(each) for each in ring]


def test_nodes_are_shown_from_when_they_join_until_they_are_gone(
    changing: ShownRun, open_run: Opener
) -> None:
    def is_event(record: Record, event: str, node: int) -> bool:
        return record["k"] == "process" and (record["event"], record["of"]) == (event, node)

    records = changing.records
    removed, _ = changing.first(lambda each: each["k"] == "applied" and "members" in each)
    second, _ = changing.first(lambda each: is_event(each, "ends", 1))
    begun, _ = changing.first(lambda each: each["i"] == 6)
    added, _ = changing.first(lambda each: each["k"] == "applied" and 6 in each.get("members", ()))
    over, _ = changing.first(lambda each: is_event(each, "ends", 6))
    replaced, decision = changing.first(
        lambda each: each["k"] == "decided" and each["block"].get("change") == "replace node 6"
    )
    new_life = next(each["l"] for each in records if each["i"] == 6 and each["l"] > 1_000_000)
    heard, _ = changing.first(lambda each: each["l"] == new_life and each["t"] > decision["t"])
    assert heard < over
    page = open_run(changing, f"#at={place(records[removed - 1])}")

    def go_to(index: int) -> None:
        page.evaluate(f"location.hash = 'at={place(records[index])}'")
        expect(page.locator("#page")).to_have_attribute("data-count", str(index + 1))

    old = ["1", "2", "3", "4", "5"]
    leaves = page.locator('.node-button[aria-label^="Node 5, retired"]')
    joins = page.locator('.node-button[aria-label^="Node 6, no vote yet"]')
    expect(leaves).to_have_count(0)
    go_to(removed)
    expect(leaves).to_have_count(1)
    assert shown_nodes(page) == old
    go_to(second)
    assert shown_nodes(page) == ["1b", *old[1:]], "node 1 is down, and is to be replaced"
    expect(page.locator('.node-button[aria-label^="Node 1b, no vote yet"]')).to_have_count(1)
    go_to(begun - 1)
    assert shown_nodes(page) == old, "node 1 is back, and is the one that votes"
    go_to(begun)
    expect(joins).to_have_count(1)
    assert shown_nodes(page) == [*old, "6"]
    go_to(added - 1)
    expect(joins).to_have_count(1)
    go_to(added)
    expect(joins).to_have_count(0)
    assert shown_nodes(page) == ["1", "2", "3", "4", "6"]
    go_to(replaced - 1)
    expect(page.locator('.node-button[aria-label^="Node 6, acceptor"]')).to_have_count(1)
    go_to(replaced)
    expect(page.locator('.node-button[aria-label^="Node 6, retired"]')).to_have_count(1)
    go_to(heard)
    assert shown_nodes(page)[1:] == ["2", "3", "4", "6b"], "the one that votes, though both run"
    expect(page.locator('.node-button[aria-label^="Node 6b, acceptor"]')).to_have_count(1)
    expect(page.locator("#panel-disks .hint")).to_contain_text("6b is a new member of node 6")
    go_to(removed - 1)
    assert shown_nodes(page) == old
    expect(leaves).to_have_count(0)


def test_a_majority_is_one_of_those_who_vote_on_the_slot(
    changing: ShownRun, open_run: Opener
) -> None:
    """Also in the table of an earlier slot, when others voted; playing gives what seeking gives."""
    changes = {
        each["s"] + 1: each["members"]
        for each in changing.records
        if each["k"] == "applied" and each.get("members") and each["i"] == 3
    }
    page = open_run(changing)
    script = """
        const { ballotTable } = await import('benmo/tables.js');
        const { differences } = await import('benmo/trace.js');
        const { trace } = shown;
        const tables = trace.slots.map((slot) => ballotTable(trace, slot, trace.length));
        return {
            differences: differences(trace),
            tables: tables.map(({ slot, quorum, voters }) => [slot, quorum, voters]),
        };
    """
    found = ask(page, script)
    assert found["differences"] == []
    voters = [1, 2, 3, 4, 5]
    assert [4, 5] in [sorted(map(len, (voters, each))) for each in changes.values()]
    for slot, quorum, shown in sorted(found["tables"]):
        voters = changes.get(slot, voters)
        assert (slot, shown, quorum) == (slot, voters, len(voters) // 2 + 1)
