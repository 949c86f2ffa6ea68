"""Options that several commands share, and `die`, which ends a command with one line."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import NoReturn

import click

from benmo.commands.answers import FORMATS, Status
from benmo.errors import Failure

state_dir_option = click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("state"),
    show_default=True,
    help="The directory of the cluster's state.",
)


def write_utf_8() -> None:
    """Make standard output UTF-8, as documents are in every locale; a terminal stays as it is."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def _chosen(_context: click.Context, _option: click.Parameter, output_format: str) -> str:
    if output_format == "json":
        write_utf_8()
    return output_format


format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    callback=_chosen,
    help="How answers are shown.",
)
keep_going_option = click.option(
    "--keep-going",
    is_flag=True,
    help="Go on after a command that fails; the exit status is that of the first one.",
)


def die(reason: Failure | str) -> NoReturn:
    """End this program with exit status 1, and with the reason as a line on standard error."""
    click.echo(f"benmo: {reason}", err=True)
    sys.exit(Status.REFUSED)
