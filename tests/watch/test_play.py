"""Play in the page: a viewer is the network, and the prompt in the terminal sees what was done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benmo.play.script import run as run_script
from tests.support.processes import BENMO
from tests.support.terminals import Terminal
from tests.watch.live_pages import LivePage, opened
from tests.watch.shown_page import ask

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ADDRESS = re.compile(r"(watch|too):\n +(http\S+)$", re.MULTILINE)


@dataclass
class Played:
    """A sandbox at a prompt, and its page, open to one who may act."""

    shown: Terminal
    watch_address: str
    live: LivePage

    @property
    def play(self) -> Any:
        return self.live.page.get_by_role("region", name="Play")

    def node(self, number: int) -> Any:
        """The node in the ring; its name says how it is."""
        return self.live.page.get_by_role("button", name=re.compile(f"^Node {number}, "))

    def button(self, line: str) -> Any:
        """The button that sends a line."""
        return self.play.get_by_role("button", name=re.compile(f": {re.escape(line)}$"))

    def click(self, *lines: str) -> None:
        for line in lines:
            self.button(line).click()
            last = self.play.get_by_role("list", name="Lines done").locator("li").first
            expect(last.get_by_role("button")).to_have_text(line)
            expect(last).to_have_attribute("data-status", "done")

    def under_way(self, *messages: str) -> None:
        """See these messages in the list, each with its number, and in the ring."""
        items = self.play.get_by_role("list", name="Messages under way").get_by_role("listitem")
        texts = [re.compile(r"\s*".join(map(re.escape, each.split()))) for each in messages]
        expect(items).to_have_text(texts)
        in_ring = self.live.page.locator(".message .message-number")
        expect(in_ring.filter(has_text=re.compile(r"\d"))).to_have_count(len(messages))

    def is_at(self, place: int, command: str) -> None:
        """See that the tree says so: the run is at a place, after a command."""
        here = self.play.locator("[aria-current]")
        expect(here).to_have_accessible_name(f"Place {place}, {command}: go {place}")


@contextmanager
def played(browser: Browser, directory: Path) -> Iterator[Played]:
    command = (*BENMO, "play", "--page")
    with closing(Terminal(*command, columns=120, lines=50, cwd=directory)) as shown:
        text = shown.wait_for(re.compile(r"too:\n +http\S+#token=\S+\n"))
        addresses = dict(ADDRESS.findall(text))
        with opened(browser, addresses["too"]) as live:
            yield Played(shown, addresses["watch"], live)
        shown.type("\x04")
        assert shown.wait_exit() == 0


def test_a_leader_dies_and_its_block_is_taken_over_by_hand(
    browser: Browser, tmp_path: Path
) -> None:
    """The story of leader_dies_before_decide, and what would have been had a vote arrived."""
    with played(browser, tmp_path) as at:
        _the_story(at)
        _another_branch(at)
        _scenarios(at, tmp_path)
        _narrow(at.live.page)
        with opened(browser, at.watch_address) as watching:
            expect(watching.page.locator(".message-number").first).to_be_visible()
            expect(watching.page.locator("#hands")).to_have_count(0)


def _the_story(at: Played) -> None:
    page = at.live.page
    at.click("nodes 3", "pay 1 2 10")
    at.node(1).click()
    at.click("campaign 1")
    at.under_way("1 1 → 2 Prepare 1.1", "2 1 → 3 Prepare 1.1")
    expect(at.node(1)).to_have_accessible_name(re.compile("candidate 1/2"))

    # A click on a message in the ring leads to its buttons; from there, the keyboard is enough.
    page.locator('.message-button[data-number="1"]').click()
    expect(at.button("deliver 1")).to_be_focused()
    page.keyboard.press("Enter")
    at.under_way("2 1 → 3 Prepare 1.1", "3 2 → 1 Promise 1.1 height 0")
    expect(at.button("deliver 2")).to_be_focused()
    page.keyboard.press("Enter")
    at.click("deliver 3", "deliver 5", "deliver 6")
    expect(page.locator("#panel-ballots")).to_contain_text("decided, and nobody knows it yet")

    # The leader dies, and the votes are lost: this is typed at the prompt, and seen in the page.
    for line in ("crash 1 power", "drop Accepted *->1"):
        at.shown.enter(line)
    at.under_way("4 3 → 1 Promise 1.1 height 0")
    expect(at.node(1)).to_have_accessible_name(re.compile("^Node 1, down"))
    expect(page.locator(".message.lost .message-why").first).to_have_text("dropped")
    at.node(1).click()
    at.node(2).click()
    at.click("campaign 2", "deliver 10", "deliver 11")
    expect(page.locator("#panel-ballots")).to_contain_text("must take over 1.1’s block from 2, 3")
    at.click("settle")
    expect(at.node(3)).to_have_accessible_name(re.compile("height 1"))


def _another_branch(at: Played) -> None:
    """Back to where the votes were under way, and one of them arrives; and back to the end."""
    at.is_at(14, "settle")
    at.click("undo")
    expect(at.node(3)).to_have_accessible_name(re.compile("height 0"))
    expect(at.live.page.locator(".safety-chip")).to_have_count(6)
    at.click("go 8")
    at.is_at(8, "deliver Accept 1->3")
    at.live.page.keyboard.press("Home")
    expect(at.node(1)).to_have_accessible_name("Node 1, not known")
    at.click("deliver 7")
    expect(at.node(1)).to_have_accessible_name(re.compile("height 1"))
    at.is_at(15, "deliver Accepted 2->1")
    at.click("go 14")
    at.is_at(14, "settle")
    expect(at.node(1)).to_have_accessible_name(re.compile("^Node 1, down"))
    assert ask(at.live.page, _DIFFERENCES) == []
    at.shown.enter("branches")
    at.shown.wait_for("└ deliver Accepted 2->1")
    assert "page> deliver 7" in at.shown.all_text()


def _scenarios(at: Played, directory: Path) -> None:
    """What was played is saved, and holds; another scenario is opened."""
    page, path = at.live.page, directory / "mine.txt"
    with page.expect_download() as download:
        at.button("save").click()
    text = Path(download.value.path()).read_text()
    assert "= 2 accepted slot 1 in (2, 2): 1-1" in text
    assert run_script(text) == text
    path.write_text("nodes 5\npay 2 3 1\n----\n= 2 queued 2-1\n\n# And now:\ncampaign 2\n")
    page.get_by_label("A scenario").set_input_files(path)
    expect(at.node(2)).to_have_accessible_name(re.compile("candidate"))
    expect(at.node(5)).to_be_visible()


_DIFFERENCES = """
    const { differences } = await import("benmo/trace.js");
    return differences(shown.trace, 1);
"""


def _narrow(page: Any) -> None:
    """Where there is little room, all is large enough for a finger, and nothing sticks out."""
    page.set_viewport_size({"width": 390, "height": 844})
    sizes = page.locator("#hands :is(button, input, select):visible").evaluate_all(
        "all => all.map((each) => [each.textContent, each.getBoundingClientRect().height])"
    )
    assert len(sizes) > 20
    assert [each for each in sizes if each[1] < 44] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
