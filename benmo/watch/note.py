"""`benmo note`: write a teacher's words into a recorded run, at the moment that they are about."""

from __future__ import annotations

from pathlib import Path
from shutil import copymode
from tempfile import TemporaryDirectory

import click

from benmo.errors import ProtocolError
from benmo.options import Number, die
from benmo.tape.records import AnyRecord
from benmo.tape.trace_file import TraceWriter, read_trace
from benmo.tape.world_records import NoteRecord

TEXT_CHARACTERS_MAX = 1_000


@click.command()
@click.argument("run", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("after", type=Number(1, what="the number of a record, a whole number"))
@click.argument("text")
def note(run: Path, after: int, text: str) -> None:
    """Write TEXT into RUN, a trace of `benmo record`, behind record number AFTER.

    The page shows the number of the record beside its slider. While it plays, it stops at each note
    and shows the words: so a run with notes is a lesson. Begin with the last note, since each
    moves the numbers behind it.
    """
    if not text.strip() or len(text) > TEXT_CHARACTERS_MAX:
        die(f"a note has 1 to {TEXT_CHARACTERS_MAX:,} characters")
    try:
        header, taken = read_trace(run)
        records = list(taken)
        if after > len(records):
            die(f"{run} has {len(records):,} records: there is no number {after:,}")
        records.insert(after, _note(records, after, text))
        with TemporaryDirectory(prefix=".note-", dir=run.parent) as directory:
            rewritten = Path(directory) / run.name
            with TraceWriter(rewritten, header) as writer:
                for record in records:
                    writer.write(record)
            copymode(run, rewritten)
            rewritten.replace(run)
    except ProtocolError as error:
        die(str(error))
    except (OSError, EOFError) as error:
        die(f"{run} can't be rewritten: {getattr(error, 'strerror', None) or error}")
    click.echo(f"{run} has a note at number {after + 1:,}")


def _note(records: list[AnyRecord], after: int, text: str) -> NoteRecord:
    """Make a note with a life of its own: nobody else's numbers change."""
    lives = [record.life for record in records if record.node == 0]
    time = records[after - 1].time
    return NoteRecord(node=0, life=1 + max(lives, default=0), number=1, time=time, text=text)
