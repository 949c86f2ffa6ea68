"""The way to a violation as a trace: its events happen again, with a tape in each node.

A search has no time. In the trace, a millisecond lies between two events, and a node that has
waited has done so until its countdown was over. A message that doesn't arrive on this way stays
under way.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benmo.engine.engine import Engine
from benmo.paxos.messages import Message
from benmo.paxos.types import MemberId, NodeId
from benmo.sim.explore.bounds import Actor, Bounds
from benmo.sim.explore.node import EventResult, Moment
from benmo.sim.explore.parts import Parts, Sent
from benmo.sim.explore.path import PathStep
from benmo.sim.explore.system import Cause, Envelope
from benmo.sim.recording import Recording
from benmo.sim.violation import Finding, Violation
from benmo.storage.node_storage import NodeStorage
from benmo.tape.records import VERSION, AnyRecord, Header, StateRecord, TimerRecord
from benmo.tape.trace_file import TraceWriter
from benmo.tape.world_records import ProcessEvent

_EVENT_S = 0.001
_COUNTDOWNS: dict[Envelope | Cause, str] = {Cause.CAMPAIGN: "election", Cause.TIME_OUT: "round"}


def record(
    path: Path, bounds: Bounds, steps: list[PathStep], violation: Finding, command: str
) -> int:
    """Write the way to a violation into a new file; return how many records. Raises `OSError`."""
    header = Header("trace", VERSION, "explored", bounds.ids, bounds.tenure.value, command=command)
    with TraceWriter(path, header) as writer:
        replay(bounds, steps, violation, writer.write)
    return writer.records


def replay(
    bounds: Bounds, steps: list[PathStep], violation: Finding, emit: Callable[[AnyRecord], None]
) -> None:
    """Let all steps happen again; `emit` takes their records, and the violation last."""
    replayed = _ReplayedWay(bounds, emit)
    for step in steps:
        replayed.step(step)
    replayed.recording.violation(violation)


@dataclass(slots=True, eq=False)
class _ReplayedActor:
    """An actor's process: its engine, and its storage, in the event that happens to it."""

    actor: Actor
    engine: Engine | None = None
    storage: NodeStorage | None = None
    life: int = 0

    @property
    def node(self) -> NodeId:
        return self.actor.node

    @property
    def member(self) -> MemberId:
        return self.actor.member

    @property
    def label(self) -> str:
        return self.actor.label


@dataclass(frozen=True)
class _TapedParts(Parts):
    """Parts whose copy is shown before anything happens to it."""

    show: Callable[[Parts], None]

    def copy(self, now: float) -> Parts:
        parts = super().copy(now)
        self.show(parts)
        return parts


class _ReplayedWay:
    def __init__(self, bounds: Bounds, emit: Callable[[AnyRecord], None]) -> None:
        self.recording = Recording(self._take)
        self._emit = emit
        self._now = 0.0
        self._due: dict[tuple[NodeId, str], float | None] = {}
        """When the nodes' countdowns end."""
        self.recording.begin(lambda: self._now)
        self._actors = {actor: _ReplayedActor(actor) for actor in bounds.actors}
        self._frames: dict[Envelope, list[str]] = {}
        """The frames in which a message has left; but for one, those that haven't arrived."""
        for actor in bounds.actors:
            self._start(Moment.first(bounds, actor))

    def step(self, step: PathStep) -> None:
        """Let one event happen again; if a process dies in it, the rest of it doesn't happen."""
        process = self._actors[step.before.actor]
        due = self._due.get((process.node, _COUNTDOWNS.get(step.cause, "")))
        self._now = max(self._now + _EVENT_S, due or 0.0)
        if isinstance(step.cause, Envelope):
            self.recording.arrived(process, step.cause.message, self._frame(step.cause))
        if not step.crashes:
            self._happen(process, step)
            return
        after, sent, event = _crash(step)
        if sent:
            self._happen(process, step, len(sent))
        process.engine = process.storage = None
        self.recording.process(process, event)
        if isinstance(after, Moment):
            self._start(after)

    def _take(self, record: AnyRecord) -> None:
        if isinstance(record, StateRecord) and record.due_s is not None:
            self._due[record.node, "election"] = record.time + record.due_s
        if isinstance(record, TimerRecord):
            self._due[record.node, record.what] = record.due
        self._emit(record)

    def _start(self, moment: Moment) -> None:
        process = self._actors[moment.actor]
        process.engine, process.storage = moment.parts.engine, moment.parts.storage
        process.life += 1
        self.recording.started(process, moment.now, moment.bounds.all_nodes)

    def _happen(
        self, process: _ReplayedActor, step: PathStep, sends_max: int | None = None
    ) -> None:
        """Let an event happen on tape, up to the `sends_max`-th message that leaves."""
        before, left = step.before, sends_max

        def on_send(to: NodeId, message: Message) -> None:
            nonlocal left
            assert process.engine is not None
            if left != 0:
                self._sent(process, to, message)
                left = None if left is None else left - 1
            if left == 0:
                process.engine.tape = None

        def show(parts: Parts) -> None:
            process.engine, process.storage = parts.engine, parts.storage
            parts.outbox.on_send = on_send
            self.recording.goes_on(process)

        parts = before.parts
        taped = _TapedParts(parts.engine, parts.storage, parts.disk, parts.outbox, show)
        actor, chain, campaigns = before.actor, before.chain, before.campaigns
        with suppress(Violation):
            _again(Moment(before.bounds, actor, taped, chain, campaigns, before.now), step)

    def _sent(self, process: _ReplayedActor, to: NodeId, message: Message) -> None:
        envelope = Envelope(process.actor, to, message)
        frame = self.recording.sent(process, to, message, "")
        self._frames.setdefault(envelope, []).append(frame)

    def _frame(self, envelope: Envelope) -> str:
        """The frame in which a message arrives: one in which it hasn't before, if there is one.

        A `Behind` may arrive without having left, since a node may ask at any time: it does now.
        """
        if envelope not in self._frames:
            self._sent(self._actors[envelope.sender], *envelope[1:])
        frames = self._frames[envelope]
        return frames.pop(0) if len(frames) > 1 else frames[0]


def _again(moment: Moment, step: PathStep) -> EventResult:
    """Let the event of a step happen to a moment, but for a crash. Raises `Violation`."""
    match step.cause:
        case Envelope(sender, _, message):
            return moment.receive(sender, message, step.asked)
        case Cause.ASK:
            assert step.asked is not None
            return moment.ask_for(step.asked)
        case Cause.CAMPAIGN:
            return moment.campaign()
        case Cause.TIME_OUT:
            return moment.time_out()
        case Cause.CRASH:
            return EventResult(moment, (), tuple((each, ()) for each in moment.crash()))


def _crash(step: PathStep) -> tuple[Moment | Violation, Sent, ProcessEvent]:
    """Find the crash of a step: what comes back, what had left by then, and what happened.

    Of each two crashes that `Moment` tries, the first is a kill, the second a power cut.
    """
    wanted: object = step.violation or step.after.identity
    for number, (after, sent) in enumerate(_again(step.before, step).crashed):
        envelopes = {Envelope(step.before.actor, *each) for each in sent}
        if _outcome(after) == wanted and envelopes == set(step.sent):
            return after, sent, (ProcessEvent.KILLED, ProcessEvent.LOSES_POWER)[number % 2]
    raise AssertionError("the crash isn't there any more")


def _outcome(after: Moment | Violation) -> object:
    """What tells one end of a crash from another: a violation, or what the node is then."""
    try:
        if isinstance(after, Violation):
            return after.finding
        assert after.confirmed_height >= 0
        return after.identity
    except Violation as violation:
        return violation.finding
