"""`benmo page`: make one HTML file of a recorded run, which anybody can open."""

from __future__ import annotations

import gzip
from pathlib import Path

import click

from benmo.errors import ProtocolError
from benmo.options import die
from benmo.tape.trace_file import read_trace
from benmo.watch.one_file import one_file

_BYTES_MAX = 200 << 20
"""The longest trace, unpacked, that a page shows."""


@click.command()
@click.argument("run", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write.  [default: RUN's name, with .html]",
)
def page(run: Path, output: Path | None) -> None:
    """Make one HTML file that shows RUN, a trace of `benmo record`, message by message.

    It needs no network and no server: open it in a browser, or hand it to a class. It holds all
    that RUN holds, memos and balances too.
    """
    output = output or run.with_name(run.name.removesuffix(".gz")).with_suffix(".html")
    try:
        header, records = read_trace(run, _BYTES_MAX)
        count = sum(1 for _ in records)
        trace = (gzip.decompress if run.suffix == ".gz" else bytes)(run.read_bytes())
    except ProtocolError as error:
        die(str(error))
    except (OSError, EOFError) as error:
        die(f"{run} can't be read: {getattr(error, 'strerror', None) or error}")
    try:
        output.write_text(one_file(trace), encoding="utf-8")
    except OSError as error:
        die(f"{output} can't be written: {error.strerror}")
    records_text = f"{count:,} record{'' if count == 1 else 's'}"
    click.echo(f"{output} shows {records_text} of {len(header.nodes)} nodes: open it in a browser")
