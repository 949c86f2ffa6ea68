"""A lab's run, made anew: a trace that doesn't tell what is wrong, and what is right to answer."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from benmo.labs.code import differing_code
from benmo.labs.table import RULES, Ending, Lab
from benmo.paxos.types import NodeId
from benmo.sim.evidence import place_of
from benmo.sim.planted import plant, sentence
from benmo.sim.recording import Recording
from benmo.sim.run import run
from benmo.sim.seeds import Study
from benmo.sim.trace import Trace
from benmo.sim.violation import Finding
from benmo.tape.records import VERSION, AnyRecord, Header
from benmo.tape.world_records import NoteRecord, ViolationRecord

_FAULTS_S = 30.0
_SETTING = {
    Ending.TWO_CHAINS: (
        "Benmo's own checks are off in this run: with them, a node stops at this mistake before "
        "there are two chains."
    ),
    Ending.ALARM: (
        "Nothing has been lost in this run, and its chains are alike: a rule was broken. For two "
        "chains, more has to come together: a power cut at just that moment, and a rival's ballot."
    ),
}
Place = tuple[NodeId, int, int]
"""The node, life and number of a record."""


@dataclass(frozen=True, slots=True)
class LabRun:
    """A lab's trace, and what is right: `first` is the first broken rule, `about` its record."""

    header: Header
    records: list[AnyRecord]
    first: Finding
    last: Finding
    about: Place


class NoViolation(Exception):
    """The run doesn't end as the table says: it has to be looked for anew."""


class _LabRecording(Recording):
    """Leaves out what checkers have found."""

    def __init__(self) -> None:
        super().__init__(self._take)
        self.records: list[AnyRecord] = []
        self.found_at: list[int] = []
        """The count of the records when something was found."""

    def _take(self, record: AnyRecord) -> None:
        if isinstance(record, ViolationRecord):
            self.found_at.append(len(self.records))
        else:
            self.records.append(record)


def rerun(lab: Lab) -> LabRun:
    """Make a lab's run. Raises `NoViolation` if it doesn't end as the table says."""
    recording = _LabRecording()
    study = Study(lab.cutting.nodes, lab.tenure, _FAULTS_S)
    with plant(lab.mistake, without_assertions=True):
        plan = study.cut(lab.seed, lab.cutting)
        result = run(plan, Trace(recording=recording), to_the_fork=True)
    last, records = result.violation or result.found_before, recording.records
    if last is None or (lab.ending is Ending.TWO_CHAINS and result.violation is None):
        raise NoViolation(lab.title)
    first = result.found_before or last
    place = place_of(first, records, recording.found_at[0])
    assert place is not None, first
    about = (place.node, place.life, place.number)
    if lab.ending is Ending.ALARM:
        places = [(each.node, each.life, each.number) for each in records]
        records = records[: _end_of_event(records, places.index(about)) + 1]
    number = 1 + max(each.number for each in records if each.node == 0)
    header = Header(
        "trace",
        VERSION,
        "simulated",
        plan.nodes,
        plan.tenure.value,
        command=f"benmo lab {lab.number}",
    )
    return LabRun(
        header,
        [_task(lab), *records, _end(lab, last, records[-1].time, number)],
        first,
        last,
        about,
    )


def _task(lab: Lab) -> NoteRecord:
    return NoteRecord(node=0, life=0, number=0, time=0.0, text=f"{lab.title}. {lab.task}")


def _end(lab: Lab, last: Finding, time: float, number: int) -> ViolationRecord:
    """The violation with which the trace ends; an alarm's sentence would tell which it is."""
    is_harm = lab.ending is Ending.TWO_CHAINS
    return ViolationRecord(
        node=0,
        life=0,
        number=number,
        time=time,
        checker=last.checker if is_harm else "alarm",
        sentence=last.sentence if is_harm else "a rule is broken, and harm may come of it",
        of=(last.node or 0) if is_harm else 0,
    )


def _end_of_event(records: list[AnyRecord], at: int) -> int:
    """The index of the last record of the event to which a record belongs."""
    one = records[at]
    event = one.cause or one.number
    same = [
        index
        for index, each in enumerate(records[at:], at)
        if (each.node, each.life) == (one.node, one.life) and (each.cause or each.number) == event
    ]
    return same[-1]


def tasks(lab: Lab, made: LabRun) -> bytes:
    """Write what the page asks about a lab's run, and what is right, as JSON."""
    source, patch = differing_code(lab.mistake)
    return msgspec.json.encode(
        {
            "number": lab.number,
            "title": lab.title,
            "task": lab.task,
            "kind": "harm" if lab.ending is Ending.TWO_CHAINS else "alarm",
            "rules": list(RULES.items()),
            "rule": made.first.rule.removeprefix("rule "),
            "about": made.about,
            "found": f"Found: {made.first.sentence}.",
            "mistake": sentence(lab.mistake).removesuffix("."),
            "setting": _SETTING[lab.ending],
            "source": source,
            "patch": patch,
        }
    )


def trace_bytes(made: LabRun) -> bytes:
    """Write a lab's trace as JSON Lines."""
    return b"".join(msgspec.json.encode(each) + b"\n" for each in (made.header, *made.records))
