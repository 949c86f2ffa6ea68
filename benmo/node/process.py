"""A node's process: read state, start the listener thread, run a prompt, leave with a status."""

from __future__ import annotations

import errno
import gc
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from logging.handlers import MemoryHandler
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from benmo.cluster import StateDirectory
from benmo.commands.answers import Status
from benmo.commands.fitting import print_error
from benmo.control.connection import NodeGone
from benmo.errors import CannotStart, Retired, StateError
from benmo.network.listener import raise_descriptor_limit
from benmo.node.control_server import ControlServer
from benmo.node.headless import begin_log, run_headless
from benmo.node.own_node import OwnNode
from benmo.node.service import Service
from benmo.options import NODE, Number, format_option, keep_going_option, state_dir_option
from benmo.paxos.types import NodeId
from benmo.program import discard_output
from benmo.repl.batch import run_lines, standard_input
from benmo.startup import OutputLost
from benmo.storage.damage import replacing
from benmo.storage.disk import remedy
from benmo.waiting import SignalReceived, on_signals

if TYPE_CHECKING:
    from benmo.node.metrics import MetricsServer

_LOG = logging.getLogger("benmo")

FAILED = 4
"""The exit status of a node that had to stop: its disk or one of its own checks failed."""

RETIRED = 5
"""The exit status of a node whose member was replaced or removed: it can never take part again."""

_COLLECT_AFTER = 20_000
_UNWIND_S = 5.0
"""The time that the main thread has to end after a failure, before the process is ended for it."""
_AGAIN_S = 1.0
_NO_INPUT = "standard input is empty, so the node leaves at once: --headless keeps it running"
_LINKS_S = 1.0
"""The time for which a node that reads commands from a pipe first waits for its links."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("node_id", metavar="N", type=NODE)
@state_dir_option
@click.option("--headless", is_flag=True, help="No prompt and no commands: run until a signal.")
@keep_going_option
@format_option
@click.option(
    "--metrics",
    "metrics_port",
    metavar="PORT",
    type=Number(1, 65535),
    help="Show metrics to Prometheus at this port of 127.0.0.1; needs the extra benmo[metrics].",
)
@click.option(
    "--sever",
    "severed",
    metavar="N",
    type=NODE,
    multiple=True,
    help="Begin with the link to node N severed; may be given several times.",
)
@click.option(
    "--sever-one-way",
    "severed_one_way",
    metavar="N",
    type=NODE,
    multiple=True,
    help="Begin with nothing sent to node N; may be given several times.",
)
def node(
    node_id: int,
    state_dir: Path,
    headless: bool,
    keep_going: bool,
    output_format: str,
    metrics_port: int | None,
    severed: tuple[int, ...],
    severed_one_way: tuple[int, ...],
) -> None:
    """Run node N of the cluster.

    On a terminal, the node shows a prompt. Elsewhere, it carries out commands from standard input,
    one a line, and leaves at the end of the input or, without --keep-going, at the first command
    that fails. With --headless, it runs until SIGTERM, SIGINT or SIGHUP.
    """
    process = _Process(StateDirectory(state_dir), node_id, output_format, metrics_port)
    one_way = {**dict.fromkeys(severed_one_way, True), **dict.fromkeys(severed, False)}
    sys.exit(process.run(headless, one_way, keep_going))


def _slow_down_garbage_collector() -> None:
    """Let Python look for cyclic garbage seldom, and never among the objects of the start.

    A request leaves no cyclic garbage behind; looking for some took a tenth of a node's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 50, 100)


def _is_null(descriptor: int) -> bool:
    """Whether a file is the null device, as it is after `nohup`, or where it was closed."""
    return os.fstat(descriptor).st_rdev == os.stat(os.devnull).st_rdev


class _Process:
    def __init__(
        self, state: StateDirectory, node_id: int, output_format: str, metrics_port: int | None
    ) -> None:
        self._state = state
        self._node = node_id
        self._format = output_format
        self._metrics_port = metrics_port
        self._failure: BaseException | None = None
        self._owes_answer = False
        self._signal = ""
        """The name of the signal that ended this node."""

    def run(self, headless: bool, severed: Mapping[NodeId, bool], keeps_going: bool) -> int:
        """Run the node until it leaves or fails; its exit status.

        It begins with the links to the nodes in `severed` severed; one way where that is true.
        """
        try:
            service, server = self._make_service()
            for peer, one_way in severed.items():
                if peer not in service.view.peers:
                    raise CannotStart(f"--sever {peer}: node {self._node} has no link to {peer}")
                service.sever(peer, one_way)
            self._catch_signals(headless)
            log = begin_log() if headless else None
            raise_descriptor_limit()
            try:
                service.start()
                _slow_down_garbage_collector()
                status = self._work(service, log, keeps_going)
            finally:
                self._ignore_signals()
                if server is not None:
                    server.close()
                service.stop()
        except OutputLost:
            raise
        except Retired as error:
            self._failure = error
        except OSError as error:
            raise CannotStart(self._what_failed(error)) from error
        except SignalReceived:
            if self._failure is None:
                _LOG.info("%s: node %s stopped", self._signal, self._node)
            status = Status.DONE
            if self._owes_answer and self._failure is None:
                status = Status.UNKNOWN
                discard_output()
        return self._report_failure() if self._failure is not None else status

    def _make_service(self) -> tuple[Service, MetricsServer | None]:
        if self._metrics_port is None:
            return Service(self._state, self._node, self._on_failure, ControlServer), None
        try:
            from benmo.node.metrics import Metrics, MetricsServer  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            if error.name != "prometheus_client":
                raise
            raise CannotStart(
                "--metrics needs prometheus-client: pip install 'benmo[metrics]' "
                "(in a clone: pip install prometheus-client)"
            ) from None
        metrics = Metrics()
        service = Service(self._state, self._node, self._on_failure, ControlServer, metrics)
        return service, MetricsServer(metrics, service, self._metrics_port)

    def _work(self, service: Service, log: MemoryHandler | None, keeps_going: bool) -> int:
        if log is not None:
            run_headless(service, log)
        own = OwnNode(service)
        try:
            if sys.stdin.isatty():
                from benmo.repl.prompt import run_prompt  # noqa: PLC0415 - only a terminal needs it

                return run_prompt(own, self._format, self._state.history(self._node))
            if _is_null(sys.stdin.fileno()):
                print_error(f"benmo: {_NO_INPUT}")
            own.wait_for_quorum(_LINKS_S)
            return run_lines(own, self._lines(), self._format, keeps_going)
        except (NodeGone, KeyboardInterrupt):
            return Status.UNKNOWN

    def _lines(self) -> Iterator[str]:
        """The lines of standard input; each is owed an answer until the next is asked for."""
        for line in standard_input():
            self._owes_answer = True
            yield line
            self._owes_answer = False

    def _on_failure(self, error: BaseException) -> None:
        """End the main thread, wherever it is; called in the loop's thread."""
        self._failure = error
        status = RETIRED if isinstance(error, Retired) else FAILED
        last_resort = threading.Timer(_UNWIND_S, os._exit, (status,))
        last_resort.daemon = True
        last_resort.start()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    def _report_failure(self) -> int:
        error = self._failure
        assert error is not None
        if isinstance(error, Retired):
            print_error(f"benmo: {error}")
            return RETIRED
        what = f"node {self._node} stopped, since it can't keep its promises: "
        if isinstance(error, OSError):
            what += self._what_failed(error)
        elif isinstance(error, StateError):
            what += str(error)
        else:
            traceback.print_exception(error)
            what += f"a check of its own failed: {error!r}"
        print_error(f"benmo: {what}")
        return FAILED

    def _what_failed(self, error: OSError) -> str:
        what = f"{error.filename or self._state.node(self._node)}: {error.strerror or error}"
        lost = f"If it never is, {replacing(self._node)}" if error.errno == errno.EIO else ""
        return ". ".join(filter(None, (what, remedy(error), lost)))

    def _catch_signals(self, headless: bool) -> None:
        def leave(number: int, _frame: FrameType | None) -> None:
            """End the main thread: try again each second, for Python may drop an exception."""
            self._signal = self._signal or signal.Signals(number).name
            again = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), signal.SIGTERM))
            again.daemon = True
            again.start()
            raise SignalReceived

        on_signals((signal.SIGTERM, signal.SIGHUP, *([signal.SIGINT] if headless else [])), leave)

    def _ignore_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
