"""`benmo client-certificate`: makes what a program needs to pay and to read, and to do no more."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from benmo.admin.authority import Authority
from benmo.cluster import StateDirectory, write_private
from benmo.errors import Failure
from benmo.network.certificates import CLIENT_NAME
from benmo.options import NODE, die, state_dir_option
from benmo.storage.disk import RealDisk


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name")
@click.option("--read-only", is_flag=True, help="The client may not pay.")
@click.option(
    "--node",
    "node_id",
    metavar="N",
    type=NODE,
    help="The client may pay with node N's money alone. [default: with any node's]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIRECTORY",
    help="Where to write to. [default: client-NAME in the state directory]",
)
@state_dir_option
def client_certificate(
    name: str, read_only: bool, node_id: int | None, output: Path | None, state_dir: Path
) -> None:
    """Make a certificate with which a program may pay and read, but not command a node.

    NAME is one short word for the program. The directory that this makes is all that the program
    needs, on any machine. This needs the cluster's ca/, so it is done where the cluster was made.
    """
    if not CLIENT_NAME.fullmatch(name):
        raise click.UsageError(f"NAME is up to 32 of a-z, 0-9 and -, a letter first, not {name!r}")
    if read_only and node_id is not None:
        raise click.UsageError("--node says with whose money the client pays: not with --read-only")
    state = StateDirectory(state_dir)
    client = state.client(name) if output is None else StateDirectory(output)
    try:
        make_client(state, client, name, not read_only, node_id)
    except Failure as error:
        die(error)
    except OSError as error:
        die(f"{client.path} can't be made: {error.strerror}")
    _explain(client, name, not read_only, node_id)


def make_client(
    state: StateDirectory, client: StateDirectory, name: str, may_pay: bool, node: int | None
) -> None:
    """Write a client's directory: `cluster.json` and `tls/`, all of it or nothing.

    Raises `Failure` if that can't be done here, and `OSError`.
    """
    cluster = state.load() if node is None else state.load_with(node)
    _require_new(client.path)
    authority = Authority.load(cluster.cluster, state.authority)
    parent = Path(os.path.realpath(client.path)).parent
    with ExitStack() as undone:
        begun = StateDirectory(Path(tempfile.mkdtemp(prefix=".client-", dir=parent)))
        undone.callback(shutil.rmtree, begun.path)
        begun.client_tls.mkdir(mode=0o700)
        write_private(begun.cluster_file, state.cluster_file.read_bytes())
        authority.write_client(name, may_pay, node, begun.client_tls)
        for directory in (begun.client_tls, begun.path):
            RealDisk(directory).sync_directory()
        os.rename(begun.path, client.path)
        undone.pop_all()
    RealDisk(parent).sync_directory()


def _require_new(path: Path) -> None:
    if path.is_symlink() or path.exists():
        raise Failure(f"{path} is there already: remove it first, or choose another name")


def _explain(client: StateDirectory, name: str, may_pay: bool, node: int | None) -> None:
    whose = "any node's" if node is None else f"node {node}'s"
    what = f"may pay with {whose} money, and read" if may_pay else "may only read"
    example = 1 if node is None else node
    click.echo(f"{client.path}: client {name} {what}. Give the program this directory, whole:")
    click.echo(f'    Client(node={example}, state_dir="{client.path}")')
    click.echo(f"    benmo attach {example} --state-dir {client.path}")
