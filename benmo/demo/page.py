"""The demo's page: shows in a browser what the nodes do, and takes lines from there."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from benmo.cluster import Cluster, StateDirectory
from benmo.commands.answers import Status
from benmo.demo.addresses import meaning_of, read_line
from benmo.demo.links import Pair
from benmo.network.event_loop import new_event_loop
from benmo.paxos.types import NodeId
from benmo.repl.batch import cleaned
from benmo.repl.commander import Runner
from benmo.tape.records import AnyRecord
from benmo.tape.world_records import (
    CutRecord,
    DidRecord,
    HealedRecord,
    ProcessEvent,
    ProcessRecord,
    SlowedRecord,
)
from benmo.watch.addresses import PageAddresses
from benmo.watch.collection import Collection, live_header
from benmo.watch.open_page import HandsAnswer
from benmo.watch.server import PageServer

ALLOWED = (
    *("ls", "all", "kill", "stop", "continue", "restart", "lose", "replace", "partition", "cut"),
    *("slow", "heal", "duel", "ambush", "help"),
    *("moneyTransfer", "printBlockchain", "printBalance", "printQueue", "printStatus"),
    *("printMembers", "severLink", "restoreLink", "delayLink", "crashNode", "wait"),
)
"""The commands that a page may have carried out: none that is about the prompt alone."""
_EVENTS = {
    "started": ProcessEvent.RESTARTED,
    "killed": ProcessEvent.KILLED,
    "ended": ProcessEvent.ENDS,
    "paused": ProcessEvent.PAUSED,
    "woken": ProcessEvent.WOKEN,
    "lost its disk": ProcessEvent.LOSES_DISK,
}
_SILENT = {"killed": "is down", "ended": "is down", "lost its disk": "has lost its disk"}
_FORMAT = "table"
_LINE_UNITS_MAX = 4_000
"""The limit of a line in a record, in UTF-16 code units, which pages count."""
_CLOSE_S = 1.0


@dataclass(frozen=True, slots=True)
class _Fault:
    """Ways that were cut, or slowed if there is a delay, under the number that ends it."""

    number: int
    ways: set[Pair]
    delay_ms: int


class DemoPage:
    """Serves the page, in threads of its own, from `start` to `close`; a `RunLog` of the demo."""

    def __init__(self, state: StateDirectory, cluster: Cluster, port: int) -> None:
        self._server = PageServer(live_header(cluster), port, hands=self._carry_out)
        self._collection = Collection(state, cluster.ids, self._server.put, self._say)
        self._last: dict[NodeId, str] = {}
        """By node, what was done to it last."""
        self._last_fault = 0
        self._faults: list[_Fault] = []
        self._loop = new_event_loop()
        self._thread = threading.Thread(target=self._collect, name="collection", daemon=True)

    def start(self, runner: Runner, echo: Callable[[str], None]) -> PageAddresses:
        """Serve the page. Raises `CannotStart` if that can't be done.

        `runner` carries out the lines that come from the page, and `echo` says each before.
        """
        self._runner, self._echo = runner, echo
        self._server.start()
        self._thread.start()
        return PageAddresses(self._server.address, self._server.hands_address)

    def close(self) -> None:
        if self._thread.ident is not None:
            self._call(self._stop)
            self._thread.join(_CLOSE_S)
        self._server.close()

    # What the demo does, from any thread.

    def did(self, line: str, where: NodeId, by: str) -> None:
        self._happened(DidRecord, line=_within_limit(line), where=where, by=by)

    def did_to(self, node: NodeId, event: str) -> None:
        is_first = node not in self._last
        self._last[node] = event
        known = ProcessEvent.STARTS if is_first else _EVENTS[event]
        self._happened(ProcessRecord, of=node, event=known)

    def did_to_links(self, event: str, ways: Iterable[Pair], delay_ms: int = 0) -> None:
        is_slowed = event == "slowed"
        changed = set(ways)
        for fault in [each for each in self._faults if bool(each.delay_ms) is is_slowed]:
            if changed & fault.ways:
                self._faults.remove(fault)
                self._happened(HealedRecord, fault=fault.number, ways=tuple(sorted(fault.ways)))
                self._begin(fault.ways - changed, fault.delay_ms)
        if event == "cut" or delay_ms:
            self._begin(changed, delay_ms)

    def _begin(self, ways: set[Pair], delay_ms: int) -> None:
        """Record that these ways are cut from now on, or slowed if there is a delay."""
        if not ways:
            return
        self._last_fault += 1
        self._faults.append(_Fault(self._last_fault, ways, delay_ms))
        begun = {"fault": self._last_fault, "ways": tuple(sorted(ways))}
        if delay_ms:
            self._happened(SlowedRecord, **begun, delay_ms=delay_ms)
        else:
            self._happened(CutRecord, **begun)

    def _happened(self, kind: type[AnyRecord], **fields: Any) -> None:
        """Hand a record of this moment to the collection, which gives it its number and time."""
        clock = time.monotonic()
        record = kind(node=0, life=0, number=0, time=0.0, **fields)
        self._call(lambda: self._collection.happened(record, clock))

    def _call(self, work: Callable[[], object]) -> None:
        """Let the loop of the collection do something, unless it has ended."""
        with suppress(RuntimeError):  # it is closed
            self._loop.call_soon_threadsafe(work)

    # In other threads.

    def _collect(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(self._collection.run())
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._loop.close()

    def _stop(self) -> None:
        self._task.cancel()

    def _say(self, node: NodeId, words: str) -> None:
        """Say why a node isn't heard: the demo knows better than who tries to connect."""
        why = _SILENT.get(self._last.get(node, ""))
        self._server.say(node, f"node {node} {why}" if words and why else words)

    def _carry_out(self, typed: str) -> HandsAnswer:
        """Carry out a line that a viewer of the page asks for."""
        line = cleaned(typed)
        refusal = _why_not(line)
        if refusal:
            return HandsAnswer("refused", refusal)
        self._echo(f"page> {line}")
        try:
            rendered = self._runner.run(line, _FORMAT)
        except KeyboardInterrupt:
            return HandsAnswer("unknown", "interrupted at the terminal: it may be done in part")
        return HandsAnswer(_word(rendered.status), rendered.output)


def _why_not(line: str) -> str:
    """Say why a page may not have this carried out; empty if it may."""
    meaning = meaning_of(line)
    if meaning is None:
        return "" if read_line(line).text else "there is no command in that line"
    if meaning.name in ALLOWED:
        return ""
    return f"{meaning.name} is for the terminal in which the demo runs"


def _within_limit(line: str) -> str:
    """Cut a line that is longer than a page takes: a `…` then stands for the rest."""
    units = line.encode("utf-16-le", "replace")
    if len(units) <= 2 * _LINE_UNITS_MAX:
        return line
    return units[: 2 * (_LINE_UNITS_MAX - 1)].decode("utf-16-le", "ignore") + "…"


def _word(status: Status) -> str:
    return status.name.lower().replace("_", " ")
