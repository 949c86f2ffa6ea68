"""What becomes of findings: the first ends a run, or the run goes on to the fork."""

from __future__ import annotations

from benmo.sim.agenda import Agenda
from benmo.sim.checkers import Watchers
from benmo.sim.machine import Machine
from benmo.sim.trace import Trace
from benmo.sim.violation import Finding, Violation

_BROKEN_PATCH = (AttributeError, NameError, TypeError)


class Findings:
    """Takes what is found in a run. With `goes_on`, nothing is raised and `first` is kept."""

    def __init__(self, agenda: Agenda, trace: Trace, goes_on: bool) -> None:
        self.first: Finding | None = None
        self.goes_on = goes_on
        self._agenda = agenda
        self._trace = trace

    def take(self, violation: Violation, cause: Exception | None = None) -> None:
        """Raise the violation; or, to go on, keep it if it is the first."""
        if not self.goes_on:
            raise violation from cause
        if self.first is None:
            self.first = violation.finding
            self._trace.violation(self._agenda.now, violation.finding)

    def failed(self, machine: Machine, error: Exception, watchers: Watchers) -> None:
        """Take an exception of the product; raise one of a planted mistake that fits it no more.

        It is a later symptom where the node was about to write what breaks a rule. An assertion
        names the rule that it holds.
        """
        if isinstance(error, _BROKEN_PATCH) and _is_raised_in(error, "benmo.sim.planted"):
            raise error
        for record in machine.engine._records if machine.engine is not None else ():
            watchers.on_recorded(machine, record)
        finding = None
        if isinstance(error, AssertionError):
            finding = watchers.broken_assertion(machine, str(error))
        if finding is None:
            sentence = f"node {machine.node} fails: {text_of(error)}"
            finding = Finding("program", sentence, node=machine.node)
        self.take(Violation(finding), error)


def _is_raised_in(error: Exception, package: str) -> bool:
    """Whether the code that raised an exception stands in a package."""
    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return str(trace.tb_frame.f_globals["__name__"]).startswith(package)


def text_of(error: Exception) -> str:
    """Name an exception, with what it says."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
