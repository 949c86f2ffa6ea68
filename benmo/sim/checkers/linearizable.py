"""A confirmed height misses nothing: a read at that height is linearizable.

When a question comes to a node's engine, nodes have applied some blocks, and sent word of some. The
answer's height must be at least the slot of each of these. After all faults a question must be
answered, and the node must reach the height in the answer.
"""

from __future__ import annotations

from benmo.engine.events import ReadRequested
from benmo.ledger.blocks import AppliedBlock
from benmo.paxos.messages import Accept, Behind, Blocks, Decide, Heartbeat, Message, Promise
from benmo.paxos.types import MemberId, NodeId
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.machine import Machine, Turn


class Linearizable(Checker):
    """Knows the highest slot that was shown as decided, and what it was at each question."""

    name = "linearizable"
    rule = "promise 4"

    def __init__(self, facts: Facts, machines: Machines) -> None:
        super().__init__(facts, machines)
        self._shown = 0
        self._asked: dict[int, tuple[MemberId, int]] = {}
        """By ticket: the member that was asked, and the highest slot shown until then."""
        self._expected: dict[int, Machine] = {}
        self._answered: dict[int, int] = {}

    def expect(self, ticket: int, machine: Machine) -> None:
        """Require an answer to the question under this ticket: all faults have ended."""
        self._expected[ticket] = machine

    def on_decided(self, machine: Machine, applied: AppliedBlock) -> None:
        self._shown = max(self._shown, applied.block.slot)

    def on_sent(self, machine: Machine, to: NodeId, message: Message) -> None:
        """Note what a message shows: its sender may die before the turn's end."""
        match message:
            case Decide(slot, _, _):
                self._shown = max(self._shown, slot)
            case Accept(proposal):
                self._shown = max(self._shown, proposal.slot - 1)
            case Promise(_, height, _) | Heartbeat(height, _) | Blocks(_, height) | Behind(height):
                self._shown = max(self._shown, height)

    def on_asked(self, machine: Machine, event: ReadRequested) -> None:
        self._asked[event.ticket] = (machine.member, self._shown)

    def on_death(self, machine: Machine) -> None:
        """Forget the questions to a node that died: nobody waits for their answers."""
        self._asked = {
            ticket: asked for ticket, asked in self._asked.items() if asked[0] != machine.member
        }

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        for confirmation in turn.report.confirmations:
            member, shown = self._asked.pop(confirmation.ticket, ("", 0))
            is_asked = member == machine.member
            self.require(is_asked, f"node {machine.node} answers what nobody asked it")
            self.require(
                confirmation.height >= shown,
                f"node {machine.node} is told that the chain may be at {confirmation.height}, "
                f"though slot {shown} had been decided when it asked",
            )
            self._answered[confirmation.ticket] = confirmation.height

    def why_not(self, survivors: Machines) -> str:
        """Say which answer these machines still lack; empty if none."""
        for ticket, machine in self._expected.items():
            node, engine = machine.node, machine.engine
            if machine not in survivors or engine is None:
                continue
            height = self._answered.get(ticket)
            if height is None:
                return f"node {node} isn't told how far the chain may be"
            if engine.ledger.height < height:
                return f"node {node} was told of height {height}, and is at {engine.ledger.height}"
        return ""

    def at_end(self, survivors: Machines) -> None:
        why_not = self.why_not(survivors)
        self.require(not why_not, f"{why_not}, long after all faults ended")
