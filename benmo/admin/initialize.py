"""`benmo initialize`, which `scripts/initialize.py` runs, too: makes the state of a new cluster."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
from msgspec.structs import replace

from benmo.admin.addresses import LOCALHOST, addresses
from benmo.admin.making import make_anew, new_cluster, no_node_running
from benmo.admin.remains import Remains, count, openness
from benmo.cluster import BALANCE_MAX, QUEUE_LIMIT, Cluster, ClusterSettings, StateDirectory
from benmo.commands.fitting import fitted, terminal_columns
from benmo.errors import Failure
from benmo.options import Number, die, state_dir_option
from benmo.paxos.types import NODES_MAX, Tenure


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--nodes",
    type=Number(1, NODES_MAX),
    default=5,
    show_default=True,
    help="How many nodes; an odd number.",
)
@click.option(
    "--balance",
    type=Number(0, BALANCE_MAX),
    default=100,
    show_default=True,
    help="What each node has at first.",
)
@click.option(
    "--port",
    type=Number(1, 65535),
    default=9001,
    show_default=True,
    help="The first node's port; the others' follow it, where all are on one host.",
)
@click.option(
    "--hosts",
    metavar="H1,H2,…",
    help="A host for each node, all with the same port, or HOST:PORT. [default: all on 127.0.0.1]",
)
@click.option(
    "--election-delay",
    default="20-60",
    show_default=True,
    metavar="LOW-HIGH",
    help="The range of the random wait before a node tries to lead, in seconds.",
)
@click.option(
    "--tenure",
    type=click.Choice([str(tenure) for tenure in Tenure]),
    default="block",
    show_default=True,
    help="How long a leader leads: one block, or until it is gone.",
)
@click.option(
    "--log-limit",
    type=Number(1, 10**9),
    help="How many transfers may wait at a node.  "
    f"[default: {ClusterSettings().log_limit} to type one more, {QUEUE_LIMIT} for programs]",
)
@state_dir_option
@click.option("--yes", is_flag=True, help="Wipe what is there without asking.")
def main(
    nodes: int,
    balance: int,
    port: int,
    hosts: str | None,
    election_delay: str,
    tenure: str,
    log_limit: int | None,
    state_dir: Path,
    yes: bool,
) -> None:
    """Make the state of a new cluster, and wipe the one that is there.

    The program asks before it wipes blocks, waiting transfers or promises. Without a terminal to
    ask on, it refuses, unless --yes is given.
    """
    settings = ClusterSettings(
        balance=balance, election_delay_s=seconds_range(election_delay), tenure=Tenure(tenure)
    )
    if log_limit is not None:
        settings = replace(settings, log_limit=log_limit, queue_limit=log_limit)
    cluster = new_cluster(addresses(nodes, port, hosts), settings)
    state = StateDirectory(state_dir)
    try:
        remains = Remains.of(state)
        with no_node_running(state.node_directories()):
            _ask(state, remains.loss, yes)
            make_anew(state, cluster, remains.paths)
    except Failure as error:
        die(error)
    except OSError as error:
        die(f"{error.filename or state_dir}: {error.strerror}")
    _explain(state, cluster)


def seconds_range(text: str) -> tuple[float, float]:
    """Parse an election delay such as `20-60` or `3`, in seconds. Raises `click.UsageError`."""
    number = r"([0-9]+(?:\.[0-9]+)?)"
    match = re.fullmatch(rf"{number}(?:-{number})?", text)
    low = float(match[1]) if match else -1.0
    high = float(match[2] or match[1]) if match else -1.0
    if not 0 <= low <= high:
        raise click.UsageError(f"--election-delay is a range of seconds like 20-60, not {text!r}")
    return low, high


def _ask(state: StateDirectory, loss: str, yes: bool) -> None:
    if not loss or yes:
        return
    if not sys.stdin.isatty():
        raise Failure(f"{state.path} holds {loss}: --yes wipes it")
    click.confirm(f"{state.path} holds {loss}. Wipe it?", abort=True)


def _explain(state: StateDirectory, cluster: Cluster) -> None:
    low, high = cluster.settings.election_delay_s
    said = (
        f"{state.path}: {described(cluster)}.\n"
        f"Each has {cluster.settings.balance}; tenure {cluster.settings.tenure}, "
        f"election delay {low:g}–{high:g} s."
    )
    click.echo(fitted(said, terminal_columns()))
    explain_start(state, cluster)


def described(cluster: Cluster) -> str:
    """A cluster in a few words: how many nodes it has, and where."""
    where_each = [str(address) for address in cluster.addresses]
    first = cluster.addresses[0]
    is_row = all(
        (address.host, address.port) == (first.host, first.port + place)
        for place, address in enumerate(cluster.addresses)
    )
    if is_row and len(where_each) > 1:
        where = f"{where_each[0]} … {where_each[-1]}"
    else:
        where = ", ".join(where_each)
    return f"a cluster of {count(len(where_each), 'node')} at {where}"


def explain_start(state: StateDirectory, cluster: Cluster) -> None:
    """Say what to start where, of a cluster that has just been made."""
    if openness(state.path):
        click.echo(openness(state.path))
    if any(address.host != LOCALHOST for address in cluster.addresses):
        click.echo(
            f"Each machine gets cluster.json and its own node's directory, from {state.path}.\n"
            f"ca/ stays here: see docs/machines.md."
        )
    else:
        _explain_start_here(state, cluster)


def _explain_start_here(state: StateDirectory, cluster: Cluster) -> None:
    where = "" if state.path == Path("state") else f" --state-dir {state.path}"
    click.echo("Start each node in a terminal of its own:")
    if Path(sys.prefix).name == ".venv":
        click.echo("    source .venv/bin/activate")
    for address in cluster.addresses:
        click.echo(f"    python -m benmo.node {address.node}{where}")
