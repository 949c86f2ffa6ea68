"""The base class of the checkers: its methods are called at every step."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, NoReturn

from benmo.engine.events import ReadRequested, Received, Submitted
from benmo.ledger.blocks import AppliedBlock
from benmo.paxos.messages import Message
from benmo.paxos.types import Ballot, NodeId
from benmo.sim.checkers.history import History
from benmo.sim.machine import Machine, Turn
from benmo.sim.violation import Finding, Violation
from benmo.storage.journal import JournalRecord, NodeState


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of the cluster that checkers need."""

    nodes: tuple[NodeId, ...]
    """The nodes that there are at first."""
    balance: int
    log_limit: int
    journal_bytes_max: int
    rogues: frozenset[NodeId]
    """The nodes that forward what they have never queued."""


Machines = Collection[Machine]
"""All machines of the world, the dead ones included; there may be more of them later."""


class Checker:
    """One checker: overrides the steps that it checks, and never changes `machines`."""

    name: ClassVar[str]
    rule: ClassVar[str] = ""
    """The promise of README.md that is broken if the checker names no other rule."""

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        self.facts = facts
        self.machines = machines
        self.history = history if history is not None else History(facts.nodes, facts.balance)

    def on_start(self, machine: Machine, state: NodeState) -> None:
        """A process started, and recovered this state from its disk."""

    def on_death(self, machine: Machine) -> None:
        """A process ended."""

    def on_submitted(self, machine: Machine, event: Submitted) -> None:
        """Somebody at a node wants to pay; no answer yet."""

    def on_asked(self, machine: Machine, event: ReadRequested) -> None:
        """A node's engine is about to be asked how far the chain may be."""

    def on_recorded(self, machine: Machine, record: JournalRecord) -> None:
        """A node is about to append a record to its journal."""

    def on_arrived(self, machine: Machine, event: Received) -> None:
        """A message reached a living machine, which will turn to it soon."""

    def on_sent(self, machine: Machine, to: NodeId, message: Message) -> None:
        """A message leaves a node."""

    def on_decided(self, machine: Machine, applied: AppliedBlock) -> None:
        """A node is the first to show that a slot is decided; slots come in their order."""

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        """A turn's answers are shown; lines for which nobody waits aren't written yet."""

    def after_turn(self, machine: Machine, turn: Turn) -> None:
        """A turn is over, and all its lines are written."""

    def on_left(self, machine: Machine) -> None:
        """A retired member is about to end, since it finds that others know enough."""

    def at_end(self, survivors: Machines) -> None:
        """The run is over; these machines had no faults for a while."""

    def require(self, condition: bool, sentence: str, node: NodeId | None = None) -> None:
        """Raise `Violation` with the sentence unless the condition holds."""
        if not condition:
            self.fail(sentence, node=node)

    def fail(
        self,
        sentence: str,
        rule: str = "",
        *,
        node: NodeId | None = None,
        slot: int | None = None,
        ballot: Ballot | None = None,
    ) -> NoReturn:
        """Raise `Violation`: this rule is broken, by this node, about this slot and ballot."""
        raise Violation(Finding(self.name, sentence, rule or self.rule, node, slot, ballot))
