"""Hands on: the real demo, its page in a browser, and five processes that a click can kill."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benmo.cluster import StateDirectory
from benmo.control.attached_node import AttachedNode
from benmo.tape.trace_file import read_trace
from benmo.tape.world_records import DidRecord, ProcessEvent, ProcessRecord
from tests.demo.running_demos import QUICK, Place, leave, place, terminal
from tests.support.processes import eventually
from tests.support.terminals import Terminal
from tests.watch.live_pages import LivePage, opened
from tests.watch.shown_page import ask
from tests.watch.shown_page import place as place_of

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NODES = (1, 2, 3, 4, 5)


@dataclass
class HandsOn:
    """A demo in a terminal, and its page, open to one who may act."""

    place: Place
    shown: Terminal
    watch_address: str
    live: LivePage

    @property
    def hands(self) -> Any:
        return self.live.page.get_by_role("region", name="Hands on")

    def command(self, name: str) -> Any:
        return self.hands.get_by_role("button", name=name, exact=True)

    def click(self, name: str) -> None:
        self.command(name).click()

    def type(self, line: str) -> Any:
        """Type a line in the page; returns what the page shows of it."""
        self.hands.get_by_label("A line of the demo").fill(line)
        self.click("Do")
        last = self.hands.get_by_role("list", name="Lines done").locator("li").first
        expect(last.locator("button")).to_have_text(line)
        return last

    def answered(self, line: str, text: str | re.Pattern[str]) -> str:
        """See the answer to the last line in the page, and the line in the terminal."""
        last = self.hands.get_by_role("list", name="Lines done").locator("li").first
        expect(last.locator("button")).to_have_text(line)
        expect(last.locator("pre")).to_contain_text(text)
        eventually(lambda: f"page> {line}" in self.shown.all_text(), "it is shown in the terminal")
        return str(last.locator("pre").inner_text())

    def typed(self, line: str, text: str | re.Pattern[str]) -> str:
        """Type a line in the page, and see the answer to it."""
        self.type(line)
        return self.answered(line, text)


@contextmanager
def hands_on(browser: Browser, directory: Path) -> Iterator[HandsOn]:
    """Start a demo, and open its page; at the end nothing of it is left."""
    with place(directory) as here:
        with terminal(here, *QUICK) as shown:
            text = shown.wait_for(re.compile(r"To act there, too:\n +http\S+\n"))
            watch, act = (find(rf"{what}:\n +(\S+)", text) for what in ("watch", "too"))
            with opened(browser, act) as live:
                live.page.get_by_label("Speed").select_option("quick")
                yield HandsOn(here, shown, watch, live)
            leave(shown)
        here.until_nobody_is_left()


def find(pattern: str, text: str) -> str:
    """The group of a pattern's first match."""
    found = re.search(pattern, text, re.MULTILINE)
    assert found is not None, text
    return found[1]


def chains(here: Place) -> list[Any]:
    """Ask each node's process itself for its chain."""
    with ExitStack() as asked:
        nodes = [AttachedNode(StateDirectory(here.state), node) for node in NODES]
        for node in nodes:
            asked.callback(node.close)
        return [json.loads(node.run("printBlockchain", "json").output) for node in nodes]


def a_transfer_is_decided_on_five_processes(both: HandsOn) -> None:
    assert len(both.place.nodes()) == 5
    both.typed("1> moneyTransfer 7,1,2", "queued 1-1")
    eventually(lambda: all(chains(both.place)), "each node has a block")
    first, *others = chains(both.place)
    assert others == [first] * 4
    (block,) = first
    (transfer,) = block["transfers"]
    assert (transfer["amount"], transfer["debit_node"], transfer["credit_node"]) == (7, 1, 2)
    decided = both.live.page.locator(".lane .block.decided b").get_by_text("1", exact=True)
    expect(decided).to_have_count(5)


def a_transfer_is_put_together_from_fields(both: HandsOn) -> None:
    both.hands.get_by_label("Amount").fill("3")
    both.hands.get_by_label("From node").select_option("4")
    both.click("Pay")
    both.answered("4> moneyTransfer 3,4,2", "queued 4-1")
    eventually(lambda: {len(each) for each in chains(both.place)} == {2}, "another block")


def a_click_kills_the_real_process_and_another_starts_it_again(both: HandsOn) -> None:
    node = both.live.page.get_by_role("button", name=re.compile("^Node 4, "))
    told = both.typed("ls", "5 of 5 nodes answer")
    process = int(find(r"^ +4 +(\d+) ", told))
    assert process in both.place.nodes()
    node.click()
    kill, restart = both.command("Kill: kill 4"), both.command("Restart: restart 4")
    expect(kill).to_have_attribute("title", re.compile("memory is lost, the disk stays"))
    expect(restart).to_have_count(0)
    expect(both.command("Continue: continue 4")).to_have_count(0)
    kill.click()
    both.answered("kill 4", "node 4 is killed: memory is lost, the disk stays")
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    expect(node).to_have_accessible_name(re.compile("^Node 4, down"))
    expect(both.live.page.locator(".score")).to_contain_text(
        "So far 1 process that is known to have ended, and"
    )
    restart.click()
    both.answered("restart 4", "node 4 is up again")
    expect(restart).to_have_count(0)
    expect(node).not_to_have_accessible_name(re.compile("down"))
    assert len(both.place.nodes()) == 5
    assert process not in both.place.nodes()
    events = """
        const befell = shown.trace.records.filter((r) => r.k === 'process' && r.of === 4);
        return befell.map((r) => r.event).filter((each) => each !== 'not reached');
    """
    assert ask(both.live.page, events) == ["starts", "killed", "restarted"]


def in_a_partition_the_minority_says_that_it_is_one(both: HandsOn) -> None:
    page = both.live.page
    before = len(chains(both.place)[0])
    for name in ("None", "Node 1", "Node 2", "Part them from the rest: partition 1 2 | 3 4 5"):
        both.click(name)
    both.answered("partition 1 2 | 3 4 5", "only nodes 3, 4 and 5 can decide")
    expect(page.get_by_role("button", name="Link between 2 and 3, cut", exact=True)).to_be_visible()
    both.typed("1> moneyTransfer 1,1,2", "node 1 reaches 2 of 5, needs 3")
    expect(page.get_by_role("button", name=re.compile("^Node 1, .*reaches 2 of 5"))).to_be_visible()
    expect(page.locator("#ring .node-minority", has_text="reaches 2 of 5")).not_to_have_count(0)
    assert [len(chain) for chain in chains(both.place)] == [before] * 5
    both.click("Mend every link: heal")
    both.answered("heal", "every link is whole")
    both.typed("1> wait 60", "nothing waits in the queue")


def a_cut_shows_where_the_message_stopped(both: HandsOn) -> None:
    page = both.live.page
    link = page.get_by_role("button", name=re.compile("^Link between 2 and 5, "))
    link.click()
    who = "Node 2 wants to lead, and is killed as soon as node 5 has accepted its block."
    expect(both.command("Ambush 2: ambush 2 5")).to_have_attribute("title", who)
    both.click("Cut 5 → 2: cut 5 2 --one-way")
    both.answered("cut 5 2 --one-way", "what node 5 sends to node 2 is cut")
    expect(link).to_have_accessible_name("Link between 2 and 5, cut from 5 to 2")
    both.typed("duel 5 1", "want to lead at this moment")
    search = "return shown.trace.records.find((r) => r.k === 'dropped' && r.i === 5 && r.to === 2)"
    stopped = eventually(lambda: ask(page, search), "a message of node 5 to node 2 is lost")
    assert stopped["why"] == "cut"
    page.get_by_role("button", name="Pause (Space)").click()
    page.evaluate("(at) => { location.hash = `#at=${at}`; }", place_of(stopped))
    expect(page.locator(".message.lost .message-why").first).to_have_text("cut")
    page.get_by_role("button", name="Back to live").click()
    both.click("Slow: slow 2 5 300")
    both.answered("slow 2 5 300", "the link between 2 and 5 takes 300 ms, each way")
    slowed = "Link between 2 and 5, cut from 5 to 2, slowed: 300 ms"
    expect(link).to_have_accessible_name(slowed)
    expect(page.locator("#ring .link-delay", has_text="300 ms")).to_have_count(1)
    both.click("Mend: heal 2 5")
    both.answered("heal 2 5", "the link between 2 and 5 is whole")
    expect(link).to_have_accessible_name("Link between 2 and 5, up")


def what_is_for_the_terminal_alone_is_refused_to_the_page(both: HandsOn) -> None:
    for line in ("exit", "quit", "2> exit", "use 2", "3>", "tour", "page"):
        expect(both.type(line)).to_have_attribute("data-status", "refused")
        assert f"page> {line}" not in both.shown.all_text()
    assert both.shown.process.poll() is None


def one_who_may_only_watch_gets_no_buttons(both: HandsOn, browser: Browser) -> None:
    assert both.watch_address != both.live.address
    with opened(browser, both.watch_address) as live:
        expect(live.wire).to_contain_text("read-only")
        expect(live.page.locator("#hands, .link-button:visible")).to_have_count(0)
        what_was_shown_can_be_saved(live, both.place.state.parent / "run.jsonl.gz")


def what_was_shown_can_be_saved(live: LivePage, path: Path) -> None:
    """The trace holds all that the page does, and the page opens it."""
    page = live.page
    killed = "return shown.trace.records.some((r) => r.k === 'process' && r.event === 'killed');"
    eventually(lambda: ask(page, killed), "the page has the story")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_visible()
    with page.expect_download() as begun:
        save = "document.getElementById('save').click(); return shown.trace.length;"
        count = ask(page, save)
    assert begun.value.suggested_filename == path.name
    begun.value.save_as(path)
    header, taken = read_trace(path)
    records = list(taken)
    assert (header.source, header.nodes, len(records)) == ("live", NODES, count)
    assert any(isinstance(each, DidRecord) and each.line == "kill 4" for each in records)
    events = [each.event for each in records if isinstance(each, ProcessRecord) and each.of == 4]
    assert ProcessEvent.KILLED in events
    page.get_by_label("A trace").set_input_files(path)
    expect(page.locator("#about")).to_contain_text(path.name)
    expect(page.locator("#page")).to_have_attribute("data-length", str(count))
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_hidden()


def every_button_is_large_enough_for_a_finger(both: HandsOn) -> None:
    page = both.live.page
    page.set_viewport_size({"width": 390, "height": 844})
    both.click("Node 3")
    sizes = page.locator("#hands :is(button, input, select):visible").evaluate_all(
        "all => all.map((each) => [each.textContent, each.getBoundingClientRect().height])"
    )
    assert [each for each in sizes if each[1] < 44] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_page_of_the_demo_breaks_real_processes(browser: Browser, tmp_path: Path) -> None:
    """One story, for the demo and its page take some seconds to make.

    At the end, nothing was said in the console, and no request has left the machine: see `opened`.
    """
    with hands_on(browser, tmp_path) as both:
        a_transfer_is_decided_on_five_processes(both)
        a_transfer_is_put_together_from_fields(both)
        a_click_kills_the_real_process_and_another_starts_it_again(both)
        in_a_partition_the_minority_says_that_it_is_one(both)
        a_cut_shows_where_the_message_stopped(both)
        what_is_for_the_terminal_alone_is_refused_to_the_page(both)
        one_who_may_only_watch_gets_no_buttons(both, browser)
        every_button_is_large_enough_for_a_finger(both)
