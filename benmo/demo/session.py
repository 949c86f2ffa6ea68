"""A session of the demo, from when its nodes start until they have ended."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from benmo.cluster import Cluster, StateDirectory
from benmo.commands.answers import Status
from benmo.commands.fitting import fitted, print_error, terminal_columns
from benmo.demo.board import Board, Style
from benmo.demo.execute import DemoRunner
from benmo.demo.fleet import Fleet
from benmo.demo.run_log import NoLog
from benmo.demo.stage import Stage
from benmo.errors import CannotStart
from benmo.notices import Notice, ProcessEnded, SlotDecided
from benmo.paxos.types import Ballot, NodeId
from benmo.repl.batch import run_lines

if TYPE_CHECKING:
    from benmo.demo.page import DemoPage


class Session:
    """A context in which the demo's nodes run. Only for the main thread, which may be interrupted.

    Entering the context starts the nodes, and raises `CannotStart` if none comes up.
    """

    def __init__(
        self,
        state: StateDirectory,
        cluster: Cluster,
        output_format: str,
        has_prompt: bool,
        page: DemoPage | None = None,
    ) -> None:
        self._state = state
        self._has_prompt = has_prompt
        self._format = output_format
        board = None
        if has_prompt and output_format != "json":
            has_colour = not os.environ.get("NO_COLOR")
            board = Board(print, Style(cluster.ids, has_colour))
        log = NoLog() if page is None else page
        fleet = Fleet(state, cluster, self._on_notice, self._on_end, log)
        self._page = page
        self._stage = Stage(fleet, cluster.ids[0], board, log=log)

    def __enter__(self) -> Session:
        try:
            if self._page is not None:
                runner = DemoRunner(self._stage, by="page")
                self._stage.page = self._page.start(runner, self._echo)
            self._stage.worker.do(self._start)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run_lines(self, lines: Iterable[str], keeps_going: bool) -> Status:
        """Carry out lines, as `benmo.repl.batch.run_lines` does; returns the status."""
        if self._stage.page is not None:
            print_error(self._stage.page.text)
        runner = DemoRunner(self._stage, by="script")
        return run_lines(runner, lines, self._format, keeps_going)

    def run_prompt(self, banner: str) -> Status:
        """Print the banner and ask for commands until the user leaves; returns the status."""
        from benmo.demo.prompt import DemoPrompt  # noqa: PLC0415 - only a terminal needs it

        def begin() -> None:
            print(fitted(banner, terminal_columns()))
            if self._stage.page is not None:
                print(self._stage.page.text)
            if self._stage.board is not None:
                self._stage.board.open()

        prompt = DemoPrompt(self._stage, self._format, self._state.demo_history)
        return prompt.run(begin)

    def _start(self) -> None:
        fleet = self._stage.fleet
        lost = [node for node in fleet.nodes if fleet.disks.is_lost(node)]
        whole = [node for node in fleet.nodes if node not in lost]
        failed = fleet.start(whole)
        if len(failed) == len(whole):
            raise CannotStart(failed[whole[0]])
        if lost:
            print_error(f"benmo: {fleet.disks.keep_down(lost)}")
        for reason in failed.values():
            print_error(f"benmo: {reason}")
        fleet.until_quorum()

    def _end(self) -> None:
        """End the tour, the board and the nodes; signals are ignored from now on."""
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if self._stage.tour is not None:
            self._stage.tour.stop()
        if self._stage.board is not None:
            self._stage.board.close()
        self._stage.worker.end(self._stage.fleet.end)
        if self._page is not None:
            self._page.close()

    # In other threads.

    def _echo(self, line: str) -> None:
        """Show a line that comes from the page."""
        if self._has_prompt:
            print(f"{line}\n", end="")
        else:
            print_error(line)

    def _on_notice(self, node: NodeId, notice: Notice, at: float) -> None:
        if isinstance(notice, SlotDecided) and notice.decided_in != Ballot.ZERO:
            self._stage.decided_in[notice.slot] = notice.decided_in
        if self._stage.tour is not None:
            self._stage.tour.tell(node, notice)
        if self._stage.board is not None:
            if not self._stage.board.is_quiet:
                self._stage.said_once.heard(notice)
            self._stage.board.tell(node, notice, at)

    def _on_end(self, node: NodeId, how: str) -> None:
        """Report a node that ended by itself."""
        if self._stage.board is not None:
            self._stage.board.tell(node, ProcessEnded(how), time.time())
        else:
            print_error(f"benmo: node {node} {how}")
