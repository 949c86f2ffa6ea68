"""Hands on: the real demo, its page in a browser, and five processes that a click can kill."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

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


@dataclass
class HandsOn:
    """A demo in a terminal, and its page, open to one who may act."""

    place: Place
    shown: Terminal
    live: LivePage

    @property
    def hands(self) -> Any:
        return self.live.page.get_by_role("region", name="Hands on")

    def click(self, name: str) -> None:
        self.hands.get_by_role("button", name=name, exact=True).click()

    def type(self, line: str) -> None:
        self.hands.get_by_label("A line of the demo").fill(line)
        self.click("Do")

    def answered(self, line: str, text: str | re.Pattern[str]) -> None:
        """The page shows the answer to the last line, which the terminal has shown, too."""
        last = self.hands.get_by_role("list", name="Lines done").locator("li").first
        expect(last.locator("button")).to_have_text(line)
        expect(last.locator("pre")).to_contain_text(text)
        eventually(lambda: f"page> {line}" in self.shown.all_text(), "it is shown in the terminal")


@pytest.fixture(scope="module")
def both(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HandsOn]:
    with place(tmp_path_factory.mktemp("hands")) as here, terminal(here, *QUICK) as shown:
        text = shown.wait_for(lambda text: "hands on: http" in text)
        address = re.search(r"hands on: (\S+)", text)
        assert address is not None
        with opened(browser, address[1]) as live:
            yield HandsOn(here, shown, live)
        leave(shown)


def test_a_transfer_from_the_page_is_decided_on_five_processes(both: HandsOn) -> None:
    page = both.live.page
    assert len(both.place.nodes()) == 5
    both.hands.get_by_label("Amount").fill("7")
    both.click("Pay")
    both.answered("1> moneyTransfer 7,1,2", "queued 1-1")
    expect(page.locator(".lane .block.decided b").get_by_text("1", exact=True)).to_have_count(5)
    both.shown.enter("all printBalance all")
    both.shown.wait_for(re.compile(r"1 +93 .*"))


def test_a_click_kills_the_real_process_and_another_starts_it_again(both: HandsOn) -> None:
    page = both.live.page
    node = page.get_by_role("button", name=re.compile("^Node 4, "))
    both.type("ls")
    both.answered("ls", "5 of 5 nodes answer")
    told = both.hands.locator(".lines-done pre").first.inner_text()
    found = re.search(r"^ +4 +(\d+) ", told, re.MULTILINE)
    assert found is not None, told
    assert int(found[1]) in both.place.nodes()
    node.click()
    both.click("Kill: kill 4")
    both.answered("kill 4", "node 4 is killed: as after a power cut")
    with pytest.raises(ProcessLookupError):
        os.kill(int(found[1]), 0)
    expect(node).to_have_accessible_name(re.compile("^Node 4, down"))
    both.click("Restart: restart 4")
    both.answered("restart 4", "node 4 is up again")
    expect(node).not_to_have_accessible_name(re.compile("down"))
    assert len(both.place.nodes()) == 5


def test_in_a_partition_the_minority_says_that_it_is_one(both: HandsOn) -> None:
    page = both.live.page
    for name in ("None", "Node 1", "Node 2", "Part them from the rest: partition 1 2 | 3 4 5"):
        both.click(name)
    both.answered("partition 1 2 | 3 4 5", "only nodes 3, 4 and 5 can decide")
    expect(page.get_by_role("button", name="Link between 2 and 3, cut", exact=True)).to_be_visible()
    both.type("1> moneyTransfer 1,1,2")
    both.answered("1> moneyTransfer 1,1,2", "node 1 reaches 2 of 5, needs 3")
    expect(page.get_by_role("button", name=re.compile("^Node 1, .*reaches 2 of 5"))).to_be_visible()
    both.click("Mend every link: heal")
    both.answered("heal", "every link is whole")
    both.type("1> wait 60")
    both.answered("1> wait 60", "nothing waits in the queue")


def test_a_link_that_is_cut_one_way_shows_where_the_message_stopped(both: HandsOn) -> None:
    page = both.live.page
    link = page.get_by_role("button", name=re.compile("^Link between 2 and 5, "))
    link.click()
    both.click("Cut 5 → 2: cut 5 2 --one-way")
    both.answered("cut 5 2 --one-way", "what node 5 sends to node 2 is cut")
    expect(link).to_have_accessible_name("Link between 2 and 5, cut from 5 to 2")
    both.type("duel 5 1")
    both.answered("duel 5 1", "want to lead at this moment")
    find = "return shown.trace.records.find((r) => r.k === 'dropped' && r.i === 5 && r.to === 2)"
    stopped = eventually(lambda: ask(page, find), "a message of node 5 to node 2 is lost")
    assert stopped["why"] == "cut"
    page.get_by_role("button", name="Pause (Space)").click()
    page.evaluate("(at) => { location.hash = `#at=${at}`; }", place_of(stopped))
    expect(page.locator(".message.lost .message-why").first).to_have_text("cut")
    page.get_by_role("button", name="Back to live").click()
    both.click("Mend: heal 2 5")
    both.answered("heal 2 5", "the link between 2 and 5 is whole")
    expect(link).to_have_accessible_name("Link between 2 and 5, up")


def test_what_is_for_the_terminal_alone_is_refused_to_the_page(both: HandsOn) -> None:
    for line in ("exit", "quit", "2> exit", "use 2", "3>", "tour", "quiet"):
        both.hands.get_by_label("A line of the demo").fill(line)
        both.click("Do")
        last = both.hands.get_by_role("list", name="Lines done").locator("li").first
        expect(last).to_have_attribute("data-status", "refused")
        assert f"page> {line}" not in both.shown.all_text()
    assert both.shown.process.poll() is None


def test_one_who_may_only_watch_gets_no_buttons(both: HandsOn, browser: Browser) -> None:
    both.shown.enter("page")
    text = both.shown.wait_for(re.compile(r"benmo 1> page\n+watch: +http\S+#token=\S+"))
    address = re.findall(r"watch: +(\S+)", text)[-1]
    with opened(browser, address) as live:
        expect(live.wire).to_contain_text("read-only")
        expect(live.page.locator("#hands, .link-button:visible")).to_have_count(0)


def test_every_button_is_large_enough_for_a_finger(both: HandsOn) -> None:
    page = both.live.page
    page.set_viewport_size({"width": 390, "height": 844})
    both.click("Node 3")
    sizes = page.locator("#hands :is(button, input, select):visible").evaluate_all(
        "all => all.map((each) => [each.textContent, each.getBoundingClientRect().height])"
    )
    assert [each for each in sizes if each[1] < 44] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
