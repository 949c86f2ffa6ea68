"""Promise 7: all that is queued at a connected majority is decided in time."""

from __future__ import annotations

from collections import defaultdict

from benmo.engine.events import Submitted
from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.paxos.types import Change, MemberId
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History
from benmo.sim.machine import Machine, Turn
from benmo.sim.member_names import change_text


class Liveness(Checker):
    """Knows what every node has queued, and which of it is decided."""

    name = "liveness"
    rule = "promise 7"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self.decided = 0
        """The number of transfers that were applied."""
        self._queued: defaultdict[MemberId, set[str]] = defaultdict(set)
        self._changes: list[Change] = []
        self._unanswered: dict[int, Machine] = {}
        self._shown = 0
        """The highest slot that was shown as decided."""

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
                self._queued[machine.member] |= ids

    def on_decided(self, machine: Machine, applied: AppliedBlock) -> None:
        self._shown = applied.block.slot
        voters = self.history.voters[applied.block.slot - 1]
        for transfer, outcome in applied.outcomes():
            if outcome is not Outcome.SKIPPED:
                self.decided += outcome is Outcome.APPLIED
                self._queued[voters.ids.get(transfer.debit_node, "")].discard(transfer.id)

    def expect(self, change: Change) -> None:
        """Require that a change is decided, unless it is void: all faults have ended."""
        self._changes.append(change)

    def why_not(self, survivors: Machines) -> str:
        """Say what isn't decided yet at these machines; empty if everything is."""
        latest, heights = self.history.latest, {}
        for change in self._changes:
            if not self.history.is_over(change):
                return f"it is not decided to {change_text(change)}"
        survivors = [machine for machine in survivors if latest.is_voter(machine.member)]
        for machine in survivors:
            node, engine = machine.label, machine.engine
            if engine is None:
                return f"node {node} doesn't start"
            if len(engine.queue.own):
                return f"node {node} still waits for {len(engine.queue.own)} transfers"
            heights[node] = engine.ledger.height
        if len(set(heights.values())) > 1:
            listed = ", ".join(f"{node}: {height}" for node, height in heights.items())
            return f"the chains' heights are {{{listed}}}"
        if heights and self._shown > max(heights.values()):
            return f"slot {self._shown}, which was shown as decided, is in nobody's chain"
        lost = sorted(transfer for each in survivors for transfer in self._queued[each.member])
        if lost:
            return f"what was queued is not decided: {' '.join(lost)}"
        silent = [each.label for each in self._unanswered.values() if each in survivors]
        return f"node {silent[0]} leaves somebody without an answer" if silent else ""

    def at_end(self, survivors: Machines) -> None:
        why_not = self.why_not(survivors)
        self.require(not why_not, f"{why_not}, long after all faults ended")
