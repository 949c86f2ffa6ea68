"""A way through the tree as a trace: the same records as those of real nodes."""

from __future__ import annotations

from pathlib import Path

from benmo.errors import Refused
from benmo.play.branches import Branches
from benmo.play.scenario import Scenario
from benmo.sim.recording import Recording
from benmo.tape.records import VERSION, Header
from benmo.tape.trace_file import TraceWriter


def record(branches: Branches, path: Path) -> int:
    """Write the run from the beginning to here into a new file; return how many records.

    The run is repeated for that. Raises `Refused` if there is none, or it can't be written.
    """
    sandbox = branches.scenario.sandbox
    header = Header("trace", VERSION, "played", sandbox.ids, sandbox.tenure.value)
    # A message is recorded once, where it leaves: so it must be known by then that it gets lost.
    lost = frozenset(sandbox.network.lost - sandbox.network.arrived)
    try:
        with TraceWriter(path, header) as writer:
            scenario = Scenario(Recording(writer.write), lost)
            for place in branches.here.path():
                scenario.do(place.line.text)
    except OSError as error:
        raise Refused(f"{path} can't be written: {error.strerror}") from error
    return writer.records
