"""A way through the tree as a trace: the same records as those of real nodes."""

from __future__ import annotations

from pathlib import Path

from benmo.errors import Refused
from benmo.play.branches import Branches
from benmo.play.sandbox import Sandbox
from benmo.tape.records import VERSION, Header
from benmo.tape.trace_file import TraceWriter


def header_of(sandbox: Sandbox) -> Header:
    """Make the first line of the trace of a run that is played."""
    return Header("trace", VERSION, "played", sandbox.ids, sandbox.tenure.value)


def record(branches: Branches, path: Path) -> int:
    """Write the run from the beginning to here into a new file; return how many records.

    Raises `Refused` if there is none, or it can't be written.
    """
    try:
        with TraceWriter(path, header_of(branches.scenario.sandbox)) as writer:
            for each in branches.records:
                writer.write(each)
    except OSError as error:
        raise Refused(f"{path} can't be written: {error.strerror}") from error
    return writer.records
