"""Predict first: the questions of a run, their answers, and the sheet of what was answered."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.watch.shown_page import Opener, Record, ShownRun, ask

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Locator, Page, expect

QUESTIONS = """
    const { Quiz } = await import('benmo/quiz.js');
    const { questionsAt } = await import('benmo/questions.js');
    const { step } = await import('benmo/fold.js');
    const { trace } = shown;
    const found = [];
    let state = trace.state(0);
    trace.records.forEach((record, index) => {
        const after = step(state, record, index);
        for (const [kind, question] of questionsAt(trace, index, state, after))
            found.push({ kind, index, count: index + 1, ...question });
        state = after;
    });
    const quiz = new Quiz(trace);
    quiz.extend();
    return { all: found, asked: quiz.questions };
"""


def ballot_text(ballot: list[int]) -> str:
    return f"{ballot[0]}.{ballot[1]}" if ballot[0] else "–"


class Disks:
    """What each node's disk and memory hold, and who voted durably: a fold written anew."""

    def __init__(self) -> None:
        self.ink: dict[int, tuple[list[int], Record | None]] = {}
        self.pencil: dict[int, tuple[list[int], Record | None]] = {}
        self.waiting: dict[int, list[Record]] = defaultdict(list)
        self.votes: dict[tuple[int, str], set[int]] = defaultdict(set)
        self.known: set[int] = set()
        self.heights: dict[int, int] = {}

    def take(self, record: Record) -> None:
        node, kind = record["i"], record["k"]
        if kind == "state":
            self.ink[node] = self.pencil[node] = (record["promised"], record["accepted"])
            self.waiting[node] = []
            self.heights[node] = record["height"]
            if record["accepted"]:
                self._vote(node, record["accepted"])
        elif kind in ("promised", "accepted", "decided"):
            self.pencil[node] = self._after(self.pencil[node], record)
            self.waiting[node].append(record)
            if kind == "decided":
                self.known.add(record["block"]["s"])
                self.heights[node] = record["block"]["s"]
        elif kind == "durable":
            for each in self.waiting[node]:
                self.ink[node] = self._after(self.ink[node], each)
                if each["k"] == "accepted":
                    self._vote(node, each)
            self.waiting[node] = []

    def _vote(self, node: int, held: Record) -> None:
        self.votes[held["block"]["s"], str(held["b"])].add(node)

    def _after(
        self, held: tuple[list[int], Record | None], record: Record
    ) -> tuple[list[int], Record | None]:
        if record["k"] == "decided":
            return held[0], None
        promised = max(held[0], record["b"])
        return promised, record if record["k"] == "accepted" else held[1]

    def held_text(self, held: tuple[list[int], Record | None]) -> str:
        promised, vote = held
        what = "nothing"
        if vote is not None:
            what = f"block {vote['block']['h'][:4]} in {ballot_text(vote['b'])}"
        return f"It has promised {ballot_text(promised)}, and accepted {what}."

    def decided(self, slot: int) -> str:
        if slot in self.known or any(height >= slot for height in self.heights.values()):
            return "Yes, and a node knows it."
        is_chosen = any(len(who) >= 3 for (of, _), who in self.votes.items() if of == slot)
        return "Yes, and no node knows it yet." if is_chosen else "No."


def came_of(records: list[Record], index: int) -> Iterator[Record]:
    """The records of the event that a record begins."""
    one = records[index]
    for record in records[index + 1 : index + 200]:
        if (record["i"], record["l"], record.get("c")) == (one["i"], one["l"], one["n"]):
            yield record


def answer_of_the_run(records: list[Record], question: Record) -> str | None:
    """The beginning of the choice that the records after a question show to be right."""
    index = question["index"]
    if question["kind"] == "propose":
        ballot, slot = records[index]["fields"]["ballot"], records[index]["fields"]["slot"]
        proposed = next(
            each["m"]["block"]["h"]
            for each in records[index:]
            if each["k"] == "received"
            and each["m"]["k"] == "Accept"
            and (each["m"]["b"], each["m"]["block"]["s"]) == (ballot, slot)
        )
        return f"Block {proposed[:4]}"
    wanted = {"promise": "promised", "accept": "accepted"}[question["kind"]]
    for each in came_of(records, index):
        if each["k"] == wanted:
            return "Yes"
        if each["k"] in ("sent", "dropped") and each["m"]["k"] == "Nack":
            return "No"
    return None


def test_what_is_right_is_what_the_run_then_shows(simulated: ShownRun, open_run: Opener) -> None:
    """Each question's answer, against a computation from the same records that is written anew."""
    records = simulated.records
    found = ask(open_run(simulated), QUESTIONS)
    by_count: dict[int, list[Record]] = defaultdict(list)
    for question in found["all"]:
        by_count[question["count"]].append(question)
    disks, compared = Disks(), defaultdict(set)
    for count, record in enumerate(records, 1):
        disks.take(record)
        for question in by_count[count]:
            texts = [each["text"] for each in question["choices"]]
            right = [texts[at] for at in question["right"]]
            kind = question["kind"]
            if kind in ("promise", "accept", "propose"):
                wanted = answer_of_the_run(records, question)
                if wanted is None:
                    continue
                assert right[0].startswith(wanted), question
                compared[kind].add(wanted[:3])
            elif kind == "decided":
                slot = int(re.findall(r"slot (\d+)", question["text"])[0])
                assert right == [disks.decided(slot)], question
                compared[kind].add(right[0])
            elif kind == "power":
                assert right == [disks.held_text(disks.ink[record["i"]])], question
                compared[kind].add(record["k"])
            elif kind == "old":
                asked = {int(re.findall(r"\d+", text)[0]) for text in texts}
                old = {int(re.findall(r"\d+", text)[0]) for text in right}
                height = record["block"]["s"]
                assert old == {node for node in asked if disks.heights[node] < height}
                compared[kind].add(str(len(old)))
    assert compared["promise"] == compared["accept"] == {"Yes", "No"}
    assert len(compared["decided"]) == 3
    assert compared["power"] == {"promised", "accepted", "durable"}
    assert compared["propose"] == {"Blo"}
    assert len(compared["old"]) > 2
    assert {each["kind"] for each in found["asked"]} == set(compared) | {"who"}
    assert [each for each in found["all"] if each["broken"] >= 0] == []


def test_the_highest_report_binds_and_a_run_that_goes_otherwise_is_told(
    simulated: ShownRun, open_run: Opener
) -> None:
    """One of the reports that a leader got is changed into another block, of a higher ballot."""
    page = open_run(simulated)
    question = next(each for each in ask(page, QUESTIONS)["all"] if each["kind"] == "propose")
    changed = question["evidence"][0]
    higher = {**simulated.records[changed]["m"]["accepted"]}
    higher["b"] = [higher["b"][0] + 1, higher["b"][1]]
    higher["block"] = {**higher["block"], "h": "f" * 12}

    def change(records: list[Record]) -> list[Record]:
        records[changed]["m"]["accepted"] = higher
        return records

    asked = ask(open_run(simulated.changed(change)), QUESTIONS)["all"]
    other = next(each for each in asked if each["index"] == question["index"])
    assert len(other["choices"]) == len(question["choices"]) + 1
    assert other["choices"][other["right"][0]]["text"].startswith("Block ffff, which node ")
    assert other["evidence"] == [changed]
    proposed = simulated.records[other["broken"]]
    assert proposed["m"]["k"] == "Accept"
    assert proposed["m"]["b"] == simulated.records[question["index"]]["fields"]["ballot"]


def test_only_a_group_that_reaches_a_majority_can_decide(
    simulated: ShownRun, open_run: Opener
) -> None:
    found = ask(open_run(simulated), QUESTIONS)
    groups = [each for each in found["all"] if each["kind"] == "who"]
    seen = set()
    for question in groups:
        at = question["right"][0]
        text = question["choices"][at]["text"]
        count = len(re.findall(r"\d+", text))
        assert count >= 3 or text == "Nobody, for now."
        others = [each["text"] for each in question["choices"] if each["text"] != text]
        assert all(len(re.findall(r"\d+", other)) < 3 for other in others)
        seen.add(count >= 3)
    assert seen == {True, False}


def _show_question(page: Page, kind: str) -> dict[str, Any]:
    """Go to the first question of a kind, and return it."""
    script = """
        const { quiz, clock } = shown;
        const question = quiz.questions.find((each) => each.kind === it && quiz.isOpen(each));
        clock.seek(question.count - 1);
        return question;
    """
    question = ask(page, script, kind)
    page.get_by_role("button", name="Next question").click()
    expect(page.locator("#quiz legend")).to_have_text(question["text"])
    return dict(question)


def test_a_wrong_answer_meets_its_refutation_and_stands_on_the_sheet(
    simulated: ShownRun, open_run: Opener
) -> None:
    page = open_run(simulated, "", 390)
    panel = page.get_by_role("region", name="Predict first")
    expect(panel).to_be_hidden()
    switch = page.get_by_role("button", name="Predict", exact=True)
    switch.focus()
    page.keyboard.press("Enter")
    expect(switch).to_have_attribute("aria-pressed", "true")

    ask(page, "shown.clock.speed = 'quick';")
    page.get_by_role("button", name="Play (Space)").click()
    expect(panel.locator("legend")).to_be_visible()
    expect(page.get_by_role("button", name="Play (Space)")).to_be_visible()
    expect(page.locator(".headline")).to_be_hidden()
    panel.get_by_role("button", name="Skip").click()
    expect(panel.locator(".is-wrong")).to_have_text("Skipped.")
    expect(page.locator(".headline")).to_be_visible()

    question = _show_question(page, "propose")
    own = page.get_by_role("radio", name="A block of its own.")
    expect(panel.get_by_role("button", name="Answer", exact=True)).to_be_disabled()
    own.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(panel.locator(".misconception")).to_contain_text("“the newest value wins”?")
    expect(panel.get_by_role("button", name="Go on")).to_be_focused()
    expect(panel.locator(".answer-is")).to_contain_text("is the highest ballot")
    records = panel.get_by_role("list", name="The records that show it").get_by_role("button")
    expect(records).to_have_count(len(question["evidence"]))
    records.first.click()
    expect(page.locator(".why-chain > li")).to_have_count(1)
    assert ask(page, "return shown.clock.count;") == question["count"]
    picked = simulated.records[question["evidence"][0]]
    assert page.evaluate("location.hash").startswith(f"#at={picked['i']}.{picked['l']}.")

    question = _show_question(page, "accept")
    panel.get_by_role("radio").nth(question["right"][0]).check()
    panel.get_by_role("button", name="Answer", exact=True).click()
    expect(panel.locator(".is-right")).to_have_text("✓ Right.")

    _require_sheet(page, panel, question, simulated)
    switch.click()
    expect(panel).to_be_hidden()


def _require_sheet(page: Page, panel: Locator, question: Record, simulated: ShownRun) -> None:
    """Require a sheet, shown and downloaded, of one skipped, one wrong and one right answer."""
    panel.get_by_role("button", name="Sheet").click()
    sheet = page.get_by_role("dialog", name="Sheet")
    sheet.get_by_label("Name").fill("Ada <b>")
    expect(sheet.locator(".sheet-score")).to_have_text("Questions: 1 right, 1 wrong, 1 skipped.")
    rows = sheet.locator("tbody tr")
    expect(rows).to_have_count(3)
    assert [row.locator("td").last.text_content() for row in rows.all()] == [
        "skipped",
        "wrong",
        "right",
    ]
    with page.expect_download() as waiting:
        sheet.get_by_role("button", name="Download").click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert "Ada &lt;b&gt;" in text
    assert "A block of its own." in text
    assert question["text"] in text
    assert simulated.header["command"] in text
    sheet.get_by_role("button", name="Close").click()


def test_a_question_blocks_nothing(simulated: ShownRun, open_run: Opener) -> None:
    """Who goes on without an answer isn't stopped again by the same question."""
    page = open_run(simulated)
    page.get_by_role("button", name="Predict", exact=True).click()
    question = _show_question(page, "accept")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#page")).to_have_attribute("data-count", str(question["count"] + 1))
    expect(page.locator("#quiz").get_by_text(question["text"])).to_have_count(0)
    page.keyboard.press("End")
    expect(page.locator("#page")).to_have_attribute("data-count", str(len(simulated.records)))
