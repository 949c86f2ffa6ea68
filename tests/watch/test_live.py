"""A cluster that runs, in the page: five real processes, `benmo watch`, and a browser."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace

from benmo.tape.records import Header, StateRecord
from benmo.tape.trace_file import decode_record
from benmo.tape.world_records import NoteRecord
from benmo.watch.server import PageServer
from tests.support.processes import BENMO, DEADLINE_S, end_process, environment, eventually
from tests.support.real_cluster import RealCluster
from tests.watch.live_pages import LivePage, opened
from tests.watch.shown_page import ShownRun, ask

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NODES = (1, 2, 3, 4, 5)


@dataclass
class Watched:
    """A cluster that `benmo watch` shows in a page."""

    cluster: RealCluster
    program: subprocess.Popen[bytes]
    live: LivePage


@pytest.fixture
def watched(browser: Browser, tmp_path: Path) -> Iterator[Watched]:
    """Five nodes of which the fifth isn't up yet."""
    with RealCluster(tmp_path, tenure="stable") as cluster:
        cluster.start(1, 2, 3, 4)
        program = subprocess.Popen(
            [*BENMO, "watch", *cluster.state_option],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
        )
        try:
            assert program.stdout is not None
            program.stdout.readline()
            address = program.stdout.readline().decode().strip()
            with opened(browser, address) as live:
                yield Watched(cluster, program, live)
        finally:
            end_process(program)


def lanes(live: LivePage, slot: int) -> Any:
    """The nodes' chains that show this slot as decided."""
    return live.page.locator(".lane .block.decided", has=live.page.locator(f'b:text-is("{slot}")'))


PLANT = (
    "document.body.append(Object.assign(document.createElement('script'), {text: 'planted = 1'}))"
)


def the_page_that_the_server_sends_is_under_its_policy(watched: Watched) -> None:
    live = watched.live
    assert live.first.headers["content-security-policy"].startswith("default-src 'none'")
    live.page.evaluate(f"() => {PLANT}")
    assert live.page.evaluate("window.planted") is None
    (refusal,) = live.said
    assert "violates the following Content Security Policy directive" in refusal
    live.said.clear()
    token = live.address.partition("token=")[2]
    assert len(token) == 43
    assert "token" not in live.page.url
    assert live.page.evaluate("sessionStorage.getItem('benmo-token')") == token
    expect(live.wire).to_have_text("Connected: live, read-only.")


def a_node_that_is_not_heard_is_named_with_the_reason(watched: Watched) -> None:
    live = watched.live
    expect(live.page.locator("#silent")).to_contain_text("Not heard: node 5 is not running at")
    watched.cluster.start(5)
    expect(live.page.locator("#silent")).to_be_hidden()
    watched.cluster.until_linked()


def a_transfer_asked_of_a_node_is_seen_decided(watched: Watched) -> None:
    live, cluster = watched.live, watched.cluster
    cluster.ask(1, "moneyTransfer 10,1,2")
    assert cluster.ask(1, "wait 60")["outcome"] == "decided"
    expect(lanes(live, 1)).to_have_count(5)
    expect(live.page.locator(".lane .money")).to_have_text(
        ["has 90", "has 110", "has 100", "has 100", "has 100"]
    )


def elements_stay_the_same_over_a_thousand_records(watched: Watched) -> None:
    live, cluster = watched.live, watched.cluster
    script = """
        const kept = "#ring .node, .node-button, .disks tr, .lane, .safety-chip, .control, #wire";
        window.kept = [...document.querySelectorAll(kept)];
        return [window.kept.length, shown.trace.length];
    """
    elements, before = ask(live.page, script)
    assert elements > 30
    slot = 1
    is_there = "return shown.trace.decidedAt.has(it);"
    while ask(live.page, "return shown.trace.length;") < before + 1_000:
        slot += 1
        cluster.ask(1, "moneyTransfer 1,1,2")
        assert cluster.ask(1, "wait 60")["outcome"] == "decided"
        # Records come every 50 ms: so no node makes more of them in a second than it may.
        eventually(partial(ask, live.page, is_there, slot), "the page has the block")
    live.page.get_by_role("button", name="Back to live").click()
    expect(lanes(live, slot)).to_have_count(5)
    assert ask(live.page, "return window.kept.every((each) => each.isConnected);")
    script = "return (await import('benmo/trace.js')).differences(shown.trace, 7);"
    assert ask(live.page, script) == []
    assert ask(live.page, "return shown.trace.gaps.length;") == 0


def a_page_that_is_loaded_anew_begins_with_what_was_before(watched: Watched) -> None:
    live = watched.live
    count = ask(live.page, "return shown.trace.length;")
    live.page.reload()
    expect(live.wire).to_have_text("Connected: live, read-only.")
    expect(live.page.locator(".lane .block.decided")).not_to_have_count(0)
    assert ask(live.page, "return shown.trace.length;") >= count
    assert ask(live.page, "return shown.clock.isPlaying && shown.clock.isAtEnd;")
    live.page.keyboard.press("Home")
    expect(live.page.locator("#page")).to_have_attribute("data-count", "0")
    assert "at=" not in live.page.url or "token" not in live.page.url
    live.page.get_by_role("button", name="Back to live").click()
    expect(live.page.locator("#page")).not_to_have_attribute("data-count", "0")


def a_killed_node_is_seen_to_be_gone(watched: Watched) -> None:
    live = watched.live
    watched.cluster.kill(5)
    expect(live.page.locator("#silent")).to_contain_text("node 5 is not running at")
    expect(live.page.get_by_role("button", name="Node 5, not reached")).to_be_visible()


def a_page_says_that_its_server_is_gone(watched: Watched) -> None:
    """Nothing is shown live any more. The browser logs each attempt to connect."""
    watched.program.send_signal(signal.SIGINT)
    assert watched.program.wait(DEADLINE_S) == 0
    expect(watched.live.wire).to_contain_text("Not connected; trying again.")
    watched.live.page.close()
    refused = "WebSocket connection to"
    assert all(each.startswith(refused) for each in watched.live.said)
    watched.live.said.clear()


def test_a_cluster_that_runs_is_shown_as_it_works(watched: Watched) -> None:
    """One story, for the cluster and its page take some seconds to make."""
    the_page_that_the_server_sends_is_under_its_policy(watched)
    a_node_that_is_not_heard_is_named_with_the_reason(watched)
    a_transfer_asked_of_a_node_is_seen_decided(watched)
    elements_stay_the_same_over_a_thousand_records(watched)
    a_page_that_is_loaded_anew_begins_with_what_was_before(watched)
    a_killed_node_is_seen_to_be_gone(watched)
    a_page_says_that_its_server_is_gone(watched)


# A server in this process, and records that a test has made.

FILL = 10_000
"""How many long notes come before and after the records that are to be lost: 40 MB."""


def test_a_page_that_is_stopped_sees_a_gap_as_a_gap(browser: Browser, simulated: ShownRun) -> None:
    """While the page does nothing for two seconds, more records come than are kept for it."""
    first, *lines = simulated.trace.splitlines()
    records = [decode_record(line) for line in lines[:600]]
    seen, lost, after = records[:300], records[300:400], records[400:]
    server = PageServer(msgspec.json.decode(first, type=Header), records_max=1_000)
    server.start()

    def put() -> None:
        for number in range(1, 2 * FILL + 1):
            time = lost[0].time if number <= FILL else lost[-1].time
            server.put(NoteRecord(node=0, life=9, number=number, time=time, text="a" * 3_900))
            if number == FILL:
                for record in lost:
                    server.put(record)
        for record in after:
            server.put(record)

    with closing(server):
        for record in seen:
            server.put(record)
        with opened(browser, server.address) as live:
            eventually(lambda: ask(live.page, "return shown.trace.length;") == 300, "300 records")
            putting = Thread(target=put)
            putting.start()
            while putting.is_alive():
                live.page.evaluate(f"() => {STAND_STILL}")
            putting.join()
            expect(live.wire).to_contain_text("records are missing: this page read too slowly")
            gaps = "return shown.trace.records.filter((each) => each.k === 'gap');"
            found = {each["i"]: each for each in ask(live.page, gaps)}
            for node in {each.node for each in lost} - {0}:
                before = max(each.number for each in seen if each.node == node)
                missing = max(each.number for each in lost if each.node == node)
                assert (found[node]["first"], found[node]["last"]) == (before + 1, missing)
            node = max(found)
            eventually(lambda: is_last(live, after[-1].time), "all records have come")
            live.page.get_by_role("button", name="Back to live").click()
            expect(live.page.get_by_role("button", name=f"Node {node}, not known")).to_be_visible()
            state = next(each for each in seen if each.node == node)
            assert isinstance(state, StateRecord)
            number = 1 + max(each.number for each in records if each.node == node)
            server.put(replace(state, number=number, time=after[-1].time))
            name = re.compile(rf"^Node {node}, .*promised")
            expect(live.page.get_by_role("button", name=name)).to_be_visible()


STAND_STILL = "{ const end = performance.now() + 2000; while (performance.now() < end); }"


def is_last(live: LivePage, time: float) -> bool:
    return bool(ask(live.page, f"return shown.trace.head.t === {time};"))


def test_nothing_of_a_record_is_read_as_html(browser: Browser, simulated: ShownRun) -> None:
    first, *lines = simulated.trace.splitlines()
    server = PageServer(msgspec.json.decode(first, type=Header))
    server.start()
    hostile = "</script><img src=x onerror=alert(1)><b id=planted>"
    with closing(server):
        for line in lines[:200]:
            server.put(decode_record(line))
        server.put(NoteRecord(node=0, life=9, number=1, time=1e6, text=hostile))
        server.say(1, hostile)
        with opened(browser, server.address) as live:
            expect(live.page.locator(".headline")).to_contain_text(hostile)
            expect(live.page.locator("#silent")).to_have_text(f"Not heard: {hostile}")
            assert live.page.locator("#planted").count() == 0
            server.put(NoteRecord(node=0, life=9, number=2, time=1e6, text="a" * 5_000))
            expect(live.wire).to_contain_text("The server sent what this page doesn’t know")
            expect(live.page.locator(".headline")).to_contain_text(hostile)


def test_a_page_without_the_token_says_what_it_needs(browser: Browser) -> None:
    server = PageServer(Header("trace", 1, "live", NODES, "block"))
    server.start()
    with closing(server):
        page = browser.new_page()
        page.goto(server.address.partition("#")[0])
        expect(page.locator("#wire")).to_contain_text("needs the whole address that was printed")
        page.close()
