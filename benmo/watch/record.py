"""`benmo record`: write all that the running nodes do into a file, for a page to show."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from benmo.cluster import StateDirectory
from benmo.options import die, state_dir_option
from benmo.tape.trace_file import TraceWriter
from benmo.watch.collection import Collection, live_header, until_interrupted
from benmo.wording import many

_FLUSH_EVERY_S = 0.5
_HOLD_S = 10.0
"""How long a record waits for earlier ones of a slow node: nobody looks on."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default="run.jsonl.gz")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="How long to record.  [default: until Ctrl-C]",
)
@click.option(
    "--heartbeats",
    is_flag=True,
    help="Record every heartbeat, where it leaves and where it arrives.",
)
@state_dir_option
def record(file: Path, seconds: float | None, heartbeats: bool, state_dir: Path) -> None:
    """Record what the running nodes do, message by message, into FILE (run.jsonl.gz).

    Each line is a JSON object: what a node sent, received, promised, accepted, refused or decided,
    when it was durable, and which event led to it. Nodes that start later, or are added, are
    recorded, too. A certificate that may read is enough, a node's own or a client's. The file holds
    memos and balances.
    """
    state = StateDirectory(state_dir)
    cluster = state.load()
    try:
        with TraceWriter(file, live_header(cluster, heartbeats)) as writer:
            collection = Collection(
                state, cluster.ids, writer.write, lambda _node, _words: None, heartbeats, _HOLD_S
            )
            asyncio.run(until_interrupted(collection.run(), _flush(writer), seconds=seconds))
    except OSError as error:
        die(f"{file} can't be written: {error.strerror}")
    click.echo(f"{writer.records:,} records in {file}")
    silent = collection.never_heard
    if silent:
        were = "was" if len(silent) == 1 else "were"
        die(f"{many(list(silent))} {were} never heard: {'; '.join(silent.values())}")


async def _flush(writer: TraceWriter) -> None:
    """Let others follow the file while it grows, and lose little if this process is killed."""
    while True:
        await asyncio.sleep(_FLUSH_EVERY_S)
        writer.flush()
