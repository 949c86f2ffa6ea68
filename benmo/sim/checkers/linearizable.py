"""A confirmed height misses nothing: a read at that height is linearizable.

When a question comes to a node's engine, nodes have applied some blocks, and sent word of some. The
answer's height must be at least the slot of each of these. After all faults a question must be
answered, and the node must reach the height in the answer. The members that answered must be a
majority of those that vote above that height.
"""

from __future__ import annotations

from itertools import islice

from benmo.engine.events import ReadRequested, Received
from benmo.ledger.blocks import AppliedBlock
from benmo.paxos.messages import (
    Accept,
    Behind,
    Blocks,
    Confirm,
    Confirmed,
    Decide,
    Heartbeat,
    Message,
    Promise,
)
from benmo.paxos.types import MemberId, NodeId
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History
from benmo.sim.checkers.words import nodes_text
from benmo.sim.machine import Machine, Turn


class Linearizable(Checker):
    """Knows the highest slot that was shown as decided, and what it was at each question."""

    name = "linearizable"
    rule = "promise 4"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self._shown = 0
        self._asked: dict[int, tuple[MemberId, int, int]] = {}
        """By ticket: the member that was asked, and until then the highest slot that was shown and
        how many questions any member had sent."""
        self._expected: dict[int, Machine] = {}
        self._answered: dict[int, int] = {}
        self._confirmed_by: dict[tuple[MemberId, int], set[MemberId]] = {}
        """By the asker and the number of a question, in their order: the members that answered."""

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
            case Confirm(number):
                self._confirmed_by.setdefault((machine.member, number), {machine.member})
            case Accept(proposal):
                self._shown = max(self._shown, proposal.slot - 1)
            case Promise(_, height, _) | Heartbeat(height, _) | Blocks(_, height) | Behind(height):
                self._shown = max(self._shown, height)

    def on_arrived(self, machine: Machine, event: Received) -> None:
        if isinstance(event.message, Confirmed):
            asked = machine.member, event.message.number
            self._confirmed_by.get(asked, set()).add(event.member)

    def on_asked(self, machine: Machine, event: ReadRequested) -> None:
        self._asked[event.ticket] = (machine.member, self._shown, len(self._confirmed_by))

    def on_death(self, machine: Machine) -> None:
        """Forget the questions to a node that died: nobody waits for their answers."""
        self._asked = {
            ticket: asked for ticket, asked in self._asked.items() if asked[0] != machine.member
        }

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        for confirmation in turn.report.confirmations:
            member, shown, sent = self._asked.pop(confirmation.ticket, ("", 0, 0))
            is_asked = member == machine.member
            self.require(is_asked, f"node {machine.label} answers what nobody asked it")
            self.require(
                confirmation.height >= shown,
                f"node {machine.label} is told that the chain may be at {confirmation.height}, "
                f"though slot {shown} had been decided when it asked",
            )
            self._answered[confirmation.ticket] = confirmation.height
            self._require_quorum(machine, confirmation.height, sent)

    def _require_quorum(self, machine: Machine, height: int, sent: int) -> None:
        """Require that a majority of those that vote above a confirmed height has answered.

        They have answered a question that was sent after the `sent` first ones.
        """
        voters = self.history.of_slot(height + 1, machine)
        answers = [
            members
            for (asker, _), members in islice(self._confirmed_by.items(), sent, None)
            if asker == machine.member
        ]
        if not any(map(voters.has_quorum, answers)):
            most = max(
                answers, key=lambda members: len(voters.among(members)), default={machine.member}
            )
            self.fail(
                f"node {machine.label} takes height {height} for confirmed by "
                f"{nodes_text(most)}, where those of {nodes_text(voters.ids.values())} vote",
                node=machine.node,
            )

    def why_not(self, survivors: Machines) -> str:
        """Say which answer these machines still lack; empty if none."""
        for ticket, machine in self._expected.items():
            node, engine = machine.label, machine.engine
            is_voter = self.history.latest.is_voter(machine.member)
            if machine not in survivors or engine is None or not is_voter:
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
