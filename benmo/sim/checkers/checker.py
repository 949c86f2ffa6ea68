"""What a checker is: it is told of every step, and says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from benmo.engine.events import Asked, Submitted
from benmo.ledger.blocks import AppliedBlock
from benmo.paxos.messages import Message
from benmo.paxos.types import NodeId
from benmo.sim.machine import Machine, Turn
from benmo.storage.journal import NodeState


class Violation(Exception):
    """A promise is broken: which checker found it, and how, in one sentence."""

    def __init__(self, checker: str, sentence: str) -> None:
        super().__init__(f"{checker}: {sentence}")
        self.checker = checker
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Facts:
    """What a checker must know of the cluster."""

    nodes: tuple[NodeId, ...]
    quorum: int
    balance: int
    log_limit: int
    journal_bytes_max: int
    rogues: frozenset[NodeId]
    """The nodes that forward what they never queued."""


Machines = Mapping[NodeId, Machine]


class Checker:
    """Overrides what it wants to be told of. `machines` are to be looked at, never touched."""

    name: ClassVar[str]

    def __init__(self, facts: Facts, machines: Machines) -> None:
        self.facts = facts
        self.machines = machines

    def on_start(self, machine: Machine, state: NodeState) -> None:
        """A process started and has found this on its disk."""

    def on_death(self, machine: Machine) -> None:
        """A process ended."""

    def on_submitted(self, machine: Machine, event: Submitted) -> None:
        """Somebody at a node wants to pay; no answer yet."""

    def on_asked(self, machine: Machine, event: Asked) -> None:
        """A node's engine is just going to be asked how far the chain may be."""

    def on_sent(self, machine: Machine, to: NodeId, message: Message) -> None:
        """A message leaves a node."""

    def on_decided(self, machine: Machine, applied: AppliedBlock) -> None:
        """A slot is decided, as far as any node ever showed: once for each, in their order."""

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        """A turn's answers are shown; what nobody waits for isn't written yet."""

    def after_turn(self, machine: Machine, turn: Turn) -> None:
        """A turn came to its end, and all that it led to is written."""

    def at_end(self, survivors: tuple[NodeId, ...]) -> None:
        """The run is over; these nodes had no faults for a while."""

    def require(self, condition: bool, sentence: str) -> None:
        """Raise `Violation` with the sentence unless the condition holds."""
        if not condition:
            raise Violation(self.name, sentence)
