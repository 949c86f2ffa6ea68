"""`benmo record`: write all that the running nodes do into a file, for a page to show."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import click

from benmo.cluster import StateDirectory
from benmo.control.connection import NodeConnection
from benmo.control.places import NodeFinder
from benmo.control.tape_requests import Taped
from benmo.errors import Failure
from benmo.options import die, state_dir_option
from benmo.paxos.types import NodeId
from benmo.tape.merging import Merger
from benmo.tape.records import VERSION, AnyRecord, Header, ProcessRecord
from benmo.tape.trace_file import TraceWriter, decode_record
from benmo.wording import many

_TRY_AGAIN_S = 0.5
_FLUSH_EVERY_S = 0.5


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default="run.jsonl.gz")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="How long to record.  [default: until Ctrl-C]",
)
@state_dir_option
def record(file: Path, seconds: float | None, state_dir: Path) -> None:
    """Record what the running nodes do, message by message, into FILE (run.jsonl.gz).

    Each line is a JSON object: what a node sent, received, promised, accepted, refused or decided,
    when it was durable, and which event led to it. Nodes that start later are recorded, too. A
    certificate that may read is enough, a node's own or a client's. The file holds memos and
    balances.
    """
    state = StateDirectory(state_dir)
    cluster = state.load()
    header = Header(
        "trace",
        VERSION,
        "live",
        tuple(cluster.ids),
        cluster.settings.tenure.value,
        time.time(),
        cluster.cluster,
    )
    try:
        with TraceWriter(file, header) as writer:
            tape = asyncio.run(_record(state, tuple(cluster.ids), writer, seconds))
    except OSError as error:
        die(f"{file} can't be written: {error.strerror}")
    click.echo(f"{writer.records:,} records in {file}")
    if tape.never_heard:
        were = "was" if len(tape.never_heard) == 1 else "were"
        die(f"{many(sorted(tape.never_heard))} {were} never reached")


class _Collection:
    """The records of all nodes, on their way into a file."""

    def __init__(self, nodes: tuple[NodeId, ...], writer: TraceWriter) -> None:
        self.never_heard = set(nodes)
        self._merger = Merger(writer.write)
        self._number = 0

    def take(self, node: NodeId, taped: Taped) -> None:
        self.never_heard.discard(node)
        records: list[AnyRecord] = [decode_record(each) for each in taped.records]
        self._merger.heard(node, records, taped.boot, taped.now, taped.wall)

    def gone(self, node: NodeId) -> None:
        self._number += 1
        self._merger.lost(node)
        self._merger.happened(
            ProcessRecord(
                node=0,
                life=0,
                number=self._number,
                time=self._merger.now,
                of=node,
                what="is not reached any more",
            )
        )

    def close(self) -> None:
        self._merger.close()


async def _record(
    state: StateDirectory, nodes: tuple[NodeId, ...], writer: TraceWriter, seconds: float | None
) -> _Collection:
    collection = _Collection(nodes, writer)
    tasks = [asyncio.create_task(_listen(state, node, collection)) for node in nodes]
    tasks.append(asyncio.create_task(_flush(writer)))
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
    except TimeoutError:
        pass
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    collection.close()
    return collection


async def _flush(writer: TraceWriter) -> None:
    """Let others follow the file while it grows, and lose little if this process is killed."""
    while True:
        await asyncio.sleep(_FLUSH_EVERY_S)
        writer.flush()


async def _listen(state: StateDirectory, node: NodeId, collection: _Collection) -> None:
    """Record a node, from whenever it can be reached."""
    finder = NodeFinder(state, node)
    while True:
        try:
            connection: NodeConnection = await finder.connect()
        except (Failure, OSError):
            await asyncio.sleep(_TRY_AGAIN_S)
            continue
        lost = asyncio.Event()
        connection.listen(lambda taped: collection.take(node, taped), lost.set)
        try:
            await lost.wait()
        finally:
            connection.abort()
        collection.gone(node)
