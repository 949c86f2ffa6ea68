"""A trace that is made to do harm, dropped on the page: what its maker gets."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pytest

from tests.watch.shown_page import Opener, ShownRun, ask

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect

HEADER = json.dumps(
    {"benmo": "trace", "version": 1, "source": "live", "nodes": [1, 2, 3], "tenure": "block"}
)
NOTE = '{"k":"note","i":0,"l":0,"n":1,"t":0,"text":"%s"}'
PLANTED = '"__proto__":{"planted":1},"constructor":{"prototype":{"planted":1}}'
SCRIPT = "</script><script>window.planted = 1</script><img src=x onerror='window.planted = 1'>"
READ = """
    const { readTrace } = await import("benmo/records.js");
    try {
        return readTrace(it[0] + it[1].repeat(it[2])).records;
    } catch (error) {
        return error.message;
    }
"""


def packed(megabytes: int) -> bytes:
    """Empty lines, packed by gzip to a thousandth."""
    packing = zlib.compressobj(level=1, wbits=31)
    parts = [packing.compress(b"\n" * 1_000_000) for _ in range(megabytes)]
    return b"".join((*parts, packing.flush()))


def test_a_hostile_trace_plants_nothing_and_takes_no_more_than_its_share(
    simulated: ShownRun, open_run: Opener, tmp_path: Path
) -> None:
    page = open_run(simulated)

    # It is refused, and the run that was shown stays.
    bomb = tmp_path / "bomb.jsonl.gz"
    bomb.write_bytes(packed(201))
    assert bomb.stat().st_size < 2_000_000
    page.locator("#file").set_input_files(bomb)
    expect(page.get_by_role("alert")).to_have_text(f"{bomb.name}: the file is larger than 200 MB")
    line = NOTE % ""
    assert ask(page, READ, [f"{HEADER}\n", f"{line}\n", 1_000_001]) == "more than 1000000 records"
    deep = "[" * 16_000 + "]" * 16_000
    values = (deep, '{"toString":1}')
    for value in (
        *values,
        *(line.replace(old, each) for old in ('"note"', '""') for each in values),
    ):
        assert ask(page, READ, [f"{HEADER}\n", value, 1]).startswith("line 2: ")
    unknown = line.replace("{", '{"m":' + deep + ",", 1)
    assert ask(page, READ, [f"{HEADER}\n", unknown, 1]) == [json.loads(line) | {"c": 0}]
    expect(page.locator("#page")).to_have_attribute("data-length", str(len(simulated.records)))

    # It is shown, and is a text, and only what a trace holds.
    evil = tmp_path / "evil.jsonl"
    header = HEADER.replace("{", "{" + PLANTED + ",", 1)
    record = (NOTE % SCRIPT).replace("{", "{" + PLANTED + ',"at":"' + SCRIPT + '",', 1)
    evil.write_text(f"{header}\n{record}\n")
    page.locator("#file").set_input_files(evil)
    expect(page.locator("#page")).to_have_attribute("data-length", "1")
    page.keyboard.press("End")
    expect(page.locator(".headline")).to_contain_text(SCRIPT)
    assert page.evaluate("[window.planted, ({}).planted, Object.planted]") == [None] * 3
    expect(page.locator("img")).to_have_count(0)
    fields = ask(page, "return Object.keys(shown.trace.records[0]).sort();")
    assert fields == ["c", "i", "k", "l", "n", "t", "text"]
