"""The membership is what the chain makes of it, the same at every node; and money obeys it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from benmo.engine.events import ChangeRequested
from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.ledger.transfers import Transfer
from benmo.paxos.types import MemberId, NodeId
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History
from benmo.sim.machine import Machine, Turn, height_of
from benmo.sim.member_names import change_text, label_of
from benmo.storage.journal import JournalRecord, NodeState, QueueRecord


class Members(Checker):
    """Compares each ledger's members with the chain's, and each payment with its member's queue."""

    name = "members"
    rule = "promise 3"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self._queued: defaultdict[MemberId, set[Transfer]] = defaultdict(set)
        """By member, every transfer that was ever in its queue."""

    # The chain.

    def on_decided(self, machine: Machine, applied: AppliedBlock) -> None:
        slot, change = applied.block.slot, applied.block.change
        for transfer, outcome in applied.outcomes():
            if outcome is Outcome.APPLIED and transfer.debit_node not in self.facts.rogues:
                self._require_queued(transfer, slot)
        if change is not None:
            is_void = self.history.is_void[slot - 1]
            if is_void != applied.is_change_void:
                what = "is void, and was carried out" if is_void else "was taken for void"
                self.fail(f"the change in slot {slot}, {change_text(change)}, {what}", slot=slot)

    def _require_queued(self, transfer: Transfer, slot: int) -> None:
        """Require that the member that votes for the paying node has queued this transfer."""
        member = self.history.voters[slot - 1].ids.get(transfer.debit_node)
        if member is None or transfer not in self._queued[member]:
            queued = [each for each, known in self._queued.items() if transfer in known]
            by = f"node {label_of(queued[0])} queued it" if queued else "nobody queued it"
            now = "nobody" if member is None else f"node {label_of(member)}"
            sentence = f"{transfer} is applied in slot {slot}, where {now} pays; {by}"
            self.fail(sentence, "promise 2", slot=slot)

    # The nodes.

    def on_recorded(self, machine: Machine, record: JournalRecord) -> None:
        if isinstance(record, QueueRecord):
            self._queued[machine.member].update(record.run.transfers())

    def on_start(self, machine: Machine, state: NodeState) -> None:
        self._queued[machine.member].update(state.queue.transfers())
        self._require_same(machine)

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        self._require_same(machine)
        asked = [event.ticket for event in turn.events if isinstance(event, ChangeRequested)]
        answered = [answer.ticket for answer in turn.report.change_answers]
        is_answered = asked == answered
        self.require(is_answered, f"node {machine.label} leaves an operator without an answer")

    def on_left(self, machine: Machine) -> None:
        """Require that a quorum of those that vote now has the block that retires a member.

        It must be on their disks, where no power cut can take it away; a disk that the simulation
        itself has damaged counts, too.
        """
        engine = machine.engine
        assert engine is not None
        voted_in = self.history.last_slot_of(machine.member)
        is_retired = voted_in < len(self.history.voters)
        self.require(is_retired, f"node {machine.label} ends, though it votes")
        slot, voting = engine.retired_in or voted_in, engine.membership.nodes
        knowing = {
            each.node
            for each in self.machines
            if each is not machine
            and each.node in voting
            and (each.is_damaged or height_of(each, each.disk.after_power_cut()) >= slot)
        }
        self.require(
            len(knowing) > len(voting) // 2,
            f"node {machine.label}, which slot {slot} retires, ends while {len(knowing)} of "
            f"{len(voting)} nodes have that slot's block for certain",
        )

    def _require_same(self, machine: Machine) -> None:
        """Require that a node's ledger has the voters to which its chain leads."""
        assert machine.engine is not None
        ledger, slots = machine.engine.ledger, self.history.voters
        if ledger.height < len(slots):
            expected, found = slots[ledger.height].ids, ledger.membership.ids
            if dict(expected) != found:
                sentence = (
                    f"for slot {ledger.height + 1}, node {machine.label} counts on "
                    f"{_ids_text(found)}, where {_ids_text(expected)} vote"
                )
                self.fail(sentence, node=machine.node, slot=ledger.height + 1)

    def at_end(self, survivors: Machines) -> None:
        for machine in survivors:
            engine = machine.engine
            if engine is not None and self.history.latest.is_voter(machine.member):
                is_voter = engine.replica.is_voter
                self.require(is_voter, f"node {machine.label} doesn't know that it votes")


def _ids_text(ids: Mapping[NodeId, MemberId]) -> str:
    return ", ".join(label_of(member) for _, member in sorted(ids.items()))
