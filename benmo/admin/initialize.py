"""`benmo initialize`, which `scripts/initialize.py` runs, too: makes the state of a new cluster."""

from __future__ import annotations

import re
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import msgspec

from benmo.admin.authority import Authority
from benmo.cluster import (
    BALANCE_MAX,
    Cluster,
    ClusterSettings,
    NodeAddress,
    StateDirectory,
    write_private,
)
from benmo.errors import Failure, StateError
from benmo.options import die, state_dir_option
from benmo.paxos.types import Tenure
from benmo.storage.disk import RealDisk
from benmo.storage.lock import DirectoryInUse, DirectoryLock
from benmo.storage.node_storage import NodeStorage

NODES_MAX = 99
LOCALHOST = "127.0.0.1"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--nodes",
    type=click.IntRange(1, NODES_MAX),
    default=5,
    show_default=True,
    help="How many nodes; an odd number.",
)
@click.option(
    "--balance",
    type=click.IntRange(0, BALANCE_MAX),
    default=100,
    show_default=True,
    help="What each node has at first.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=9001,
    show_default=True,
    help="The first node's port; the others' follow it, where all are on one host.",
)
@click.option(
    "--hosts",
    default="",
    metavar="H1,H2,…",
    help="A host for each node, all with the same port. [default: all on 127.0.0.1]",
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
    type=click.IntRange(1, 10**9),
    default=10,
    show_default=True,
    help="How many transfers may wait at a node.",
)
@state_dir_option
@click.option("--yes", is_flag=True, help="Wipe what is there without asking.")
def main(
    nodes: int,
    balance: int,
    port: int,
    hosts: str,
    election_delay: str,
    tenure: str,
    log_limit: int,
    state_dir: Path,
    yes: bool,
) -> None:
    """Make the state of a new cluster, and wipe the one that is there.

    The program asks before it wipes blocks, waiting transfers or promises. Without a terminal to
    ask on, it refuses, unless --yes is given.
    """
    settings = ClusterSettings(
        balance=balance,
        election_delay_s=seconds_range(election_delay),
        tenure=Tenure(tenure),
        log_limit=log_limit,
    )
    cluster = new_cluster(addresses(nodes, port, hosts), settings)
    state = StateDirectory(state_dir)
    try:
        with no_node_running(state):
            _ask(state, yes)
            make_anew(state, cluster)
    except Failure as error:
        die(error)
    except OSError as error:
        die(f"{error.filename or state_dir}: {error.strerror}")
    _explain(state, cluster)


def new_cluster(nodes: tuple[NodeAddress, ...], settings: ClusterSettings) -> Cluster:
    """A new cluster of these nodes, with an id that no other cluster has."""
    return Cluster(uuid.uuid4().hex, nodes, settings)


def make_anew(state: StateDirectory, cluster: Cluster) -> None:
    """Wipe the cluster that is in the directory, and write the state of a new one.

    The caller must have made sure that no node runs here: see `no_node_running`. Raises `OSError`.
    """
    _wipe(state)
    _write(state, cluster)


def seconds_range(text: str) -> tuple[float, float]:
    """Parse an election delay such as `20-60` or `3`, in seconds. Raises `click.UsageError`."""
    number = r"([0-9]+(?:\.[0-9]+)?)"
    match = re.fullmatch(rf"{number}(?:-{number})?", text)
    low = float(match[1]) if match else -1.0
    high = float(match[2] or match[1]) if match else -1.0
    if not 0 <= low <= high:
        raise click.UsageError(f"--election-delay is a range of seconds like 20-60, not {text!r}")
    return low, high


def addresses(nodes: int, port: int, hosts: str = "") -> tuple[NodeAddress, ...]:
    """The address of each node: on a host of its own, or at a port of its own on this machine.

    Raises `click.UsageError` for a number of nodes, a port or a host that can't be.
    """
    names = [name.strip() for name in hosts.split(",") if name.strip()]
    count = len(names) or nodes
    if count % 2 == 0:
        raise click.UsageError(f"a cluster has an odd number of nodes, not {count}")
    if names and nodes not in (count, 5):
        raise click.UsageError(f"--nodes says {nodes}, but --hosts names {count}")
    for name in names:
        _require_host(name)
    if not names and port + count - 1 > 65535:
        raise click.UsageError(f"there are no {count} ports from {port} on")
    return tuple(
        NodeAddress(node, names[node - 1], port)
        if names
        else NodeAddress(node, LOCALHOST, port + node - 1)
        for node in range(1, count + 1)
    )


def _require_host(name: str) -> None:
    try:
        name.encode("idna")
    except UnicodeError as error:
        raise click.UsageError(f"--hosts: {name!r} is no host's name: {error}") from error


@contextmanager
def no_node_running(state: StateDirectory) -> Iterator[None]:
    """Keep nodes from starting here, as long as the context lasts. Raises `Failure` if one runs."""
    with ExitStack() as held:
        for path in state.node_directories():
            if path.is_dir():
                try:
                    held.callback(DirectoryLock(path).release)
                except DirectoryInUse as error:
                    raise Failure(f"{error.where}: stop the nodes first") from error
        yield


def _ask(state: StateDirectory, yes: bool) -> None:
    loss = _what_would_be_lost(state)
    if not loss or yes:
        return
    if not sys.stdin.isatty():
        raise Failure(f"{state.path} holds {loss}: --yes wipes it")
    click.confirm(f"{state.path} holds {loss}. Wipe it?", abort=True)


def _what_would_be_lost(state: StateDirectory) -> str:
    """Say in words what a wipe would lose; empty if the cluster here was never used."""
    height = waiting = promises = 0
    try:
        paths = state.node_directories()
        cluster = state.load() if paths else None
        for path in paths:
            assert cluster is not None
            number = int(path.name.removeprefix("node-"))
            disk = RealDisk(path)
            _, found = NodeStorage.open(disk, cluster.cluster, number)
            disk.close()
            height = max(height, found.ledger.height)
            waiting += len(found.queue)
            promises += found.promised.round > 0
    except (StateError, ValueError) as error:
        return f"a state that can't be read ({error})"
    if height or waiting:
        return f"a chain of {_count(height, 'block')} and {_count(waiting, 'waiting transfer')}"
    return f"promises of {promises} nodes" if promises else ""


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _wipe(state: StateDirectory) -> None:
    state.cluster_file.unlink(missing_ok=True)
    for path in (*state.node_directories(), state.authority):
        if path.exists():
            shutil.rmtree(path)


def _write(state: StateDirectory, cluster: Cluster) -> None:
    """Write a cluster's state; `cluster.json` last, since no node starts without that."""
    state.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    state.path.chmod(0o700)
    state.authority.mkdir(mode=0o700)
    authority = Authority.make(cluster.cluster)
    authority.write(state.authority)
    balances = dict.fromkeys(cluster.ids, cluster.settings.balance)
    for address in cluster.nodes:
        state.tls(address.node).mkdir(mode=0o700, parents=True)
        state.node(address.node).chmod(0o700)
        authority.write_node(address.node, address.host, state.tls(address.node))
        disk = RealDisk(state.node(address.node))
        NodeStorage.create(disk, cluster.cluster, address.node, balances)
        disk.close()
    write_cluster(state, cluster)
    RealDisk(state.path.resolve().parent).sync_directory()


def write_cluster(state: StateDirectory, cluster: Cluster) -> None:
    """Write `cluster.json`, as a whole or not at all."""
    document = msgspec.json.format(msgspec.json.encode(cluster), indent=2)
    new = state.cluster_file.with_suffix(".json.new")
    write_private(new, document + b"\n")
    new.rename(state.cluster_file)
    RealDisk(state.path).sync_directory()


def _explain(state: StateDirectory, cluster: Cluster) -> None:
    where = "" if state.path == Path("state") else f" --state-dir {state.path}"
    low, high = cluster.settings.election_delay_s
    where_each = [str(address) for address in cluster.nodes]
    ends = " … ".join(dict.fromkeys((where_each[0], where_each[-1])))
    click.echo(
        f"{state.path}: a cluster of {_count(len(where_each), 'node')} at {ends}, "
        f"each with {cluster.settings.balance}; "
        f"tenure {cluster.settings.tenure}, election delay {low:g}–{high:g} s."
    )
    if any(address.host != LOCALHOST for address in cluster.nodes):
        click.echo(
            f"Each machine gets cluster.json and the directory of its own node, from {state.path}; "
            f"ca/ stays here: see docs/machines.md."
        )
        return
    click.echo("Start each node in a terminal of its own:")
    if Path(sys.prefix).name == ".venv":
        click.echo("    source .venv/bin/activate")
    for address in cluster.nodes:
        click.echo(f"    python -m benmo.node {address.node}{where}")
