"""Measures what a page that shows a cluster costs it; `scripts/watched.py` runs it."""

from __future__ import annotations

import asyncio
import gc
import json
import multiprocessing
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import click
import uvloop
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from benmo.bench.cluster import BenchCluster, cpu_s_of, make_state
from benmo.bench.figures import LoadRun
from benmo.bench.load import PayOnce, batch, run_load, single
from benmo.errors import Failure
from benmo.watch.gate import LIVE_PATH, PROTOCOL

_NODES = 5
_WARM_UP = 0.25
_BEGIN_S = 60.0
_POLL_S = 0.5
_CHROMIUM = Path("/usr/bin/chromium")
_BROWSER = ("--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
_IN_PAGE = """async () => {
    const { trace } = (await import("benmo/app.js")).shown();
    const gaps = trace.records.filter((each) => each.k === "gap");
    const missing = gaps.reduce((sum, each) => sum + each.last - each.first + 1, 0);
    return [trace.length, missing];
}"""

_spawning = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class _Load:
    """A load of the bench, made with `clients` requests under way at these nodes."""

    name: str
    pay: PayOnce
    clients: int
    nodes: Sequence[int]


def _loads() -> tuple[_Load, ...]:
    nodes = tuple(range(1, _NODES + 1))
    return (
        _Load("singles", single(nodes), 256, nodes),
        _Load("alone", single(nodes), 1, (1,)),
        _Load("batches", batch(nodes, 1, 1000), 8, (1,)),
    )


class Got:
    """What a page got so far, written by its process: records, and what their gaps say."""

    def __init__(self) -> None:
        self.records: Synchronized[int] = _spawning.Value("q", 0)
        self.missing: Synchronized[int] = _spawning.Value("q", 0)


def read(address: str, got: Got, _end: Event) -> None:
    """Read what a page gets, until the server or this process ends."""
    host, _, token = address.removeprefix("http://").partition("/#token=")
    protocols = [Subprotocol(PROTOCOL), Subprotocol(token)]
    with connect(
        f"ws://{host}{LIVE_PATH}",
        origin=Origin(f"http://{host}"),
        subprotocols=protocols,
        compression=None,
        proxy=None,
        max_size=None,
    ) as connection:
        connection.send(json.dumps({"run": "", "place": 0}))
        for text in connection:
            message = json.loads(text)
            records = message if isinstance(message, list) else []
            got.records.value += len(records)
            gaps = (each for each in records if each["k"] == "gap")
            got.missing.value += sum(each["last"] - each["first"] + 1 for each in gaps)


def show(address: str, got: Got, end: Event) -> None:
    """Show the page in a browser without a window, until that is to end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=_CHROMIUM, args=list(_BROWSER))
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        page.goto(address)
        page.wait_for_selector("#page[data-count]")
        while not end.wait(_POLL_S):
            got.records.value, got.missing.value = page.evaluate(_IN_PAGE)
        browser.close()


class PageOpen(NamedTuple):
    """A page that shows a cluster."""

    got: Got
    watching: subprocess.Popen[bytes]


@contextmanager
def page_open(state: Path, has_browser: bool) -> Iterator[PageOpen]:
    """Run `benmo watch`, and a page of it in a process of its own."""
    program = [sys.executable, "-c", "from benmo.cli import main; main()", "watch"]
    watching = subprocess.Popen([*program, "--state-dir", str(state)], stdout=subprocess.PIPE)
    got, end = Got(), _spawning.Event()
    assert watching.stdout is not None
    watching.stdout.readline()
    address = watching.stdout.readline().decode().strip()
    work = show if has_browser else read
    reader = _spawning.Process(target=work, args=(address, got, end), daemon=True)
    reader.start()
    try:
        yield PageOpen(got, watching)
    finally:
        end.set()
        if not has_browser:
            reader.kill()
        reader.join()
        watching.send_signal(signal.SIGINT)
        watching.wait()
        watching.stdout.close()


@dataclass(slots=True)
class Measured:
    """The runs of one load, by turns without a page and with one; rates are per second."""

    without: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    records: list[float] = field(default_factory=list)
    missing: list[float] = field(default_factory=list)
    watch_cpu: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    """Without a page: the CPU time of all nodes and clients for a transfer."""
    shown_cpu_us: list[float] = field(default_factory=list)

    def row(self) -> str:
        pairs = [shown / without for without, shown in zip(self.without, self.shown, strict=True)]
        without, shown = median(self.without), median(self.shown)
        return (
            f"{without:12,.0f}{shown:12,.0f}{shown / without:8.2f}"
            f"  ({min(pairs):.2f}-{max(pairs):.2f})"
            f"{median(self.records):12,.0f}{median(self.missing):13,.0f}"
            f"{100 * median(self.watch_cpu):9.0f} %"
            f"{median(self.cpu_us):11.1f}{median(self.shown_cpu_us):11.1f}"
        )


def _cpu_us(run: LoadRun) -> float:
    return 1e6 * sum(each.cpu_s for each in run.uses) / max(1, run.transfers)


class Trial:
    """Puts each load on a cluster, by turns with and without a page."""

    def __init__(self, cluster: BenchCluster, seconds: float, has_browser: bool) -> None:
        self._cluster = cluster
        self._seconds = seconds
        self._has_browser = has_browser

    async def measure(self, load: _Load, runs: int) -> Measured:
        measured = Measured()
        for number in range(runs):
            turns = [self._without, self._with_page]
            for turn in turns if number % 2 == 0 else reversed(turns):
                await turn(load, measured)
        return measured

    async def _run(self, load: _Load) -> LoadRun:
        warm_up_s = _WARM_UP * self._seconds
        return await run_load(
            self._cluster, load.nodes, load.clients, load.pay, warm_up_s, self._seconds
        )

    async def _without(self, load: _Load, measured: Measured) -> None:
        run = await self._run(load)
        measured.without.append(run.rate)
        measured.cpu_us.append(_cpu_us(run))

    async def _with_page(self, load: _Load, measured: Measured) -> None:
        with page_open(self._cluster.state.path, self._has_browser) as page:
            async with asyncio.timeout(_BEGIN_S):
                while page.got.records.value < _NODES:  # at least each node's state
                    await asyncio.sleep(_POLL_S)
            before, began = self._used(page), time.perf_counter()
            run = await self._run(load)
            all_s = time.perf_counter() - began
            used = [after - was for after, was in zip(self._used(page), before, strict=True)]
        measured.shown.append(run.rate)
        measured.shown_cpu_us.append(_cpu_us(run))
        for kept, value in zip(
            (measured.records, measured.missing, measured.watch_cpu), used, strict=True
        ):
            kept.append(value / all_s)

    def _used(self, page: PageOpen) -> tuple[float, float, float]:
        got, process_id = page.got, page.watching.pid
        return got.records.value, got.missing.value, cpu_s_of(process_id)


async def _measure(names: Sequence[str], seconds: float, runs: int, has_browser: bool) -> None:
    loads: list[Any] = [each for each in _loads() if not names or each.name in names]
    with tempfile.TemporaryDirectory(prefix="benmo-watched-") as directory:
        cluster = BenchCluster(make_state(Path(directory) / "state", _NODES))
        await cluster.start()
        try:
            await cluster.lead(1)
            click.echo(
                f"{'load':10}{'nobody':>12}{'page open':>12}{'ratio':>8}{'':13}"
                f"{'records/s':>12}{'not made/s':>13}{'watch CPU':>11}"
                f"{'µs nobody':>11}{'µs page':>11}"
            )
            for load in loads:
                measured = await Trial(cluster, seconds, has_browser).measure(load, runs)
                click.echo(f"{load.name:10}{measured.row()}")
        finally:
            await cluster.stop()


@click.command()
@click.argument("loads", nargs=-1, type=click.Choice([each.name for each in _loads()]))
@click.option("--seconds", type=float, default=5.0, show_default=True, help="Of each run.")
@click.option("--runs", type=int, default=5, show_default=True, help="With a page, and without.")
@click.option("--browser", is_flag=True, help="Open the page in Chromium, in place of a reader.")
def main(loads: tuple[str, ...], seconds: float, runs: int, browser: bool) -> None:
    """Measure LOADS, or all: singles, alone, batches."""
    if browser and not _CHROMIUM.exists():
        raise Failure(f"{_CHROMIUM} is not there: install Debian's package chromium")
    gc.collect()
    gc.freeze()  # as `benmo bench` does
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(loads, seconds, runs, browser))
