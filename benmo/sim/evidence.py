"""The record in which a finding shows."""

from __future__ import annotations

from collections.abc import Sequence

from benmo.sim.violation import Finding
from benmo.tape.records import (
    AcceptedRecord,
    AnyRecord,
    DecidedRecord,
    DroppedRecord,
    PromisedRecord,
    SentRecord,
)
from benmo.tape.world_records import RecordPlace

_Kinds = tuple[type[AnyRecord], ...]

_LEFT: _Kinds = (SentRecord, DroppedRecord)
_BREAKING: dict[str, _Kinds] = {
    "rule A1": (PromisedRecord, AcceptedRecord),
    "rule A3": (AcceptedRecord,),
    "rule A4": _LEFT,
    "rule A5": (PromisedRecord, AcceptedRecord),
    "rule P3": _LEFT,
    "rule P4": _LEFT,
    "rule P5": _LEFT,
    "rule P6": _LEFT,
    "rule P7": (DecidedRecord,),
    "rule L2": (DecidedRecord,),
    "promise 3": (DecidedRecord,),
    "quorums": (AcceptedRecord,),
}
"""The kinds of the records by which a node breaks a rule: by rule, promise, or else checker."""


def place_of(
    finding: Finding, records: Sequence[AnyRecord], at: int | None = None
) -> RecordPlace | None:
    """Find the record in which a finding shows: one of its node, slot and ballot.

    The finding came once the first `at` of these records were there, or all of them: the nearest
    one is taken. That is one of a kind that breaks the rule, or else one of the slot and ballot, of
    the ballot, of the slot, or of the node. None if the finding says nothing of the three, or
    nothing is recorded of them.
    """
    last = (len(records) if at is None else at) - 1
    by_distance = sorted(enumerate(records), key=lambda each: abs(each[0] - last))
    node, slot, ballot = finding.node, finding.slot, finding.ballot
    kinds = _BREAKING.get(finding.rule or finding.checker, ())
    nearest = [each for _, each in by_distance if node is None or each.node == node]
    of_ballot = [each for each in nearest if ballot is not None and _of(each, "ballot") == ballot]
    of_slot = [each for each in nearest if slot is not None and _of(each, "slot") == slot]
    breaking = [each for each in of_ballot or of_slot if isinstance(each, kinds)]
    of_both = [each for each in of_ballot if _of(each, "slot") == slot]
    of_node = nearest if node is not None else []
    found = next(iter((*breaking, *of_both, *of_ballot, *of_slot, *of_node)), None)
    return None if found is None else RecordPlace(found.node, found.life, found.number)


def _of(record: AnyRecord, name: str) -> object:
    """The slot or the ballot of a record: its own, or that of its block or message."""
    message = getattr(record, "message", None)
    places = (record, getattr(record, "block", None), message, getattr(message, "block", None))
    return next((getattr(each, name) for each in places if hasattr(each, name)), None)
