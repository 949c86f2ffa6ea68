"""Promise 7: all that is queued at a connected majority is decided in time."""

from __future__ import annotations

from benmo.engine.events import Submitted
from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.paxos.types import NodeId
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.machine import Machine, Turn


class Liveness(Checker):
    """Knows what every node has queued, and which of it is decided."""

    name = "liveness"
    rule = "promise 7"

    def __init__(self, facts: Facts, machines: Machines) -> None:
        super().__init__(facts, machines)
        self.decided = 0
        """The number of transfers that were applied."""
        self._queued: dict[NodeId, set[str]] = {node: set() for node in facts.nodes}
        self._unanswered: dict[int, NodeId] = {}

    def on_submitted(self, machine: Machine, event: Submitted) -> None:
        self._unanswered[event.ticket] = machine.node

    def on_death(self, machine: Machine) -> None:
        """Forget the requests to a node that died: their users know that no answer will come."""
        self._unanswered = {
            ticket: node for ticket, node in self._unanswered.items() if node != machine.node
        }

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        for admission in turn.report.admissions:
            self._unanswered.pop(admission.ticket, None)
            if admission.run is not None:
                ids = {transfer.id for transfer in admission.run.transfers()}
                self._queued[machine.node] |= ids

    def on_decided(self, machine: Machine, applied: AppliedBlock) -> None:
        for transfer, outcome in applied.outcomes():
            if outcome is Outcome.APPLIED:
                self.decided += 1
                self._queued[transfer.debit_node].discard(transfer.id)

    def why_not(self, survivors: tuple[NodeId, ...]) -> str:
        """Say what isn't decided yet at these nodes; empty if everything is."""
        heights = {}
        for node in survivors:
            engine = self.machines[node].engine
            if engine is None:
                return f"node {node} doesn't start"
            if len(engine.queue.own):
                return f"node {node} still waits for {len(engine.queue.own)} transfers"
            heights[node] = engine.ledger.height
        if len(set(heights.values())) > 1:
            return f"the chains' heights are {heights}"
        lost = sorted(transfer for node in survivors for transfer in self._queued[node])
        if lost:
            return f"what was queued is not decided: {' '.join(lost)}"
        silent = [node for node in self._unanswered.values() if node in survivors]
        return f"node {silent[0]} leaves somebody without an answer" if silent else ""

    def at_end(self, survivors: tuple[NodeId, ...]) -> None:
        why_not = self.why_not(survivors)
        self.require(not why_not, f"{why_not}, long after all faults ended")
