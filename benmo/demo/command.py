"""`benmo demo`: its options, and what it does from its start to its end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from benmo.admin.initialize import seconds_range
from benmo.admin.remains import openness
from benmo.cluster import BALANCE_MAX, Cluster, ClusterSettings, StateDirectory
from benmo.commands.answers import Status
from benmo.commands.fitting import print_error
from benmo.demo.phrases import LEGEND
from benmo.demo.preparation import BALANCE, NODES, PORT, ClusterWishes, Prepared, prepare
from benmo.errors import CannotStart
from benmo.options import Number, format_option, keep_going_option, state_dir_option
from benmo.paxos.types import NODES_MAX, Tenure
from benmo.repl.batch import standard_input
from benmo.waiting import SignalReceived, on_signals

_CLASSIC = "20–60 s"
_UNWIND_S = 5.0


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--fresh", is_flag=True, help="Wipe the state and start anew, without asking.")
@click.option(
    "--nodes",
    type=Number(1, NODES_MAX),
    help=f"How many nodes a new cluster has; an odd number.  [default: {NODES}]",
)
@click.option(
    "--balance",
    type=Number(0, BALANCE_MAX),
    help=f"What each node of a new cluster has at first.  [default: {BALANCE}]",
)
@click.option(
    "--election-delay",
    metavar="LOW-HIGH",
    help="The range of the random wait before a node tries to lead, in seconds; also changes an "
    "existing cluster.  [default: 2-6 for a new one]",
)
@click.option(
    "--tenure",
    type=click.Choice([str(tenure) for tenure in Tenure]),
    help="How long a leader leads: one block, or until it is gone; also changes an existing "
    "cluster.  [default: block for a new one]",
)
@click.option(
    "--port",
    type=Number(1, 65535),
    help="The first node's port, which the others' follow; also changes an existing cluster.  "
    f"[default: {PORT} for a new one]",
)
@click.option(
    "-e",
    "commands",
    metavar="COMMAND",
    multiple=True,
    help="Carry this out and leave; may be given several times.",
)
@click.option(
    "--page/--no-page",
    "wants_page",
    default=None,
    help="Serve a page, at 127.0.0.1, that shows in a browser what the nodes do.  "
    "[default: on a terminal]",
)
@click.option(
    "--page-port",
    type=Number(0, 65535),
    default=0,
    help="The port of the page.  [default: any that is free]",
)
@keep_going_option
@format_option
@state_dir_option
def demo(
    fresh: bool,
    nodes: int | None,
    balance: int | None,
    election_delay: str | None,
    tenure: str | None,
    port: int | None,
    commands: tuple[str, ...],
    wants_page: bool | None,
    page_port: int,
    keep_going: bool,
    output_format: str,
    state_dir: Path,
) -> None:
    """Run five nodes on this machine, and one prompt for all of them.

    On a terminal, the demo shows a prompt; type tour there for a guided walk. With -e, it carries
    out the given commands in order, up to the first that fails, or with --keep-going all of them;
    without a terminal, it reads
    commands from standard input. When the demo ends, its nodes stop, and their state is kept.
    """
    wishes = ClusterWishes(
        fresh=fresh,
        nodes=nodes,
        balance=balance,
        port=port,
        election_delay_s=None if election_delay is None else seconds_range(election_delay),
        tenure=None if tenure is None else Tenure(tenure),
    )
    state = StateDirectory(state_dir)
    try:
        with _signals_leave():
            has_prompt = not commands and sys.stdin.isatty() and sys.stdout.isatty()
            port = page_port if (has_prompt if wants_page is None else wants_page) else None
            status = _run(state, wishes, commands, output_format, keep_going, has_prompt, port)
    except KeyboardInterrupt:
        status = Status.UNKNOWN
    sys.exit(status)


def _run(
    state: StateDirectory,
    wishes: ClusterWishes,
    commands: Iterable[str],
    output_format: str,
    keep_going: bool,
    has_prompt: bool,
    page_port: int | None,
) -> Status:
    prepared = prepare(state, wishes, _ask_for_ports if has_prompt else _name_the_option)
    if prepared.is_new and openness(state.path):
        print_error(openness(state.path))
    from benmo.demo.session import Session  # noqa: PLC0415 - takes a while to load

    page = None
    if page_port is not None:
        from benmo.demo.page import DemoPage  # noqa: PLC0415 - not every demo has one

        page = DemoPage(state, prepared.cluster, page_port)
    with Session(state, prepared.cluster, output_format, has_prompt, page) as session:
        if has_prompt:
            return session.run_prompt(banner(state, prepared))
        return session.run_lines(commands or standard_input(), keep_going)


def _ask_for_ports(reason: str, port: int) -> bool:
    click.echo(reason)
    return click.confirm(f"Use the ports from {port} on instead?", default=True)


def _name_the_option(reason: str, port: int) -> bool:
    raise CannotStart(f"{reason}. These are free: --port {port}")


def banner(state: StateDirectory, prepared: Prepared) -> str:
    """The first lines on the terminal: what runs here, and what to type first."""
    cluster = prepared.cluster
    settings = cluster.settings
    low, high = settings.election_delay_s
    is_classic = (low, high) == ClusterSettings().election_delay_s
    classic = "the classic one" if is_classic else f"the classic one is {_CLASSIC}"
    return (
        f"{_who_runs(cluster)}; {state.path} is {'new' if prepared.is_new else 'as it was'}.\n"
        f"Election delay {low:g}–{high:g} s ({classic}), tenure {settings.tenure}.\n"
        f"Type 1> moneyTransfer 10,1,2 or, to be shown around, tour.\n"
        f"help lists the commands; Ctrl-D stops all nodes and leaves.\n"
        f"{LEGEND}"
    )


def _who_runs(cluster: Cluster) -> str:
    first, last = cluster.addresses[0].port, cluster.addresses[-1].port
    if first == last:
        return f"1 node runs here, at port {first}"
    return f"{len(cluster.ids)} nodes run here, at ports {first} to {last}"


@contextmanager
def _signals_leave() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the demo as `exit` does, and after `_UNWIND_S` in any case.

    Python may drop the exception that the handler raises, if a signal comes at a bad moment: hence
    the timer. The nodes end with this process in any case.
    """

    def leave(_signal: int, _frame: FrameType | None) -> None:
        last_resort = threading.Timer(_UNWIND_S, os._exit, (Status.DONE,))
        last_resort.daemon = True
        last_resort.start()
        raise SignalReceived(Status.DONE)

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    on_signals(numbers, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
