"""The tape of a simulated run: the same records as those of real nodes, and what the world does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from benmo.engine.engine import Engine
from benmo.errors import StateError
from benmo.ledger.blocks import AppliedBlock
from benmo.options import die
from benmo.paxos.messages import Message
from benmo.paxos.types import MemberId, NodeId
from benmo.sim.plan import Plan
from benmo.sim.violation import Finding
from benmo.storage.journal import NodeState
from benmo.storage.node_storage import NodeStorage
from benmo.tape.recorder import CHAIN_SHOWN, Recorder
from benmo.tape.records import (
    VERSION,
    AnyRecord,
    DidRecord,
    Header,
    ProcessRecord,
    ViolationRecord,
)
from benmo.tape.trace_file import TraceWriter

_LIVES_MAX = 1_000_000
"""More starts than a machine has: a later member of a node has greater lives than an earlier."""


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
        self._frames = 0
        self._number = 0

    def begin(self, clock: Callable[[], float]) -> None:
        """Take the time of records from the world's clock, in seconds."""
        self._clock = lambda: round(clock(), 6)

    def started(self, machine: Recorded, state: NodeState) -> None:
        """Record a process from its start on."""
        assert machine.engine is not None and machine.storage is not None
        life = int(machine.member[:16], 16) * _LIVES_MAX + machine.life
        recorder = Recorder((machine.node, life), machine.engine, self._clock, self._emit)
        self._recorders[machine] = machine.engine.tape = recorder
        self.world("starts", machine.node)
        recorder.state({}, _last_blocks(machine.storage, state.ledger.height))

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

    def world(self, what: str, node: NodeId = 0) -> None:
        """Record what the world does, to a node, or to the network and all."""
        self._number += 1
        self._emit(
            ProcessRecord(
                node=0, life=0, number=self._number, time=self._clock(), of=node, what=what
            )
        )

    def did(self, line: str) -> None:
        """Record what somebody has typed."""
        self._number += 1
        self._emit(DidRecord(node=0, life=0, number=self._number, time=self._clock(), line=line))

    def violation(self, finding: Finding) -> None:
        """Record what a checker has found."""
        self._number += 1
        self._emit(
            ViolationRecord(
                node=0,
                life=0,
                number=self._number,
                time=self._clock(),
                checker=finding.checker,
                sentence=finding.sentence,
                of=finding.node or 0,
            )
        )


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
