"""Records that are missing: what the page then says that it doesn't know."""

from __future__ import annotations

import pytest

from tests.watch.shown_page import Opener, ShownRun, ask, place

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect


def test_a_gap_makes_things_not_known(simulated: ShownRun, open_run: Opener) -> None:
    at, _ = simulated.first(lambda record: record["k"] == "accepted")
    node = simulated.records[at]["i"]
    lost = [each for each in range(at, at + 60) if simulated.records[each]["i"] == node][:3]
    torn = simulated.changed(
        lambda records: [each for place_, each in enumerate(records) if place_ not in lost]
    )
    after = next(each for each in simulated.records[lost[-1] + 1 :] if each["i"] == node)
    page = open_run(torn, f"#at={place(after)}")
    expect(page.get_by_role("button", name=f"Node {node}, not known")).to_be_visible()
    expect(page.locator(".safety-chip.unknown").first).to_be_visible()
    expect(page.locator(".safety-chip.holds")).to_have_count(0)
    expect(page.locator(".score")).to_contain_text("Records are missing in 1 place")
    gap = {"k": "gap", "i": 3, "first": 11, "last": 20, "why": "they were read too late"}
    said = ask(page, "return (await import('benmo/words.js')).sentence(it);", gap)
    assert said == "10 records of node 3 are not shown: they were read too late"
    whole = open_run(simulated, f"#at={place(after)}")
    expect(whole.locator(".safety-chip.holds").first).to_be_visible()
    expect(whole.locator(".safety-chip.unknown")).to_have_count(0)


def test_a_node_whose_beginning_is_lost_is_known_from_its_next_state(
    simulated: ShownRun, open_run: Opener
) -> None:
    page = open_run(simulated)
    script = """
        const { begin, step } = await import('benmo/fold.js');
        const { i, l, n, t, ...rest } = shown.trace.records.find((each) => each.k === 'state');
        const lost = { k: 'gap', i, l, n, t, first: n, last: n, why: 'too late' };
        const records = [lost, { i, l, n: n + 1, t, ...rest }];
        const state = records.reduce(step, begin(shown.trace.header));
        return [state.nodes[i].known, state.nodes[i].member === rest.member, state.aside];
    """
    assert ask(page, script) == [True, True, {}]


def test_what_a_node_got_in_a_gap_is_not_said_to_be_lost(
    simulated: ShownRun, open_run: Opener
) -> None:
    at, lost = simulated.first(lambda record: record["k"] == "accepted")
    node = lost["i"]
    gap = {key: lost[key] for key in "ilnt"} | {"k": "gap", "why": "they were read too late"}
    gap |= {"first": lost["n"], "last": lost["n"]}
    torn = simulated.changed(
        lambda records: [
            *records[:at],
            gap,
            *(each for each in records[at:] if each["i"] != node),
        ]
    )
    script = """
        const { windowOf } = await import("benmo/window.js");
        const { trace } = shown;
        const found = new Set();
        const columns = new Map(trace.header.nodes.map((id) => [id, 0]));
        for (let count = it[0]; count < it[0] + 300; count += 10) {
            const layer = trace.layers.at(count);
            const moment = { trace, count, layer, state: trace.state(count) };
            const { lines } = windowOf(moment, columns);
            for (const line of lines)
                if (line.to === it[1] && line.index > it[0]) found.add(line.lost);
        }
        return [...found];
    """
    found = ask(open_run(torn), script, [at, node])
    assert "" in found
    assert "not received" not in found
