"""`benmo note`: a teacher's words in a recorded run, each at the moment that it is about."""

from __future__ import annotations

from pathlib import Path
from shutil import copymode
from tempfile import TemporaryDirectory

import click

from benmo.errors import ProtocolError
from benmo.options import Number, die
from benmo.tape.records import AnyRecord, Header
from benmo.tape.trace_file import TraceWriter, read_trace
from benmo.tape.world_records import NoteRecord

TEXT_CHARACTERS_MAX = 1_000


@click.command()
@click.argument("run", type=click.Path(path_type=Path, dir_okay=False))
@click.argument(
    "number", required=False, type=Number(1, what="the number of a record, a whole number")
)
@click.argument("text", required=False)
@click.option("--remove", is_flag=True, help="Take away the note that is record NUMBER.")
def note(run: Path, number: int | None, text: str | None, remove: bool) -> None:
    """Write TEXT into RUN, a trace of `benmo record`, behind record NUMBER.

    The page shows the number of the record beside its slider. While it plays, it stops at each note
    and shows the words: so a run with notes is a lesson. Begin with the last note, since each
    moves the numbers behind it. With RUN alone, list the notes.
    """
    if remove != (number is not None and text is None):
        die("give RUN alone, RUN NUMBER TEXT, or RUN NUMBER --remove")
    if text is not None and (not text.strip() or len(text) > TEXT_CHARACTERS_MAX):
        die(f"a note has 1 to {TEXT_CHARACTERS_MAX:,} characters")
    try:
        header, taken = read_trace(run)
        records = list(taken)
        if number is None:
            said = _listed(records)
        else:
            said = f"{run} {_changed(records, number, text, run)}"
            _rewrite(run, header, records)
    except ProtocolError as error:
        die(str(error))
    except (OSError, EOFError) as error:
        die(f"{run} can't be rewritten: {getattr(error, 'strerror', None) or error}")
    click.echo(said)


def _listed(records: list[AnyRecord]) -> str:
    notes = (
        f"{number}: {_visible(record.text)}"
        for number, record in enumerate(records, 1)
        if isinstance(record, NoteRecord)
    )
    return "\n".join(notes) or "no notes"


def _visible(text: str) -> str:
    """The text; quoted, where it could trick a terminal: a trace may come from anybody."""
    return text if text.isprintable() else repr(text)


def _changed(records: list[AnyRecord], number: int, text: str | None, run: Path) -> str:
    """Put a note with this text behind a record; without a text, take the note away."""
    if number > len(records):
        die(f"{run} has {len(records):,} records: there is no number {number:,}")
    if text is not None:
        records.insert(number, _note(records, number, text))
        return f"has a note at number {number + 1:,}"
    if not isinstance(records[number - 1], NoteRecord):
        die(f"record {number:,} is no note")
    del records[number - 1]
    return f"has no note at number {number:,} any more"


def _rewrite(run: Path, header: Header, records: list[AnyRecord]) -> None:
    """Put a whole new file in the place of the old one."""
    with TemporaryDirectory(prefix=".note-", dir=run.parent) as directory:
        rewritten = Path(directory) / run.name
        with TraceWriter(rewritten, header) as writer:
            for record in records:
                writer.write(record)
        copymode(run, rewritten)
        rewritten.replace(run)


def _note(records: list[AnyRecord], after: int, text: str) -> NoteRecord:
    """Make a note with a life of its own: nobody else's numbers change."""
    lives = [record.life for record in records if record.node == 0]
    time = records[after - 1].time
    return NoteRecord(node=0, life=1 + max(lives, default=0), number=1, time=time, text=text)
