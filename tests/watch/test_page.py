"""A recorded run in the page: the state, time, and what is said about them."""

from __future__ import annotations

import re

import pytest

from tests.watch.shown_page import Opener, Record, ShownRun, ask, noticed, place, sampled

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect

STATE = "return it.map((count) => JSON.stringify(shown.trace.state(count)));"


def test_playing_seeking_and_reopening_give_the_same_state(
    simulated: ShownRun, open_run: Opener
) -> None:
    counts = list(sampled(len(simulated.records)))
    page = open_run(simulated)
    script = "return (await import('benmo/trace.js')).differences(shown.trace, 1);"
    assert ask(page, script) == []
    again = open_run(simulated, "#view=disks", 390)
    assert ask(page, STATE, counts) == ask(again, STATE, counts)


def test_the_clock_plays_every_record_once_and_in_order(
    simulated: ShownRun, open_run: Opener
) -> None:
    page = open_run(simulated)
    script = """
        const { clock } = shown;
        const counts = [];
        clock.seek(0);
        clock.play();
        while (clock.isPlaying) {
            clock.pass(0.1);
            if (counts.at(-1) !== clock.count) counts.push(clock.count);
        }
        return { counts, starts: shown.trace.layers.starts };
    """
    found = ask(page, script)
    assert found["counts"][-1] == len(simulated.records)
    assert sorted(found["counts"]) == found["counts"]
    assert set(found["starts"][1:]) <= set(found["counts"])


def test_while_more_happens_than_is_recorded_the_page_draws_once_a_second(
    simulated: ShownRun, open_run: Opener
) -> None:
    script = """
        const { clock, trace } = shown;
        clock.seek(trace.length);
        clock.isLive = true;
        const found = [clock.patience];
        const node = Object.values(trace.head.nodes).find((each) => each.known);
        const { t } = trace.head;
        const [first, last] = [node.n + 1, node.n + 9];
        const place = { i: node.id, l: node.life, n: last, t, c: 0 };
        trace.append({ k: "gap", ...place, first, last, why: "" });
        found.push(clock.patience);
        trace.append({ k: "note", i: 0, l: 1, n: 1, t: t + 3, c: 0, text: "calm again" });
        return [...found, clock.patience];
    """
    assert ask(open_run(simulated), script) == [0, 1, 0]


def test_the_state_is_what_the_records_say(simulated: ShownRun, open_run: Opener) -> None:
    """Each node's height, balance and promise, against a fold that is written here anew."""
    heights: dict[int, int] = {}
    balances: dict[int, Record] = {}
    promised: dict[int, list[int]] = {}
    for record in simulated.records:
        node = record["i"]
        if record["k"] == "state":
            heights[node], balances[node] = record["height"], record["balances"]
            promised[node] = record["promised"]
        elif record["k"] == "decided":
            heights[node] = record["block"]["s"]
        elif record["k"] == "applied":
            balances[node] = record["balances"]
        elif record["k"] in ("promised", "accepted"):
            promised[node] = max(promised[node], record["b"])
    page = open_run(simulated)
    page.keyboard.press("End")
    expect(page.locator("#page")).to_have_attribute("data-count", str(len(simulated.records)))
    nodes = ask(page, "return shown.state.nodes;")
    up = [int(node) for node, state in nodes.items() if state["is"] == "up"]
    assert len(up) >= 3
    for node in up:
        state = nodes[str(node)]
        assert state["pencil"]["height"] == heights[node]
        assert state["pencil"]["promised"] == promised[node]
        assert {int(each): value for each, value in state["balances"].items()} == {
            int(each): value for each, value in balances[node].items()
        }


def test_no_message_arrives_in_the_layer_in_which_it_was_sent(
    simulated: ShownRun, open_run: Opener
) -> None:
    page = open_run(simulated)
    script = """
        const { layerOf } = shown.trace.layers;
        return [...shown.trace.receiptOf].map(([sent, got]) => [layerOf[sent], layerOf[got]]);
    """
    flights = ask(page, script)
    assert len(flights) > 300
    assert all(sent < got for sent, got in flights)


def test_every_why_leads_down_to_a_beginning(simulated: ShownRun, open_run: Opener) -> None:
    page = open_run(simulated)
    script = """
        const { why } = await import('benmo/why.js');
        const ends = {};
        for (let index = 0; index < shown.trace.length; index += 1) {
            let at = index;
            for (let steps = 0; ; steps += 1) {
                const { causes, end } = why(shown.trace, at);
                if (!causes.length || steps > 5000) {
                    ends[causes.length ? 'no end' : end] = at;
                    break;
                }
                at = causes.at(-1);
            }
        }
        return ends;
    """
    ends = ask(page, script)
    roots = {"That was a timer.", "That was a user.", "That was the world."}
    assert roots <= ends.keys()
    told = {"A node sees its connections come and go, and not why.", "Here its records begin."}
    told.add("That was a person.")
    beat = "Heartbeats are not recorded where they are sent."
    assert ends.keys() <= told | roots | {beat}
    if beat in ends:
        assert simulated.records[ends[beat]]["m"]["k"] == "Heartbeat"


def test_a_refusal_is_explained_by_the_promise_that_stood_against_it(
    simulated: ShownRun, open_run: Opener
) -> None:
    _, refusal = simulated.first(noticed("BallotRefused"))
    page = open_run(simulated, f"#at={place(refusal)}")
    page.get_by_role("button", name="Why?").click()
    round_, node = refusal["fields"]["promised"]
    page.get_by_role("button", name=f"node {refusal['i']} promises ballot {round_}.{node}").click()
    expect(page.locator(".why-chain > li")).to_have_count(2)
    expect(page.locator(".why-chain .rule").first).to_contain_text("refuses every lower one")

    script = """
        const { layers, records } = shown.trace;
        const refusals = records.flatMap(({ what }, at) => (what === 'BallotRefused' ? [at] : []));
        const two = (at, place) => layers.layerOf[at] === layers.layerOf[refusals[place - 1]];
        const at = refusals.find(two);
        shown.clock.seek(layers.countAt(layers.layerOf[at]));
        return records[at];
    """
    second = ask(page, script)
    page.keyboard.press("Escape")
    other = page.get_by_role("list", name="At the same time").get_by_role("button")
    other.filter(has_text=f"node {second['i']} refused").click()
    expect(page.locator(".headline")).to_contain_text(f"Node {second['i']} refused")


def test_a_leader_that_takes_a_block_over_is_bound_by_an_arrow(
    simulated: ShownRun, open_run: Opener
) -> None:
    at, proposal = simulated.first(
        lambda record: noticed("ProposalMade")(record) and record["fields"]["taken_over"][0] > 0
    )
    _, report = simulated.first(
        lambda record: noticed("BlockReported")(record) and record["t"] == proposal["t"]
    )
    page = open_run(simulated, f"#at={place(proposal)}&view=ballots")
    row = page.locator(f'[data-ballot="{".".join(map(str, proposal["fields"]["ballot"]))}"]')
    reporters = ", ".join(map(str, sorted(report["fields"]["reporters"])))
    expect(row.locator(".over")).to_contain_text(f"from {reporters}")
    expect(page.locator(".arrow")).to_have_count(len(report["fields"]["reporters"]))
    assert at > 0


def test_a_leader_is_bound_by_the_reports_it_had_when_it_proposed(
    simulated: ShownRun, open_run: Opener
) -> None:
    """Also at the end, when later promises have brought later reports."""
    wanted: dict[str, list[int]] = {}
    told: list[Record] = []
    for record in filter(lambda each: each["k"] == "noticed", simulated.records):
        if record["what"] == "BlockReported":
            told.append(record["fields"])
        elif record["what"] == "ProposalMade":
            if told:
                binding = max(told, key=lambda fields: list(fields["accepted_in"]))
                wanted[str(record["fields"]["ballot"])] = sorted(binding["reporters"])
            told = []
    page = open_run(simulated)
    script = """
        const { ballotTable } = await import('benmo/tables.js');
        const { trace } = shown;
        const found = {};
        for (const slot of trace.slots) {
            const { rows } = ballotTable(trace, slot, trace.length);
            for (const row of rows.filter((each) => each.from.length)) {
                found[`[${row.ballot.join(', ')}]`] = row.from;
            }
        }
        return found;
    """
    found = ask(page, script)
    assert len(wanted) > 5
    assert found == wanted


def test_a_block_is_decided_before_anybody_knows(simulated: ShownRun, open_run: Opener) -> None:
    page = open_run(simulated, "#view=ballots")
    script = """
        const { ballotTable } = await import('benmo/tables.js');
        return shown.trace.slots.map((slot) => {
            const { chosen, known } = ballotTable(shown.trace, slot, shown.trace.length);
            return [slot, chosen?.chosenAt ?? -1, Math.min(...known.values())];
        });
    """
    slots = ask(page, script)
    decided = [(slot, chosen, known) for slot, chosen, known in slots if chosen >= 0]
    assert len(decided) > 10
    assert all(chosen < known for _, chosen, known in decided)
    slot, chosen, known = decided[0]
    for count, words in ((chosen + 1, "nobody knows it yet"), (known + 1, "knows")):
        record = simulated.records[count - 1]
        page.evaluate(f"location.hash = 'at={place(record)}&view=ballots&slot={slot}'")
        expect(page.locator("tr.chosen .outcome")).to_contain_text(words)


def test_the_why_line_says_that_a_block_is_decided_before_anybody_knows(
    simulated: ShownRun, open_run: Opener
) -> None:
    page = open_run(simulated)
    choices = ask(page, "return [...shown.trace.checks.choices];")
    index, choice = choices[0]
    record = simulated.records[index]
    assert record["k"] == "durable"
    page.evaluate(f"location.hash = 'at={place(record)}'")
    said = f"Slot {choice['s']} is decided: a majority’s disks hold block {choice['h'][:4]}"
    expect(page.locator(".headline")).to_contain_text(said)
    page.get_by_role("button", name="Why?").click()
    votes = page.locator(".causes button", has_text="accepts a block")
    expect(votes).to_have_count(3)
    expect(page.locator(".causes button")).to_have_count(3)


def test_a_node_that_reaches_no_majority_says_so(simulated: ShownRun, open_run: Opener) -> None:
    _, missing = simulated.first(noticed("QuorumMissing"))
    fields = missing["fields"]
    page = open_run(simulated, f"#at={place(missing)}")
    name = re.compile(rf"^Node {missing['i']}, .*reaches {fields['reached']} of {fields['nodes']}")
    expect(page.get_by_role("button", name=name)).to_be_visible()
    due = ask(page, "return shown.trace.records[[...shown.trace.short.keys()].at(-1)];")
    page.evaluate(f"location.hash = 'at={place(due)}'")
    said = re.compile(
        r"election delay\. It reaches \d of 5 nodes: no majority(, \d+ times in \d+ s)?$"
    )
    expect(page.locator(".headline")).to_have_text(said)
    page.get_by_role("button", name="Why?").click()
    expect(page.locator(".why-chain .rule")).to_contain_text("That was a timer. A node that can’t")


def test_a_click_on_a_node_says_why_it_is_what_it_is(simulated: ShownRun, open_run: Opener) -> None:
    _, won = simulated.first(lambda each: each["k"] == "role" and each["now"] == "proposing")
    _, missing = simulated.first(noticed("QuorumMissing"))
    at, ended = simulated.first(
        lambda each: each["k"] == "process" and each["event"] in ("ends", "loses power")
    )
    page = open_run(simulated)
    for record, node, text, rule in (
        (won, won["i"], "leads with ballot", "Any two majorities share a node"),
        (missing, missing["i"], "queued, not decided: node", "Only a majority of all nodes"),
        (ended, ended["of"], f"node {ended['of']} {ended['event']}", "That was the world."),
    ):
        page.evaluate(f"location.hash = 'at={place(record)}'")
        page.locator(f'.node-button[aria-label^="Node {node},"]').click()
        expect(page.locator(".why-text")).to_contain_text(text)
        expect(page.locator(".why-chain .rule")).to_contain_text(rule)
        if record is missing:
            down = page.locator(".causes button", has_text=f"node {node}’s link to node")
            fields = record["fields"]
            expect(down).to_have_count(fields["nodes"] - fields["reached"])
        page.keyboard.press("Escape")
    assert at > 0


def test_what_is_not_durable_is_in_pencil_and_gone_under_the_lens(
    simulated: ShownRun, open_run: Opener
) -> None:
    _, promised = simulated.first(lambda record: record["k"] == "promised")
    page = open_run(simulated, f"#at={place(promised)}&view=disks", 900)
    row = page.locator(".disks tbody tr").nth(promised["i"] - 1)
    ballot = ".".join(map(str, promised["b"]))
    expect(row.locator(".pencil:not(.absent)").first).to_have_text(ballot)
    expect(row.locator(".ink").first).to_have_text("–")
    page.get_by_role("button", name="Power-cut lens").click()
    expect(row.locator(".pencil.gone").first).to_be_visible()
    _, after = simulated.first(
        lambda record: (
            record["k"] == "durable"
            and record["i"] == promised["i"]
            and record["upto"] >= promised["n"]
        )
    )
    hint = page.locator("#panel-disks .hint")
    expect(hint).not_to_contain_text("A decision")
    page.evaluate(f"location.hash = 'at={place(after)}&view=disks'")
    expect(row.locator(".ink").first).to_have_text(ballot)
    page.get_by_role("button", name="Power-cut lens").click()
    _, decided = simulated.first(lambda record: record["k"] == "decided")
    page.evaluate(f"location.hash = 'at={place(decided)}&view=disks'")
    expect(hint).to_contain_text("A decision is written with whatever has to be on the disk next")


def test_a_memo_stays_as_it_was_written(simulated: ShownRun, open_run: Opener) -> None:
    """Also one that looks like a ballot, which the page writes shorter than a prompt does."""
    paid = {"k": "noticed", "i": 3, "what": "TransferApplied", "text": "decided 3-1 (: (1, 2))"}
    told = {"k": "noticed", "i": 3, "what": "CampaignBegun", "text": "wants to lead: … (1, 2)"}
    script = "const { sentence } = await import('benmo/words.js'); return it.map(sentence);"
    assert ask(open_run(simulated), script, [paid, told]) == [
        "node 3 decided 3-1 (: (1, 2))",
        "node 3 wants to lead: … 1.2",
    ]


def test_a_cause_that_is_missing_is_said_to_be(simulated: ShownRun, open_run: Opener) -> None:
    at, promised = simulated.first(lambda record: record["k"] == "promised")
    cause = promised["c"]
    torn = simulated.changed(
        lambda records: [
            each
            for each in records
            if (each["i"], each["l"], each["n"]) != (promised["i"], promised["l"], cause)
        ]
    )
    page = open_run(torn, f"#at={place(promised)}")
    page.get_by_role("button", name="Why?").click()
    expect(page.locator(".why-chain .rule")).to_have_text("The cause was not recorded.")
    assert at > 0


def test_a_picked_record_keeps_its_cone_and_the_rest_fades(
    simulated: ShownRun, open_run: Opener
) -> None:
    _, decided = simulated.first(lambda record: record["k"] == "decided")
    page = open_run(simulated, f"#at={place(decided)}&view=space", 900)
    expect(page.locator(".faded")).to_have_count(0)
    page.locator(".event.is-accepted").first.click()
    said = re.compile(r"^Led to it: \d+ records\. Came of it: [1-9]\d*\.$")
    expect(page.locator("#panel-space .hint")).to_have_text(said)
    expect(page.locator(".faded").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".faded")).to_have_count(0)
    _, lost = simulated.first(
        lambda each: each["k"] == "dropped" and abs(each["to"] - each["i"]) > 1
    )
    page.evaluate(f"location.hash = 'at={place(lost)}&view=space'")
    where = """(to) => {
        const group = [...document.querySelectorAll('.flight-group.lost')]
            .find((each) => each.querySelector('.lost-to').textContent === `to ${to}`);
        const { x1, x2 } = group.querySelector('line');
        const [a, b] = [...document.querySelectorAll('.thread')].map(({ x1 }) => x1.baseVal.value);
        return Math.abs(x2.baseVal.value - x1.baseVal.value) / (b - a);
    }"""
    expect(page.locator(".flight-group.lost").first).to_be_visible()
    assert 0 < page.evaluate(where, lost["to"]) < 1


def test_records_that_come_one_by_one_give_the_same_state(
    simulated: ShownRun, open_run: Opener
) -> None:
    """What a running cluster sends is shown as it comes; who looks back stays where they are."""
    counts = list(sampled(len(simulated.records)))
    whole = open_run(simulated)
    page = open_run(simulated)
    feed = "const { follow, extend } = await import('benmo/app.js');"
    ask(page, f"{feed} follow(it[0]); extend(it[1]);", [simulated.header, simulated.records[:100]])
    expect(page.get_by_role("button", name="Pause (Space)")).to_be_visible()
    page.keyboard.press("Home")
    ask(page, f"{feed} extend(it);", simulated.records[100:])
    expect(page.locator("#page")).to_have_attribute("data-length", str(len(simulated.records)))
    expect(page.locator("#page")).to_have_attribute("data-count", "0")
    expect(page.locator(".time")).to_have_text(re.compile(r"^showing \d+ s ago$"))
    assert ask(page, STATE, counts) == ask(whole, STATE, counts)


def test_a_node_that_is_not_reached_is_not_known(simulated: ShownRun, open_run: Opener) -> None:
    """Who records real nodes can't tell a dead one from one that can't be reached."""
    silent = {"k": "process", "of": 2, "event": "not reached"}
    silent |= {"i": 0, "l": 0, "n": 1_000_000, "t": simulated.records[-1]["t"]}
    page = open_run(simulated.changed(lambda records: [*records, silent]))
    page.keyboard.press("End")
    expect(page.get_by_role("button", name="Node 2, not reached")).to_be_visible()
    expect(page.locator(".headline")).to_contain_text("Node 2 is not reached any more: nobody")
    script = """
        const { tell } = await import('benmo/words.js');
        const { records } = shown.trace;
        const isNew = (_, at) => tell(shown.trace, at).endsWith('another process than before');
        return records.filter(isNew).map(({ i, l }) => [i, l]);
    """
    choices = ask(page, "return [...shown.trace.checks.choices.keys()];")
    states = [each for each in simulated.records if each["k"] == "state" and each["n"] == 1]
    lives = {(each["i"], each["l"]) for each in states}
    again = [
        (each["i"], each["l"])
        for each in states
        if any((each["i"], life) in lives for life in range(each["l"]))
        and simulated.records.index(each) not in choices
    ]
    assert again
    assert [(i, life) for i, life in ask(page, script)] == again


def test_of_too_long_a_trace_the_older_half_is_let_go(
    simulated: ShownRun, open_run: Opener
) -> None:
    page = open_run(simulated)
    script = """
        const { appendTo } = await import('benmo/live.js');
        const { Trace } = await import('benmo/trace.js');
        const grown = new Trace(shown.trace.header);
        const kept = appendTo(grown, it.slice(0, 1000), 1000);
        const { trace, first } = appendTo(kept.trace, it.slice(1000), 1000);
        return [kept.first, first, trace.length, trace.records[0].n];
    """
    records = simulated.records[:1200]
    assert ask(page, script, records) == [0, 700, 500, records[700]["n"]]


def test_one_who_is_far_behind_sees_catching_up_as_a_sum(
    simulated: ShownRun, open_run: Opener
) -> None:
    """While the page hurries, it stops at each layer but those in which nodes only catch up."""
    page = open_run(simulated)
    script = """
        const { follow, extend } = await import('benmo/app.js');
        const { passedText } = await import('benmo/live.js');
        follow(it[0]);
        extend(it[1]);
        const { clock, trace } = (await import('benmo/app.js')).shown();
        clock.seek(0);
        clock.play();
        const [shownAt, counts] = [new Set(), []];
        let [hurried, passed] = [0, ''];
        while (clock.isHurrying) {
            clock.pass(0.05);
            shownAt.add(clock.layer);
            if (!clock.isHurrying) break;
            [hurried, passed] = [clock.layer, passedText(clock.passed)];
        }
        const all = trace.records.map((_, index) => trace.layers.layerOf[index]);
        return { layers: all, shownAt: [...shownAt], hurried, passed };
    """
    found = ask(page, script, [simulated.header, simulated.records])
    places = {(each["i"], each["l"], each["n"]): each for each in simulated.records}
    busy: set[int] = set()
    blocks: dict[int, int] = {}
    for layer, record in zip(found["layers"], simulated.records, strict=True):
        cause = places.get((record["i"], record["l"], record.get("c", 0)), {})
        message = (record.get("m") or cause.get("m") or {}).get("k")
        is_effect = record["k"] in ("decided", "applied", "durable", "timer", "sent", "received")
        is_effect |= record.get("what") == "CaughtUp"
        if not (is_effect and message in ("Heartbeat", "Behind", "Blocks")):
            busy.add(layer)
        if record["k"] == "received" and record["m"]["k"] == "Blocks":
            blocks[layer] = blocks.get(layer, 0) + record["m"]["count"]
    left_out = set(range(1, found["hurried"])) - set(found["shownAt"])
    assert len(left_out) > 5
    assert left_out & busy == set()
    summed = sum(count for layer, count in blocks.items() if layer in left_out)
    assert f"{summed} blocks caught up" in found["passed"]
