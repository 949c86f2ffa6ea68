"""Promise 7: all that is queued at a connected majority is decided in time."""

from __future__ import annotations

from collections import defaultdict

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
        self._queued: defaultdict[NodeId, set[str]] = defaultdict(set)
        self._unanswered: dict[int, Machine] = {}

    def on_submitted(self, machine: Machine, event: Submitted) -> None:
        self._unanswered[event.ticket] = machine

    def on_death(self, machine: Machine) -> None:
        """Forget the requests to a node that died: their users know that no answer will come."""
        self._unanswered = {
            ticket: asked for ticket, asked in self._unanswered.items() if asked is not machine
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

    def why_not(self, survivors: Machines) -> str:
        """Say what isn't decided yet at these machines; empty if everything is."""
        heights = {}
        for machine in survivors:
            node, engine = machine.node, machine.engine
            if engine is None:
                return f"node {node} doesn't start"
            if len(engine.queue.own):
                return f"node {node} still waits for {len(engine.queue.own)} transfers"
            heights[node] = engine.ledger.height
        if len(set(heights.values())) > 1:
            return f"the chains' heights are {heights}"
        lost = sorted(transfer for each in survivors for transfer in self._queued[each.node])
        if lost:
            return f"what was queued is not decided: {' '.join(lost)}"
        silent = [each.node for each in self._unanswered.values() if each in survivors]
        return f"node {silent[0]} leaves somebody without an answer" if silent else ""

    def at_end(self, survivors: Machines) -> None:
        why_not = self.why_not(survivors)
        self.require(not why_not, f"{why_not}, long after all faults ended")
