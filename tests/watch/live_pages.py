"""Pages of a cluster that runs, each in a window of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.watch.shown_page import DEADLINE_MS, READY

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Response


@dataclass
class LivePage:
    """A page that a server shows, and all that it said and asked for."""

    page: Page
    address: str
    first: Response
    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def wire(self) -> Any:
        return self.page.locator("#wire")


@contextmanager
def opened(browser: Browser, address: str, **options: Any) -> Iterator[LivePage]:
    """Open an address; at the end nothing may have gone wrong, or have left the machine."""
    from playwright.sync_api import expect  # noqa: PLC0415 - only where it is installed

    expect.set_options(timeout=DEADLINE_MS)
    context = browser.new_context(viewport={"width": 1600, "height": 900}, **options)
    context.set_default_timeout(DEADLINE_MS)
    said: list[str] = []
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    first = page.goto(address)
    assert first is not None
    page.wait_for_selector(READY)
    yield LivePage(page, address, first, said, requests)
    context.close()
    assert said == []
    own = (address.partition("#")[0], "data:")
    assert [each for each in requests if not each.startswith(own)] == []
