"""The page as its viewers use it: keys, names, files, addresses, sizes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.watch.shown_page import Opener, Record, ShownRun, ask, place

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import Page, expect

VIEWS = ("disks", "ballots", "space", "chains", "safety")


def count_of(page: Page) -> int:
    return int(page.locator("#page").get_attribute("data-count") or 0)


def expect_count(page: Page, count: int) -> None:
    expect(page.locator("#page")).to_have_attribute("data-count", str(count))


def test_elements_keep_their_identity_over_a_thousand_records(
    simulated: ShownRun, open_run: Opener
) -> None:
    page = open_run(simulated)
    page.keyboard.press("Shift+ArrowRight")
    kept = "#ring .node, #ring .link, .node-button, .disks td, .lane, .checks > li, .control"
    page.evaluate("(kept) => { window.kept = [...document.querySelectorAll(kept)]; }", kept)
    before = page.evaluate("document.getElementsByTagName('*').length")
    while count_of(page) < 1_000:
        page.keyboard.press("Shift+ArrowRight")
    same = """(kept) =>
        [...document.querySelectorAll(kept)].every((each, at) => each === window.kept[at])"""
    assert page.evaluate("window.kept.length") > 50
    assert page.evaluate(same, kept)
    after = page.evaluate("document.getElementsByTagName('*').length")
    assert after < before + 900


def test_the_keyboard_alone_moves_time(simulated: ShownRun, open_run: Opener) -> None:
    page = open_run(simulated)
    starts = ask(page, "return shown.trace.layers.starts;")
    known = [each["k"] == "state" for each in simulated.records[:60]]
    expect_count(page, [at for at, is_state in enumerate(known, 1) if is_state][4])
    for key, count in (
        ("Home", 0),
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowLeft", 1),
        ("Home", 0),
        ("Shift+ArrowRight", starts[1]),
        ("Shift+ArrowRight", starts[2]),
        ("Shift+ArrowLeft", starts[1]),
        ("End", len(simulated.records)),
        ("Shift+ArrowLeft", starts[-1]),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        expect_count(page, count)
    page.keyboard.press("PageDown")
    expect(page.locator("#page")).not_to_have_attribute("data-count", "0")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Help")).to_be_hidden()


def test_space_plays_and_pauses(simulated: ShownRun, open_run: Opener) -> None:
    page = open_run(simulated)
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Pause (Space)")).to_be_visible()
    expect(page.locator("#page")).not_to_have_attribute("data-count", "0")
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Play (Space)")).to_be_visible()
    count = count_of(page)
    page.keyboard.press("ArrowRight")
    expect_count(page, count + 1)
    predict = page.get_by_role("button", name="Predict", exact=True)
    predict.click()
    page.get_by_role("slider").click()
    predict.click()
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Pause (Space)")).to_be_visible()
    expect(predict).to_have_attribute("aria-pressed", "false")


def test_the_slider_goes_over_all_that_was_recorded(simulated: ShownRun, open_run: Opener) -> None:
    page = open_run(simulated)
    slider = page.get_by_role("slider", name="Time, in steps")
    slider.focus()
    slider.press("End")
    expect_count(page, len(simulated.records))
    slider.press("Home")
    expect_count(page, 0)
    at = len(simulated.records) // 2
    time = simulated.records[at]["t"]
    page.get_by_label("Go to a time, in seconds").fill(str(time))
    page.keyboard.press("Enter")
    expect_count(page, sum(each["t"] <= time for each in simulated.records))


def test_a_screen_reader_hears_what_each_node_is(simulated: ShownRun, open_run: Opener) -> None:
    _, record = simulated.first(lambda each: each["k"] == "role" and each["now"] == "candidate")
    node = record["i"]
    page = open_run(simulated, f"#at={place(record)}", 900)
    ballot = ".".join(map(str, record["b"]))
    name = f"Node {node}, candidate 0/3, promised {ballot}, height 0, 1 queued"
    expect(page.get_by_role("button", name=name)).to_be_visible()
    page.get_by_role("button", name=name).focus()
    page.keyboard.press("ArrowDown")
    focused = page.evaluate("document.activeElement.ariaLabel")
    assert focused.startswith(f"Node {node % 5 + 1}, ")
    expect(page.get_by_role("tab")).to_have_count(5)
    expect(page.get_by_role("tab", name="Ballots")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("status")).to_have_count(1)
    expect(page.get_by_role("img")).to_have_count(0)
    row = page.get_by_role("row", name=f"{ballot} ")
    expect(row.get_by_role("button", name=f"node {node} promised {ballot}, not")).to_be_visible()


SHOWN = "button, select, input, summary, [tabindex='0']"


def test_the_keyboard_alone_reaches_all_that_can_be_used(
    simulated: ShownRun, open_run: Opener
) -> None:
    _, record = simulated.first(lambda each: each["k"] == "accepted")
    page = open_run(simulated, f"#at={place(record)}", 900)
    every = """(shown) => {
        const isShown = (each) => each.checkVisibility() && each.tabIndex >= 0 && !each.disabled;
        window.all = [...document.querySelectorAll(shown)].filter(isShown);
        return window.all.length;
    }"""
    count = page.evaluate(every, SHOWN)
    assert count > 30
    walked = []
    for _ in range(count):
        page.keyboard.press("Tab")
        walked.append(page.evaluate("window.all.indexOf(document.activeElement)"))
    assert walked == list(range(count))
    page.get_by_role("button", name="Why?").focus()
    page.keyboard.press("Enter")
    causes = page.locator(".why-chain .causes button")
    while not page.locator(".why-chain > li").last.inner_text().endswith("That was a timer."):
        length = page.locator(".why-chain > li").count()
        causes.last.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".why-chain > li")).to_have_count(length + 1)
    page.keyboard.press("Escape")
    expect(page.locator(".why-chain > li")).to_have_count(0)


def test_a_finger_finds_what_it_can_touch(simulated: ShownRun, open_run: Opener) -> None:
    """44 pixels each way, but for the marks of the ballot table, of which a cell has several."""
    _, record = simulated.first(lambda each: each["k"] == "accepted")
    page = open_run(simulated, f"#at={place(record)}", 390, is_mobile=True, has_touch=True)
    page.get_by_role("button", name="Why?").tap()
    sizes = """(shown) => [...document.querySelectorAll(shown)]
        .filter((each) => each.checkVisibility() && !each.matches('.mark'))
        .map((each) => [each.className || each.id, each.getBoundingClientRect()])
        .filter(([, box]) => Math.min(box.width, box.height) < 43.9)
        .map(([name, box]) => `${name} ${box.width} ${box.height}`)"""
    for view in VIEWS:
        page.locator(f"#tab-{view}").tap()
        assert page.evaluate(sizes, SHOWN) == [], view


@pytest.mark.parametrize("width", [390, 900, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_is_wider_than_the_window(
    simulated: ShownRun, open_run: Opener, width: int, scheme: str
) -> None:
    page = open_run(simulated, "#view=disks", width, color_scheme=scheme)
    for view in VIEWS:
        for key in ("Home", "End"):
            if width < 1400:
                page.locator(f"#tab-{view}").click()
            page.keyboard.press(key)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_reduced_motion_leaves_nothing_flying(simulated: ShownRun, open_run: Opener) -> None:
    _, record = simulated.first(lambda each: each["k"] == "sent")
    page = open_run(simulated, f"#at={place(record)}", reduced_motion="reduce")
    message = page.locator(".message").first
    expect(message).to_be_visible()
    where = message.get_attribute("transform")
    page.get_by_label("Speed").select_option("lecture")
    ask(page, "shown.clock.fraction = 0.9;")
    page.set_viewport_size({"width": 1500, "height": 900})
    expect(message).to_have_attribute("transform", str(where))


def test_an_address_points_at_a_moment(simulated: ShownRun, open_run: Opener) -> None:
    at, record = simulated.first(lambda each: each["k"] == "decided")
    page = open_run(simulated, f"#at={place(record)}&view=chains&slot=1", 900)
    expect_count(page, at + 1)
    expect(page.get_by_role("tab", name="Chains")).to_have_attribute("aria-selected", "true")
    page.locator(".block.decided").first.click()
    paid = record["block"]["transfers"][0]
    said = page.locator("#panel-chains").get_by_role("status")
    expect(said).to_contain_text(f"{paid['amount']} to node {paid['credit']}")
    page.keyboard.press("ArrowLeft")
    expect_count(page, at)
    before = simulated.records[at - 1]
    page.wait_for_url(f"**#at={place(before)}&view=chains&slot=1")
    page.evaluate("location.hash = 'at=9.9.9&view=<b>&slot=-1'")
    expect(page.get_by_role("alert")).to_have_text("This trace has no such moment.")
    expect_count(page, at)


def test_a_trace_is_opened_from_a_file(
    simulated: ShownRun, open_run: Opener, tmp_path: Path
) -> None:
    shorter = simulated.changed(lambda records: records[:500])
    packed = tmp_path / "shorter.jsonl.gz"
    packed.write_bytes(gzip.compress(shorter.trace))
    page = open_run(simulated)
    page.locator("#file").set_input_files(packed)
    expect(page.locator("#page")).to_have_attribute("data-length", "500")
    expect(page.locator("#about")).to_contain_text("shorter.jsonl.gz")
    page.keyboard.press("End")
    expect_count(page, 500)


def test_a_trace_is_opened_where_it_is_dropped(simulated: ShownRun, open_run: Opener) -> None:
    shorter = simulated.changed(lambda records: records[:300])
    page = open_run(simulated)
    drop = """(text) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([text], 'dropped.jsonl'));
        document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true }));
    }"""
    page.evaluate(drop, shorter.trace.decode())
    expect(page.locator("#page")).to_have_attribute("data-length", "300")


HEADER = {
    "benmo": "trace", "version": 1, "source": "live", "nodes": [1, 2, 3], "tenure": "block",
}  # fmt: skip
GOOD = {"k": "promised", "b": [1, 1], "i": 1, "l": 1, "n": 1, "t": 0.5}
WORLD = {"k": "process", "of": 2, "i": 0, "l": 0, "n": 1, "t": 0.5}
CUT = {"k": "cut", "fault": 1, "ways": [], "i": 0, "l": 0, "n": 1, "t": 0.5}
FOUND = {"k": "violation", "checker": "A", "sentence": "", "i": 0, "l": 0, "n": 1, "t": 0.5}
HOSTILE: dict[str, tuple[list[object], str]] = {
    "nothing": ([], "the file is empty"),
    "another file": ([{"name": "x"}], "benmo: this is not a trace of Benmo"),
    "a later version": ([HEADER | {"version": 99}], "the trace has version 99"),
    "no nodes": ([HEADER | {"nodes": []}], "no list of nodes"),
    "an unknown kind": ([HEADER, GOOD | {"k": "toString"}], "line 2: no such kind: toString"),
    "the kind of a prototype": ([HEADER, GOOD | {"k": "__proto__"}], "no such kind: __proto__"),
    "a ballot that is none": ([HEADER, GOOD | {"b": [1]}], "line 2: b: a ballot is missing"),
    "a ballot of text": ([HEADER, GOOD | {"b": ["1", 1]}], "a whole number is missing"),
    "a time of text": ([HEADER, GOOD | {"t": "0"}], "line 2: t: a number is missing"),
    "a number too great": ([HEADER, GOOD | {"n": 2**60}], "a whole number is missing"),
    "a field missing": ([HEADER, {"k": "promised"}], "i: a whole number is missing"),
    "a list": ([HEADER, [1, 2]], "no such kind"),
    "null": ([HEADER, None], "no such kind"),
    "a message that is none": (
        [HEADER, GOOD | {"k": "sent", "to": 2, "id": "1:0:1", "m": {"k": "constructor"}}],
        "no such kind: constructor",
    ),
    "an unknown event": ([HEADER, WORLD | {"event": "explodes"}], "event: no such word: explodes"),
    "a life too great": ([HEADER, WORLD | {"event": "killed", "of_life": 2**53}], "of_life: "),
    "a way of three": ([HEADER, CUT | {"ways": [[1, 2, 3]]}], "ways: a way is missing"),
    "a way of texts": ([HEADER, CUT | {"k": "healed", "ways": [["1", 2]]}], "ways: a whole number"),
    "half a place": ([HEADER, FOUND | {"about": [{"i": 1, "l": 1}]}], "about: n: a whole number"),
    "a line too long": ([HEADER, GOOD | {"x": "y" * 40_000}], "line 2 is too long"),
}


def test_what_is_no_trace_is_refused_with_its_line(
    simulated: ShownRun, open_run: Opener, tmp_path: Path
) -> None:
    page = open_run(simulated)
    page.keyboard.press("End")
    for number, (lines, words) in enumerate(HOSTILE.values()):
        bad = tmp_path / f"bad-{number}.jsonl"
        bad.write_text("".join(json.dumps(line) + "\n" for line in lines))
        page.locator("#file").set_input_files(bad)
        expect(page.get_by_role("alert")).to_contain_text(f"{bad.name}: ")
        expect(page.get_by_role("alert")).to_contain_text(words)
        expect_count(page, len(simulated.records))


def test_bytes_that_are_no_text_are_refused(
    simulated: ShownRun, open_run: Opener, tmp_path: Path
) -> None:
    page = open_run(simulated)
    for number, content in enumerate((b"\xff\xfe\x00", b"\x1f\x8b\x08broken")):
        bad = tmp_path / f"bad-{number}.gz"
        bad.write_bytes(content)
        page.locator("#file").set_input_files(bad)
        expect(page.get_by_role("alert")).to_contain_text(f"{bad.name}: the file is not")


def test_words_of_a_trace_are_never_html(simulated: ShownRun, open_run: Opener) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\">"

    def spoilt(records: list[Record]) -> list[Record]:
        for record in records:
            for where in (record, record.get("block", {}), record.get("m", {})):
                for transfer in where.get("transfers", []):
                    transfer["memo"] = evil[:40]
            if record["k"] == "noticed":
                record["text"] = evil
            if record["k"] == "process":
                record["status"] = evil
            if record["k"] == "world":
                record["text"] = evil
        return records

    page = open_run(simulated.changed(spoilt))
    for key in ["PageDown"] * 6 + ["Shift+ArrowRight"] * 20 + ["End"]:
        page.keyboard.press(key)
    page.get_by_role("button", name="Why?").click()
    expect(page.locator("img")).to_have_count(0)
    assert page.title() == "Watch Paxos happen"


def test_a_cut_is_seen_until_it_heals(simulated: ShownRun, open_run: Opener) -> None:
    place_ = {"i": 0, "l": 0, "t": simulated.records[-1]["t"]}
    ways = [[1, 3], [3, 1], [2, 4]]
    cut = {"k": "cut", "fault": 70, "ways": ways, "n": 1_000_000} | place_
    healed = {"k": "healed", "fault": 70, "ways": ways, "n": 1_000_001} | place_
    before = [each for each in simulated.records if each["k"] not in ("cut", "healed")]
    page = open_run(simulated.changed(lambda _: [*before, cut, healed]), f"#at={place(cut)}")
    marks = page.locator(".scissors:not(.absent)")
    expect(marks).to_have_count(2)
    for name in ("Link between 1 and 3, cut", "Link between 2 and 4, cut from 2 to 4"):
        expect(page.locator(f'.link-button[aria-label="{name}"]')).to_have_count(1)
    said = page.locator(".headline")
    expect(said).to_have_text("Nothing passes between 1 and 3; from 2 to 4")
    page.evaluate(f"location.hash = 'at={place(healed)}'")
    expect(said).to_have_text("Messages pass as ever between 1 and 3; from 2 to 4")
    expect(marks).to_have_count(0)
