"""Options that several commands share, and `die`, which ends a command with one line."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from benmo.commands.answers import FORMATS, Status
from benmo.commands.fitting import print_error
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
    print_error(f"benmo: {reason}")
    sys.exit(Status.REFUSED)


class Number(click.IntRange):
    """A whole number within limits, for options and arguments; `what` says what it is one of."""

    def __init__(
        self, min: int | None = None, max: int | None = None, what: str = "a whole number"
    ) -> None:
        super().__init__(min, max)
        self._wanted = what + ("" if min is None else f" from {min}")
        self._wanted += "" if max is None else f" to {max}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            self.fail(f"{str(value)!r} is not {self._wanted}", param, ctx)


NODE = Number(1, what="the number of a node, a whole number")
