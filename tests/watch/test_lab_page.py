"""A lab in the page: its tasks, and what is hidden until the rule is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benmo.labs.rerun import LabRun, rerun, tasks, trace_bytes
from benmo.labs.table import LABS, Ending, Lab
from benmo.tape.records import AcceptedRecord
from tests.watch.shown_page import Opener, ShownRun, ask

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Page, expect


def _opened(lab: Lab, open_run: Opener, width: int) -> tuple[Page, LabRun]:
    made = rerun(lab)
    run = ShownRun(trace_bytes(made), tasks(lab, made))
    return open_run(run, "", width), made


def shown(sentence: str) -> str:
    """A sentence as the page writes it: ballots as `7.3`."""
    return re.sub(r"\((\d+), (\d+)\)", r"\1.\2", sentence)


def top_of_ring(page: Page) -> float:
    box = page.get_by_role("region", name="The ring").bounding_box()
    assert box is not None
    return box["y"]


def first(ending: Ending) -> Lab:
    return next(each for each in LABS if each.ending is ending)


def test_a_harm_lab_opens_in_front_of_two_chains_and_hides_its_checks(
    open_run: Opener,
) -> None:
    lab = next(each for each in LABS if each.mistake == "accept-ignores-promise")
    page, made = _opened(lab, open_run, 1600)
    panel = page.get_by_role("region", name="Lab")
    expect(panel.get_by_role("heading")).to_have_text(f"Lab {lab.number}: {lab.title}")
    expect(page.locator("#page")).to_have_attribute("data-count", str(len(made.records)))
    expect(page.locator("#chips")).to_be_hidden()
    expect(page.locator("#panel-safety")).to_be_hidden()
    expect(page.get_by_text(made.first.sentence)).to_have_count(0)
    expect(panel.get_by_role("button", name="This is it")).to_be_disabled()

    claim = panel.get_by_role("button", name="This is it")
    node, life, number = made.about
    said = panel.get_by_role("status").first
    page.evaluate("location.hash = '#at=0.0.1'")
    page.get_by_role("button", name="Why?").click()
    claim.click()
    expect(said).to_contain_text("✗ No")
    page.keyboard.press("Escape")
    was = top_of_ring(page)
    accepts = [each for each in made.records if isinstance(each, AcceptedRecord)]
    again = next(each for each in accepts if each.ballot == (1, 3) and each.node == 2)
    page.evaluate(f"location.hash = '#at=2.{again.life}.{again.number}'")
    page.get_by_role("button", name="Why?").click()
    claim.click()
    expect(said).to_contain_text("this breaks a rule, too. But another record did so first.")
    assert top_of_ring(page) < was + 60, "Why? pushes down little"
    near = """
        const { effectsOf } = await import('benmo/why.js');
        const { nearness } = await import('benmo/lab.js');
        const { trace } = shown;
        const [again, wanted] = it.map((place) => trace.indexOf(...place));
        const came = [...effectsOf(trace, again, trace.length)].map((at) => trace.records[at]);
        return came.filter(({ k }) => ['sent', 'decided'].includes(k)).map((each) => [
            each.i, each.m?.k ?? each.k,
            nearness(trace, trace.indexOf(each.i, each.l, each.n), wanted),
        ]);
    """
    places = [[2, again.life, again.number], list(made.about)]
    assert ask(page, near, places) == [
        [2, "Accepted", "again"],
        [3, "decided", "afterAgain"],
        [3, "Decide", "afterAgain"],
        [3, "Decide", "afterAgain"],
    ]
    page.keyboard.press("Escape")
    page.evaluate(f"location.hash = '#at={node}.{life}.{number}'")
    index = ask(page, "return shown.trace.indexOf(...it);", list(made.about))
    ask(page, "shown.clock.seek(it + 1);", index)
    page.get_by_role("button", name=re.compile("^Why")).click()
    claim.click()
    expect(said).to_contain_text("✓")

    rules = page.locator(".why-chain .rule")
    expect(rules).to_have_text(re.compile(r"^An acceptor may accept .*acceptor\.py\)$"))
    rule = made.first.rule.removeprefix("rule ")
    choice = panel.get_by_role("combobox", name="The broken rule")
    choice.select_option("A3")
    expect(panel.get_by_role("status").last).to_contain_text("✗ A3")
    expect(page.locator("#chips")).to_be_hidden()
    choice.select_option(rule)
    expect(panel.get_by_role("status").last).to_have_text("✓ Yes.")
    expect(panel.locator(".solution")).to_contain_text(shown(made.first.sentence))
    expect(panel.locator("pre")).to_have_count(2)
    expect(page.locator("#chips")).to_be_visible()
    expect(rules).to_contain_text("Here it was broken.")


def test_an_alarm_lab_opens_under_the_power_cut_lens_and_can_be_given_up(
    open_run: Opener,
) -> None:
    page, made = _opened(first(Ending.ALARM), open_run, 390)
    expect(page.get_by_role("button", name="Power-cut lens")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.locator(".disks .pencil.gone").first).to_be_visible()
    expect(page.locator(".headline")).to_contain_text("An alarm: a rule is broken")
    expect(page.locator("#tab-safety")).to_be_hidden()
    page.get_by_role("button", name="Show me").click()
    expect(page.locator(".solution")).to_contain_text(shown(made.first.sentence))
    page.get_by_role("button", name="Predict", exact=True).click()
    page.get_by_role("button", name="Sheet").click()
    row = page.get_by_role("dialog", name="Sheet").locator("tbody tr")
    expect(row.locator("td").last).to_have_text("skipped")


def test_two_decided_blocks_are_told_apart_and_another_run_is_no_lab(
    simulated: ShownRun, open_run: Opener, tmp_path: Path
) -> None:
    page, _ = _opened(next(each for each in LABS if each.number == 7), open_run, 1600)
    other = page.locator(".ballots .outcome.fork")
    expect(other).to_have_text(re.compile("^another block, decided too; node 2 knows$"))
    trace = tmp_path / "other.jsonl"
    trace.write_bytes(simulated.trace)
    page.set_input_files("#file", trace)
    expect(page.locator("#page")).to_have_attribute("data-length", str(len(simulated.records)))
    expect(page.get_by_role("region", name="Lab")).to_be_hidden()
    expect(page.locator("#chips")).to_be_visible()
