"""`benmo watch`: show the running nodes in a browser, as they work."""

from __future__ import annotations

import asyncio
import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from benmo.cluster import StateDirectory
from benmo.options import Number, state_dir_option
from benmo.paxos.types import NodeId
from benmo.watch.collection import Collection, live_header, until_interrupted
from benmo.watch.server import LOOPBACK, PageServer
from benmo.wording import many

_UNENCRYPTED = "and so can whoever reads along on the way: it is not encrypted"


@click.command()
@click.option(
    "--port",
    type=Number(0, 65535),
    default=0,
    help="The port of the page.  [default: any that is free]",
)
@click.option(
    "--host",
    default=LOOPBACK,
    help="The address of this machine at which browsers of others reach the page, too; "
    f"unencrypted.  [default: {LOOPBACK}, for this machine alone]",
)
@click.option("--open", "is_opened", is_flag=True, help="Open the page in a browser.")
@state_dir_option
def watch(port: int, host: str, is_opened: bool, state_dir: Path) -> None:
    """Show what the running nodes do, message by message, in a page for the browser.

    Whoever has the page's address may watch, and nobody may do anything: to break things, run
    benmo demo. Nodes that start later, or are added, are shown, too. A certificate that may read is
    enough, a node's own or a client's. The page shows memos and balances.
    """
    state = StateDirectory(state_dir)
    cluster = state.load()
    server = PageServer(live_header(cluster), port, host=host)

    def say(node: NodeId, words: str) -> None:
        server.say(node, words)
        heard = f"node {node} is heard" if collection.votes(node) else f"node {node} was removed"
        click.echo(words or heard)

    collection = Collection(state, cluster.ids, server.put, say)

    async def work() -> None:
        click.echo(f"{many(cluster.ids)}, live (Ctrl-C ends it), in a browser:\n  {server.address}")
        if host != LOOPBACK:
            click.echo(f"Whoever has that address and reaches {host} can watch, {_UNENCRYPTED}.")
        await collection.run()

    with ExitStack() as held:
        held.callback(server.close)
        server.start()
        if is_opened:
            held.enter_context(_opened(server.address))
        asyncio.run(until_interrupted(work(), seconds=None))


@contextmanager
def _opened(address: str) -> Iterator[None]:
    """Open an address in a browser, by a file that nobody else may read.

    The command line of a browser could be read by all users of this machine.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as file:
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={address}">')
        file.flush()
        if not webbrowser.open(Path(file.name).as_uri()):
            click.echo("There is no browser here that could be opened.")
        yield
