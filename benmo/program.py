"""Runs a program to its end: each failure is one line, with the exit status that it deserves.

This is the outermost handler of all programs. What is no failure of the user's, the machine's or a
reader's, but a bug, passes it: Python then shows where.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import click

from benmo.startup import OutputLost, ReaderGone, prepare_standard_files

_DONE = 0
_FAILED = 1
_NOT_WRITTEN = 3
_INTERRUPTED = 130


def run(command: click.Command, prog_name: str | None = None) -> NoReturn:
    """Run a program with this process's arguments, and exit with its status."""
    prepare_standard_files()
    sys.exit(exit_status(lambda: command.main(prog_name=prog_name, standalone_mode=False)))


def exit_status(work: Callable[[], object]) -> int:
    """Do a program's work and return its exit status; a failure is worded on standard error.

    `work` may return an exit status, or end with `SystemExit`; it raises click's exceptions as they
    are. Anything that `work` raises and that is no failure passes through.
    """
    try:
        status = _status_of(work)
        sys.stdout.flush()
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        _say(shown.getvalue().rstrip("\n"))
        status = error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        status = _interrupted(error)
    except OSError as error:
        status = _not_written(error) if isinstance(error, OutputLost) else _failed(_worded(error))
    except Exception as error:
        if not _is_failure(error):
            raise
        status = _failed(str(error))
    return status


def _status_of(work: Callable[[], object]) -> int:
    try:
        status = work()
    except SystemExit as leaving:
        status = leaving.code
        if isinstance(status, str):
            return _failed(status.removeprefix("benmo: "))
    return status if isinstance(status, int) else _DONE


def _is_failure(error: Exception) -> bool:
    from benmo.errors import Failure  # noqa: PLC0415 - only an error needs it

    return isinstance(error, Failure)


def _worded(error: OSError) -> str:
    what = error.strerror or str(error) or type(error).__name__
    return f"{os.fspath(error.filename)}: {what}" if error.filename is not None else what


def _failed(reason: str) -> int:
    _say(f"benmo: {reason}")
    return _FAILED


def _interrupted(error: BaseException) -> int:
    """Leave after Ctrl-C, deaf to another one; or after a `no`, or the end of input, to a question.

    click raises the same exception for all of these.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    caught = (error, error.__cause__, error.__context__)
    is_stopped = any(isinstance(each, KeyboardInterrupt) for each in caught)
    _say("stopped" if is_stopped else "Aborted!")
    return _INTERRUPTED if is_stopped else _FAILED


def _not_written(error: OutputLost) -> int:
    """Leave without the rest of the output; a reader that has left is told nothing."""
    if not isinstance(error, ReaderGone):
        _say(f"benmo: the answer can't be written: {error}")
    discard_output()
    return _NOT_WRITTEN


def _say(text: str) -> None:
    from benmo.commands.fitting import print_error  # noqa: PLC0415 - only an error needs it

    with suppress(OSError):
        print_error(text)


def discard_output() -> None:
    """Discard what was printed and not written: Python would try again at exit, and may hang."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)
