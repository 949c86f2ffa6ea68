"""The trace of a run: a line for each step, and the hash of all lines.

    0.004211 > 1->2 Prepare (1, 1)          node 1 sent it
    0.005377 < 1->2 Prepare (1, 1)          node 2 received it
    0.005377 = 2 promised ballot (1, 1) to node 1
    0.210943 ! node 3 is killed             a fault, the end of one, or a user's request

The number is the true time in seconds. `3b` is node 3's second member. Lines are made only where
they are wanted; a run that nobody traces keeps its last steps.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import TYPE_CHECKING, TextIO

from benmo.engine.events import Admission, Report
from benmo.ledger.blocks import AppliedBlock, Block, Outcome
from benmo.ledger.transfers import Run
from benmo.paxos.messages import (
    Accept,
    Accepted,
    Behind,
    Blocks,
    Confirm,
    Confirmed,
    Decide,
    Forward,
    Heartbeat,
    Message,
    Nack,
    Prepare,
    Promise,
)
from benmo.paxos.types import Change, Proposal
from benmo.sim.member_names import change_text
from benmo.sim.violation import Finding
from benmo.storage.journal import NodeState
from benmo.tape.world_records import ProcessEvent, Way
from benmo.wording import sentence

if TYPE_CHECKING:
    from benmo.sim.machine import Machine
    from benmo.sim.recording import FaultKey, Recording

LAST_STEPS = 40
"""The number of last steps that a failure shows."""


def text_of(message: Message) -> str:
    """Describe a message in the words of its type."""
    match message:
        case Prepare(ballot):
            return f"Prepare {ballot}"
        case Promise(ballot, height, None):
            return f"Promise {ballot} height {height}"
        case Promise(ballot, height, Proposal() as accepted):
            return f"Promise {ballot} height {height}, accepted {accepted_text(accepted)}"
        case Accept(proposal):
            return f"Accept {accepted_text(proposal)}"
        case Accepted(ballot, slot):
            return f"Accepted slot {slot} in {ballot}"
        case Nack(ballot, promised):
            return f"Nack {ballot}, promised {promised}"
        case Decide(slot, ballot, _):
            return f"Decide slot {slot} in {ballot}"
        case Behind(height):
            return f"Behind at height {height}"
        case Blocks(blocks, height):
            return f"Blocks {' '.join(str(block.slot) for block in blocks)}, height {height}"
        case Heartbeat(height, ballot):
            return f"Heartbeat height {height}, leader {ballot}"
        case Forward(Change() as change):
            return f"Forward {change_text(change)}"
        case Forward(run):
            assert isinstance(run, Run)
            return f"Forward {run_text(run)}"
        case Confirm(number):
            return f"Confirm {number}"
        case Confirmed(number, height):
            return f"Confirmed {number}: height {height}"
    raise AssertionError(message)


def accepted_text(proposal: Proposal) -> str:
    """Describe a proposal: slot, ballot and transfers."""
    return f"slot {proposal.slot} in {proposal.ballot}: {ids(proposal.block)}"


def ids(block: object) -> str:
    """List the ids of a block's transfers, and its change of the membership."""
    assert isinstance(block, Block)
    transfers = [transfer.id for transfer in block.transfers()]
    changes = [] if block.change is None else [change_text(block.change)]
    return " ".join((*transfers, *changes))


def run_text(run: Run) -> str:
    """List the ids of a run's transfers."""
    return " ".join(transfer.id for transfer in run.transfers())


def started_text(state: NodeState) -> str:
    """Describe what a start has recovered."""
    accepted = "" if state.accepted is None else f", accepted {accepted_text(state.accepted)}"
    return f"starts: promised {state.promised}, height {state.ledger.height}{accepted}"


def answer_text(admission: Admission) -> str:
    """Describe the answer to somebody who wants to pay."""
    if admission.run is None:
        return f"refuses: {admission.reason}"
    known = [
        f"{known.transfer.id} ({known.outcome or 'queued'})" for known in admission.known.values()
    ]
    queued = [f"queued {run_text(admission.run)}"] if len(admission.run) or not known else []
    return ", ".join([*queued, *(f"knows {each}" for each in known)])


def outcomes(applied: AppliedBlock) -> str:
    """List the transfers of a decided block, and its change, with outcomes but for the applied."""
    found = [
        transfer.id if outcome is Outcome.APPLIED else f"{transfer.id} ({outcome})"
        for transfer, outcome in applied.outcomes()
    ]
    if applied.block.change is not None:
        void = " (void)" if applied.is_change_void else ""
        found.append(f"{change_text(applied.block.change)}{void}")
    return " ".join(found)


_TraceStep = tuple[float, str, str, str, Message | str]


class Trace:
    """Keeps the last steps; with `whole` or a `file`, makes every line and hashes them all.

    `recording`, where there is one, gets the same run as records.
    """

    def __init__(
        self,
        whole: bool = False,
        file: TextIO | None = None,
        recording: Recording | None = None,
    ) -> None:
        self.recording = recording
        self._is_whole = whole or file is not None
        self.file = file
        self._digest = hashlib.sha256()
        self._last: deque[_TraceStep] = deque(maxlen=LAST_STEPS)

    @property
    def hash(self) -> str:
        """The SHA-256 of all lines, in hexadecimal digits."""
        assert self._is_whole, "the hash is of the whole trace"
        return self._digest.hexdigest()

    def message(self, now: float, sign: str, one: str, other: str, message: Message) -> None:
        """Add a message that left (`>`) or arrived (`<`)."""
        self._add((now, sign, one, other, message))

    def state(self, now: float, node: str, text: str) -> None:
        self._add((now, "=", node, "", text))

    def fault(self, now: float, text: str) -> None:
        """Add what no kind of record tells of but that of the world's other words."""
        if self.recording is not None:
            self.recording.world(text)
        self.told(now, text)

    def told(self, now: float, text: str) -> None:
        """Add what other records tell of, so that only the lines need it."""
        self._add((now, "!", "", "", text))

    def process(
        self, now: float, text: str, machine: Machine, event: ProcessEvent, status: str = ""
    ) -> None:
        """Add what happens to a machine's process or disk."""
        if self.recording is not None:
            self.recording.process(machine, event, status)
        self.told(now, text)

    def cut(self, now: float, text: str, key: FaultKey, ways: tuple[Way, ...], shape: str) -> None:
        """Add that nothing passes on some ways, until `healed` of the same key."""
        if self.recording is not None:
            self.recording.cut(key, ways, shape)
        self.told(now, text)

    def healed(self, now: float, text: str, key: FaultKey) -> None:
        if self.recording is not None:
            self.recording.healed(key)
        self.told(now, text)

    def violation(self, now: float, finding: Finding) -> None:
        """Add what a checker has found."""
        self._add((now, "!", "", "", str(finding)))
        if self.recording is not None:
            self.recording.violation(finding)

    def report(self, now: float, node: str, report: Report) -> None:
        """Add the results of a turn."""
        for admission in report.admissions:
            self.state(now, node, answer_text(admission))
        for answer in report.change_answers:
            why = f"refuses to change the members: {answer.reason}"
            self.state(now, node, why if answer.reason else "takes the change up")
        for confirmation in report.confirmations:
            self.state(now, node, f"is told that the chain may be at {confirmation.height}")
        for notice in report.notices:
            self.state(now, node, sentence(notice))
        for applied in report.applied:
            self.state(now, node, f"decided slot {applied.block.slot}: {outcomes(applied)}")

    def last_steps(self) -> list[str]:
        """Make lines of the last steps, leaving out heartbeats."""
        return [_line(step) for step in self._last]

    def _add(self, step: _TraceStep) -> None:
        if not isinstance(step[4], Heartbeat):
            self._last.append(step)
        if self._is_whole:
            line = _line(step) + "\n"
            self._digest.update(line.encode())
            if self.file is not None:
                self.file.write(line)


def _line(step: _TraceStep) -> str:
    now, sign, one, other, what = step
    if isinstance(what, str):
        return f"{now:12.6f} {sign} {f'{one} ' if one else ''}{what}"
    return f"{now:12.6f} {sign} {one}->{other} {text_of(what)}"
