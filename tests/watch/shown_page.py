"""A run that a page shows, and what is asked of that page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benmo.watch.one_file import one_file

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

READY = "#page[data-count]"
DEADLINE_MS = 180_000

Record = dict[str, Any]


class ShownRun:
    """A trace, as bytes and as objects."""

    def __init__(self, trace: bytes, lab: bytes = b"") -> None:
        self.trace = trace
        self.lab = lab

    @cached_property
    def header(self) -> Record:
        return dict(json.loads(self.trace.splitlines()[0]))

    @cached_property
    def records(self) -> list[Record]:
        return [json.loads(line) for line in self.trace.splitlines()[1:]]

    def first(self, is_it: Callable[[Record], bool]) -> tuple[int, Record]:
        """Find the first record that is as wanted, with its place from 0 on."""
        return next((at, each) for at, each in enumerate(self.records) if is_it(each))

    def changed(self, change: Callable[[list[Record]], list[Record]]) -> ShownRun:
        """Make the trace of changed records."""
        records = change([json.loads(json.dumps(each)) for each in self.records])
        lines = map(json.dumps, (self.header, *records))
        return ShownRun("".join(f"{line}\n" for line in lines).encode())


def noticed(what: str) -> Callable[[Record], bool]:
    """Whether a record is a notice of this class."""
    return lambda record: record["k"] == "noticed" and record["what"] == what


def place(record: Record) -> str:
    """A record's place, as an address has it."""
    return f"{record['i']}.{record['l']}.{record['n']}"


class Opener:
    """Opens runs in a browser, and keeps what its pages say and ask for."""

    def __init__(self, browser: Browser, directory: Path) -> None:
        self._browser = browser
        self._directory = directory
        self._contexts: list[BrowserContext] = []
        self._made: dict[bytes, Path] = {}
        self.said: list[str] = []
        self.requests: list[str] = []

    def __call__(
        self, run: ShownRun, fragment: str = "", width: int = 1600, **options: Any
    ) -> Page:
        """Open a run's offline file in a window of its own, and wait until it is shown."""
        from playwright.sync_api import expect  # noqa: PLC0415 - only where it is installed

        context = self._browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(DEADLINE_MS)
        expect.set_options(timeout=DEADLINE_MS)
        self._contexts.append(context)
        context.on("request", lambda request: self.requests.append(request.url))
        page = context.new_page()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.goto(f"{self._file(run).as_uri()}{fragment}")
        page.wait_for_selector(READY)
        return page

    def _file(self, run: ShownRun) -> Path:
        if run.trace not in self._made:
            path = self._directory / f"run-{len(self._made)}.html"
            path.write_text(one_file(run.trace, run.lab), encoding="utf-8")
            self._made[run.trace] = path
        return self._made[run.trace]

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def ask(page: Page, script: str, argument: object = None) -> Any:
    """Run a script in the page: the body of a function of `shown` and `it`, the argument."""
    whole = f"async (it) => {{ const shown = (await import('benmo/app.js')).shown(); {script} }}"
    return page.evaluate(whole, argument)


def sampled(count: int, every: int = 211) -> Iterator[int]:
    """Some counts of records, the last one among them."""
    yield from range(every, count, every)
    yield count
