"""The safety panel: each of its checks holds where the rules are kept, and finds a broken one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.watch.shown_page import Opener, Record, ShownRun

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect


def other_hash(records: list[Record]) -> list[Record]:
    """One node decides another block than the rest."""
    decided = [each for each in records if each["k"] == "decided"]
    decided[-1]["block"]["h"] = "0" * 12
    return records


def other_proposal(records: list[Record]) -> list[Record]:
    next(each for each in reversed(records) if each["k"] == "accepted")["block"]["h"] = "0" * 12
    return records


def lower_ballot(records: list[Record]) -> list[Record]:
    next(each for each in reversed(records) if each["k"] == "accepted")["b"] = [1, 1]
    return records


def never_durable(records: list[Record]) -> list[Record]:
    for record in records:
        if record["k"] == "durable":
            record["upto"] = 0
    return records


def own_block(records: list[Record]) -> list[Record]:
    """A leader that must take a block over proposes another."""
    taken = next(
        each
        for each in records
        if each["k"] == "noticed"
        and each["what"] == "ProposalMade"
        and each["fields"]["taken_over"][0] > 0
    )
    ballot = taken["fields"]["ballot"]
    for record in records:
        message = record.get("m", {})
        if record["k"] == "sent" and message["k"] == "Accept" and message["b"] == ballot:
            message["block"]["h"] = "0" * 12
    return records


def more_money(records: list[Record]) -> list[Record]:
    balances = [each for each in records if each["k"] == "applied"][-1]["balances"]
    balances["1"] += 1
    return records


BREAKS: dict[str, Callable[[list[Record]], list[Record]]] = {
    "One block in each slot": other_hash,
    "One block in each ballot": other_proposal,
    "Promises are kept": lower_ballot,
    "The disk before the word": never_durable,
    "A chosen block stays": own_block,
    "No money is made or lost": more_money,
}


def test_every_check_holds_in_a_run_that_keeps_the_rules(
    simulated: ShownRun, open_run: Opener
) -> None:
    page = open_run(simulated)
    page.keyboard.press("End")
    expect(page.locator(".safety-chip.holds")).to_have_count(len(BREAKS))


@pytest.mark.parametrize("title", BREAKS)
def test_the_safety_panel_finds_what_is_broken(
    simulated: ShownRun, open_run: Opener, title: str
) -> None:
    page = open_run(simulated.changed(BREAKS[title]), "#view=safety", 900)
    page.keyboard.press("End")
    broken = page.locator(".checks .broken", has_text=title)
    expect(broken).to_have_count(1)
    broken.get_by_role("button", name="Show what broke it").click()
    expect(page.locator(".why-chain > li")).to_have_count(1)
    if title in ("Promises are kept", "The disk before the word"):
        expect(page.locator(".why-chain .rule")).to_contain_text("Here it was broken.")


def test_a_finding_leads_to_its_record(simulated: ShownRun, open_run: Opener) -> None:
    _, accepted = simulated.first(lambda record: record["k"] == "accepted")
    violation: Record = {"k": "violation", "checker": "A2", "sentence": "it forgot its promise"}
    violation |= {"i": 0, "l": 0, "n": 1_000_000, "t": simulated.records[-1]["t"]}
    violation["about"] = [{name: accepted[name] for name in "iln"}]
    page = open_run(simulated.changed(lambda records: [*records, violation]), "", 900)
    page.keyboard.press("End")
    expect(page.locator(".headline")).to_have_text("The checker of A2 found: it forgot its promise")
    page.get_by_role("button", name="Why?").click()
    expect(page.locator(".causes button")).to_contain_text("accepts a block")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Safety").click()
    page.locator(".alarms button").click()
    expect(page.locator(".headline")).to_contain_text(f"Node {accepted['i']} accepts a block")
