"""Pictures of the page, each of a run that is made for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benmo.labs.rerun import rerun, tasks, trace_bytes
from benmo.labs.table import LABS
from benmo.play.runner import PlayRunner
from tests.watch.shown_page import Opener, Record, ShownRun, ask, noticed, place

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_IS_WHOLE = "return shown.clock.count >= shown.clock.layers.countAt(shown.clock.layer);"
CHROMIUM = Path("/usr/bin/chromium")
SIZES = {1600: 900, 1000: 840, 390: 844}
"""The windows, in pixels: README shows the middle one; a narrow one is as high as its page."""
SCHEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Scene:
    """A moment of a run, as the page shows it.

    `is_it` says which record is wanted, of which the last one is shown: with all of its layer, but
    not if it `is_exact`. `view` is what a small window shows; `act` is done before the
    picture is taken.
    """

    make: Callable[[], ShownRun]
    is_it: Callable[[Record], bool]
    view: str
    act: Callable[[Page], None] = lambda _: None
    is_exact: bool = False


def played(*lines: str) -> Callable[[], ShownRun]:
    """Play these lines of the language of scenarios."""

    def make() -> ShownRun:
        runner = PlayRunner(is_whole=False)
        with TemporaryDirectory() as directory:
            path = Path(directory, "run.jsonl")
            for line in (*lines, f"record {path}"):
                assert not runner.run(line, "table").status, line
            return ShownRun(path.read_bytes())

    return make


def lab(number: int) -> Callable[[], ShownRun]:
    """Make the run of a lab, with its tasks."""

    def make() -> ShownRun:
        made = rerun(LABS[number - 1])
        return ShownRun(trace_bytes(made), tasks(LABS[number - 1], made))

    return make


def _message(kind: str, what: str, sender: int, to: int) -> Callable[[Record], bool]:
    """Whether a record tells that a message of this kind is sent, or received."""

    def is_it(record: Record) -> bool:
        if record["k"] != kind or record["m"]["k"] != what:
            return False
        way = (record["i"], record["to"]) if kind == "sent" else (record["from"], record["i"])
        return way == (sender, to)

    return is_it


def _lens(page: Page) -> None:
    page.get_by_role("button", name="Power-cut lens").click()


_BLOCKS = (
    *("nodes 5", "pay 1 2 10", "campaign 1", "settle"),
    *("pay 3 5 20", "campaign 3", "settle", "pay 2 1 5", "campaign 2", "settle"),
)
"""Three blocks of three leaders."""
_CHOSEN = (
    *("pay 1 2 30", "campaign 1", "deliver Prepare 1->*", "deliver Promise *->1"),
    *("deliver Accept 1->2", "deliver Accept 1->3"),
)
"""A block that a majority of five accepts, and of which nobody knows that it is decided."""
_PARTED = tuple(f"cut {a} {b}" for a in (1, 2) for b in (3, 4, 5))

SCENES = {
    "idle": Scene(played(*_BLOCKS, "advance 2"), lambda _: True, "chains"),
    "election": Scene(
        played(
            *(*_BLOCKS, "pay 4 2 15", "campaign 4", "deliver Prepare 4->1"),
            *("deliver Prepare 4->3", "deliver Promise 1->4", "settle"),
        ),
        _message("received", "Promise", 1, 4),
        "space",
    ),
    "duel": Scene(
        played(
            *(*_BLOCKS, "pay 1 2 10", "pay 5 4 20", "campaign 1", "deliver Prepare 1->*"),
            *("deliver Promise 2->1", "deliver Promise 3->1", "deliver Promise *->1"),
            *("campaign 5", "deliver Prepare 5->3", "deliver Prepare 5->4"),
            *("deliver Promise 3->5", "deliver Promise 4->5", "deliver Accept 1->2"),
            *("deliver Accept 1->4", "deliver Accept 1->3", "settle"),
        ),
        _message("sent", "Nack", 3, 1),
        "ballots",
    ),
    "takeover": Scene(
        played(
            *(*_BLOCKS, *_CHOSEN, "crash 1", "drop Accepted *->1", "drop Accept 1->*"),
            *("pay 5 4 25", "campaign 5", "deliver Prepare 5->3", "deliver Prepare 5->4"),
            *("deliver Promise 4->5", "deliver Promise 3->5", "settle"),
        ),
        noticed("ProposalMade"),
        "ballots",
    ),
    "partition": Scene(
        played(
            *(*_BLOCKS, *_PARTED, "pay 1 2 10", "pay 4 3 30", "campaign 4"),
            *("deliver Prepare 4->3", "deliver Prepare 4->5", "deliver Promise 3->4"),
            *("deliver Promise 5->4", "settle"),
        ),
        _message("received", "Promise", 5, 4),
        "disks",
    ),
    "lens": Scene(
        played(*_BLOCKS, *_CHOSEN, "settle"),
        lambda record: record["k"] == "accepted" and record["i"] == 3 and record["block"]["s"] == 4,
        "disks",
        _lens,
        is_exact=True,
    ),
    "lab": Scene(lab(7), lambda _: True, "chains"),
}
"""By the names of their pictures."""


def draw(browser: Browser, directory: Path, names: list[str]) -> None:
    """Write each scene's pictures into a directory: light and dark, wide and narrow."""
    with TemporaryDirectory() as pages:
        for name in names:
            scene = SCENES[name]
            run = scene.make()
            for width in SIZES:
                for scheme in SCHEMES:
                    opener = Opener(browser, Path(pages))
                    page = shown(opener, scene, run, width, scheme)
                    page.screenshot(path=directory / f"{name}-{width}-{scheme}.png")
                    assert opener.said == []
                    opener.close()


def shown(opener: Opener, scene: Scene, run: ShownRun, width: int, scheme: str) -> Page:
    """Open a scene's page at its moment."""
    record = [each for each in run.records if scene.is_it(each)][-1]
    fragment = f"#at={place(record)}&view={scene.view}"
    page = opener(run, fragment, width, color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": SIZES[width]})
    if not (scene.is_exact or ask(page, _IS_WHOLE)):
        page.keyboard.press("Shift+ArrowRight")
    scene.act(page)
    if width < 900:
        whole = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": whole})
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page
