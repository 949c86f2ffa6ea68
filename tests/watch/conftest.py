"""A browser, and simulated runs for the page to show."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benmo.sim.draw import FAULTS_S
from benmo.sim.recording import recorded
from benmo.sim.run import run
from benmo.sim.seeds import Study
from benmo.sim.trace import Trace
from tests.watch.shown_page import Opener, ShownRun

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, with no way to any other machine.

    It ends with this package: while it runs, its event loop is this thread's, and no other test's
    could run.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there: Debian's package chromium is not installed")
    with playwright.sync_playwright() as driver:
        quiet = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", quiet])
        with closing(chromium):
            yield chromium
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> ShownRun:
    """A run with crashes, duels and blocks that are taken over."""
    path = tmp_path_factory.mktemp("run") / "run.jsonl"
    study = Study(5, None, FAULTS_S)
    plan = study.plan(17)
    with recorded(path, plan, study.options(5)) as recording:
        result = run(plan, Trace(recording=recording))
    assert result.violation is None
    return ShownRun(path.read_bytes())


@pytest.fixture
def open_run(browser: Browser, tmp_path: Path) -> Iterator[Opener]:
    """Opens runs as offline files; at the end nothing may have gone wrong in any of them."""
    opener = Opener(browser, tmp_path)
    yield opener
    opener.close()
    assert opener.said == []
    own = ("file:", "data:", "blob:")
    assert [each for each in opener.requests if not each.startswith(own)] == []
