"""The tape of a simulated run: the same records as those of real nodes, and what the world does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from math import inf
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol

from benmo.engine.engine import Engine
from benmo.errors import StateError
from benmo.ledger.blocks import AppliedBlock
from benmo.options import die
from benmo.paxos.messages import Message
from benmo.paxos.types import Ballot, MemberId, NodeId
from benmo.sim.evidence import place_of
from benmo.sim.plan import Plan
from benmo.sim.violation import Finding
from benmo.storage.node_storage import NodeStorage
from benmo.tape.recorder import CHAIN_SHOWN, Recorder
from benmo.tape.records import VERSION, AnyRecord, Header
from benmo.tape.trace_file import TraceWriter
from benmo.tape.world_records import (
    CutRecord,
    DidRecord,
    HealedRecord,
    LostRecord,
    ProcessEvent,
    ProcessRecord,
    ViolationRecord,
    Way,
    WorldRecord,
)

_LIVES_MAX = 1_000_000
"""More starts than a machine has: a later member of a node has greater lives than an earlier."""
_LAST_RECORDS = 5_000
"""How many records are kept to find the one that a violation is about."""


FaultKey = Hashable
"""Names a cut until it is healed."""


class Recorded(Protocol):
    """A member of a node, and its process, whose `engine` and `storage` are None while it is dead.

    `life` is greater for each later process.
    """

    @property
    def node(self) -> NodeId: ...

    @property
    def member(self) -> MemberId: ...

    @property
    def label(self) -> str: ...

    @property
    def life(self) -> int: ...

    @property
    def engine(self) -> Engine | None: ...

    @property
    def storage(self) -> NodeStorage | None: ...


class Recording:
    """Records a run: `emit` takes each record. The world says what time it is."""

    def __init__(self, emit: Callable[[AnyRecord], None]) -> None:
        self._emit = emit
        self._clock: Callable[[], float] = float
        self._recorders: dict[Recorded, Recorder] = {}
        self._lives: dict[Recorded, int] = {}
        self._standing: dict[Recorded, float] = {}
        """The machines that stand still, and until when."""
        self._faults: dict[FaultKey, tuple[int, tuple[Way, ...]]] = {}
        """The numbers and the ways of the cuts that aren't healed."""
        self._last_fault = 0
        self._last: deque[AnyRecord] = deque(maxlen=_LAST_RECORDS)
        """What nodes did, for a violation to name the record that it shows in."""
        self._frames = 0
        self._number = 0

    def begin(self, clock: Callable[[], float]) -> None:
        """Take the time of records from the world's clock, in seconds."""
        self._clock = lambda: round(clock(), 6)

    def started(self, machine: Recorded, engine_now: float, linked: Iterable[NodeId] = ()) -> None:
        """Record a process from its start on.

        `engine_now` is its engine's time; with the nodes `linked`, it is so already.
        """
        assert machine.engine is not None and machine.storage is not None
        life = _life_of(machine)
        recorder = Recorder((machine.node, life), machine.engine, self._clock, self._of_node)
        self._recorders[machine] = machine.engine.tape = recorder
        self._lives[machine] = life
        self.process(machine, ProcessEvent.STARTS)
        chain = _last_blocks(machine.storage, machine.engine.ledger.height)
        recorder.state(dict.fromkeys(linked, True), chain, engine_now)

    def goes_on(self, machine: Recorded) -> None:
        """Record what a process goes on to do with a copy of the engine that it had."""
        assert machine.engine is not None
        recorder = self._recorders[machine]
        machine.engine.tape = recorder
        recorder.goes_on_with(machine.engine)

    def sent(self, machine: Recorded, to: NodeId, message: Message, why_lost: str) -> str:
        """Record what becomes of a message that is sent; return its frame."""
        self._frames += 1
        frame = f"{machine.label}:0:{self._frames}"
        recorder = self._recorders[machine]
        if why_lost:
            recorder.dropped(to, message, why_lost, frame)
        else:
            recorder.sent(to, message, frame, 0.0)
        return frame

    def arrived(self, machine: Recorded, message: Message, frame: str) -> None:
        """Note the frame of a message that has arrived."""
        self._recorders[machine].arrived(message, frame)

    # What the world does.

    def lost(self, frame: str, why: str) -> None:
        """Record that a message was lost after it was sent."""
        self._of_world(LostRecord, frame=frame, why=why)

    def process(self, machine: Recorded, event: ProcessEvent, status: str = "") -> None:
        """Record what happens to a machine's process, also to one that never came to run.

        What happens to its disk is told of its last life.
        """
        self._standing.pop(machine, None)
        is_disk = event is ProcessEvent.LOSES_DISK
        life = self._lives.get(machine, 0) if is_disk else _life_of(machine)
        self._of_world(ProcessRecord, of=machine.node, event=event, of_life=life, status=status)

    def stands_still(self, machine: Recorded, until: float) -> None:
        """Record that a machine stands still; and in due time that it goes on, if it lives."""
        if machine not in self._standing:
            self.process(machine, ProcessEvent.STANDS_STILL)
        self._standing[machine] = round(until, 6)

    def cut(self, key: FaultKey, ways: tuple[Way, ...], shape: str) -> None:
        """Record a cut, in place of an earlier one of the same key."""
        self.healed(key)
        self._last_fault += 1
        self._faults[key] = self._last_fault, ways
        self._of_world(CutRecord, fault=self._last_fault, ways=ways, shape=shape)

    def healed(self, key: FaultKey) -> None:
        """Record that a cut is over, unless it is already."""
        if key in self._faults:
            fault, ways = self._faults.pop(key)
            self._of_world(HealedRecord, fault=fault, ways=ways)

    def calm(self) -> None:
        """Record that all cuts are over, and that whoever stands still goes on."""
        for key in tuple(self._faults):
            self.healed(key)
        self._go_on(inf)

    def world(self, text: str) -> None:
        """Record what no other kind of record tells of."""
        self._of_world(WorldRecord, text=text)

    def did(self, line: str) -> None:
        """Record what somebody has typed."""
        self._of_world(DidRecord, line=line)

    def violation(self, finding: Finding) -> None:
        """Record what a checker has found."""
        about = place_of(finding, self._last)
        self._of_world(
            ViolationRecord,
            checker=finding.checker,
            sentence=finding.sentence,
            of=finding.node or 0,
            slot=finding.slot or 0,
            ballot=finding.ballot or Ballot.ZERO,
            about=() if about is None else (about,),
        )

    def _of_node(self, record: AnyRecord) -> None:
        self._go_on(record.time)
        self._last.append(record)
        self._emit(record)

    def _of_world(self, kind: type[AnyRecord], **fields: Any) -> None:
        now = self._clock()
        self._go_on(now)
        self._put(kind, now, **fields)

    def _go_on(self, upto: float) -> None:
        """Record who has gone on by then."""
        due = [(until, machine) for machine, until in self._standing.items() if until <= upto]
        for until, machine in sorted(due, key=itemgetter(0)):
            del self._standing[machine]
            self._put(
                ProcessRecord,
                min(until, self._clock()),
                of=machine.node,
                event=ProcessEvent.GOES_ON,
                of_life=self._lives[machine],
            )

    def _put(self, kind: type[AnyRecord], time: float, **fields: Any) -> None:
        self._number += 1
        self._emit(kind(node=0, life=0, number=self._number, time=time, **fields))


def _life_of(machine: Recorded) -> int:
    return int(machine.member[:16], 16) * _LIVES_MAX + machine.life


def _last_blocks(storage: NodeStorage, height: int) -> list[AppliedBlock]:
    """The last blocks of a chain; none if they can't be read."""
    try:
        return storage.read(max(1, height - CHAIN_SHOWN + 1), 1 << 20) if height else []
    except StateError:
        return []


@contextmanager
def recorded(path: Path | None, plan: Plan, options: str) -> Iterator[Recording | None]:
    """Record the run of a plan in a file, if one is named; `options` are those of its command."""
    if path is None:
        yield None
        return
    command = f"benmo simulate --seed {plan.seed} {options}"
    tenure = plan.tenure.value
    header = Header("trace", VERSION, "simulated", plan.nodes, tenure, command=command)
    try:
        with TraceWriter(path, header) as writer:
            yield Recording(writer.write)
    except OSError as error:
        die(f"{path} can't be written: {error.strerror}")
