"""Under one key a node pays once, as long as the chain lasts; a retry gets the true outcome.

A node's answer about a transfer that it knows by its key is compared with the queue and the chain.
At the end every key of the chain is looked up once more.
"""

from __future__ import annotations

from benmo.engine.events import Admission
from benmo.errors import Reason, StateError
from benmo.ledger.blocks import AppliedBlock, Outcome
from benmo.ledger.payment_keys import KnownPayment
from benmo.ledger.transfers import Payments, Run, Transfer
from benmo.paxos.types import MemberId, NodeId
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History
from benmo.sim.machine import Machine, Turn, submitted


class KeyedPayments(Checker):
    """Knows the transfer of each key, as far as answers showed it, and its outcome.

    What a member has queued under a key is known to that member alone; what was decided, to the
    next members of its node, too.
    """

    name = "keys"
    rule = "promise 2"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self._queued: dict[tuple[MemberId, str], Transfer] = {}
        self._decided: dict[tuple[NodeId, str], KnownPayment] = {}

    def on_decided(self, machine: Machine, applied: AppliedBlock) -> None:
        for transfer, outcome in applied.outcomes():
            if not transfer.key or outcome is Outcome.SKIPPED:
                continue
            key = (transfer.debit_node, transfer.key)
            earlier = self._decided.get(key)
            self.require(
                earlier is None,
                f"{transfer} is {outcome} under the key {transfer.key!r}, as was "
                f"{earlier and earlier.transfer}",
            )
            self._decided[key] = KnownPayment(transfer, applied.block.slot, outcome)

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        payments = {event.ticket: event.payments for event in submitted(turn.events)}
        for admission in turn.report.admissions:
            asked = payments.get(admission.ticket)
            if asked is None or not any(asked.key):
                continue
            if self._knows_all(machine) and admission.code is not Reason.NO_VOTE:
                self._check(machine, turn, asked, admission)
            if admission.run is not None:
                self._note_queued(machine, admission.run)

    def _knows_all(self, machine: Machine) -> bool:
        """Whether a machine is its node's member, and knows it: only then it must know all keys."""
        is_voter = machine.engine is not None and machine.engine.replica.is_voter
        return is_voter and self.history.latest.is_voter(machine.member)

    def _note_queued(self, machine: Machine, run: Run) -> None:
        for transfer in run.transfers():
            if transfer.key:
                self._queued[machine.member, transfer.key] = transfer

    def _used(self, machine: Machine, key: str) -> Transfer | None:
        """The transfer for which a key stands at a machine; None if it is new, or empty."""
        decided = self._decided.get((machine.node, key))
        return self._queued.get((machine.member, key)) if decided is None else decided.transfer

    def _check(self, machine: Machine, turn: Turn, asked: Payments, admission: Admission) -> None:
        wanted = list(asked.numbered(machine.node, 1).transfers())
        if admission.run is None:
            self._require_refusable(machine, wanted, admission)
            return
        for position, transfer in enumerate(wanted):
            known = admission.known.get(position)
            used = self._used(machine, transfer.key)
            if known is not None:
                self._require_true(machine, turn, transfer, known)
            elif used is not None:
                is_new = admission.run.first <= used.number < admission.run.end
                self.require(is_new, f"node {machine.label} forgot that {_key(used)}")

    def _require_refusable(
        self, machine: Machine, wanted: list[Transfer], admission: Admission
    ) -> None:
        """Require that what was queued before isn't refused, nor taken for too much."""
        new = [transfer for transfer in wanted if not self._is_retry(machine, transfer)]
        who, reason = f"node {machine.label}", admission.reason
        self.require(bool(new), f"{who} refuses to know {_key(wanted[0])}: {reason}")
        is_too_much = len(new) > self.facts.log_limit or admission.code is not Reason.TOO_MANY
        self.require(is_too_much, f"{who} refuses {len(new)} new payments: {reason}")

    def _is_retry(self, machine: Machine, transfer: Transfer) -> bool:
        used = self._used(machine, transfer.key)
        return used is not None and _payment(used) == _payment(transfer)

    def _require_true(
        self, machine: Machine, turn: Turn, asked: Transfer, known: KnownPayment
    ) -> None:
        node, transfer = machine.node, known.transfer
        used = self._used(machine, asked.key) or transfer
        is_it = transfer == used and transfer.debit_node == node and transfer.key == asked.key
        self.require(
            is_it, f"node {node} takes {_key(transfer)} for what was asked under {asked.key!r}"
        )
        is_same = _payment(transfer) == _payment(asked)
        self.require(is_same, f"node {node} takes {_key(transfer)} for {asked}")
        if known.slot is None:
            is_waiting = known.outcome is None and _waits(machine, turn, transfer)
            self.require(
                is_waiting, f"node {node} says that {_key(transfer)} waits, which it doesn't"
            )
        else:
            self._require_decided(node, known)

    def _require_decided(self, node: NodeId, known: KnownPayment) -> None:
        decided = self._decided.get((node, known.transfer.key))
        self.require(
            known == decided,
            f"node {node} says that {_key(known.transfer)} was {known.outcome} in slot "
            f"{known.slot}, which it wasn't",
        )

    def at_end(self, survivors: Machines) -> None:
        of_node = {each.node: each.engine for each in survivors if self._knows_all(each)}
        for (node, key), decided in self._decided.items():
            engine = of_node.get(node)
            if engine is not None:
                try:
                    known = engine.keys.find(key)
                except StateError as error:
                    self.fail(f"node {node} can't look for a key: {error}", node=node)
                self.require(known is not None, f"node {node} forgot that {_key(decided.transfer)}")
                assert known is not None
                self._require_decided(node, known)


def _payment(transfer: Transfer) -> tuple[NodeId, int, str]:
    return (transfer.credit_node, transfer.amount, transfer.memo)


def _key(transfer: Transfer) -> str:
    return f"{transfer.key!r} stands for {transfer}"


def _waits(machine: Machine, turn: Turn, transfer: Transfer) -> bool:
    """Whether a transfer is in the queue after the turn, or was decided in this very turn."""
    decided = [each for applied in turn.report.applied for each in applied.block.transfers()]
    return transfer in machine.queue.transfers() or transfer in decided
