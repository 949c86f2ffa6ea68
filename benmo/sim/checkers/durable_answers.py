"""Promise 1: a block shown as decided is on the disks of a quorum; a transfer answered as queued is
on the node's own. No power cut can take them away.

A disk counts if the block's very bytes are where no power cut can lose them. A disk that the
simulation itself has damaged counts, too.
"""

from __future__ import annotations

from collections.abc import Iterable

from benmo.errors import StateError
from benmo.ledger.blocks import AppliedBlock, Block
from benmo.ledger.payment_keys import KnownPayment
from benmo.ledger.transfers import Run
from benmo.paxos.types import MemberId
from benmo.sim.checkers.checker import Checker
from benmo.sim.checkers.words import nodes_text
from benmo.sim.machine import CLUSTER, Machine, Turn
from benmo.storage.node_storage import NodeStorage
from benmo.typed_json import to_json


class DurableAnswers(Checker):
    """Looks at all disks when a slot is first shown as decided."""

    name = "durable answers"
    rule = "promise 1"

    def on_decided(self, machine: Machine, applied: AppliedBlock) -> None:
        self._require_durable(machine, applied.block)

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        for admission in turn.report.admissions:
            if admission.run is not None and not machine.is_damaged:
                self._require_queued(machine, admission.run, admission.known.values())

    def _require_queued(self, machine: Machine, run: Run, known: Iterable[KnownPayment]) -> None:
        """Require all that an answer says to be queued, whether it was queued now or before.

        The run's line will do, or a checkpoint of the same turn that has it among others.
        """
        before = [each.transfer.number for each in known if each.outcome is None]
        is_new = len(run) > 0 and not machine.disk.surely_holds(to_json(run).encode())
        for number in (*before, *([run.end - 1] if is_new else [])):
            self.require(
                _is_queued_after_power_cut(machine, number),
                f"node {machine.label} answers that {run.debit}-{number} is queued, but a power "
                f"cut would lose it",
            )

    def _require_durable(self, machine: Machine, block: Block) -> None:
        voters = self.history.of_slot(block.slot, machine)
        holders = [
            each.member
            for each in self.machines
            if voters.is_voter(each.member)
            and (each.is_damaged or each.disk.surely_holds(block.data))
        ]
        self.require(
            len(holders) >= voters.quorum,
            f"node {machine.label} shows slot {block.slot} as decided, but {_disks_text(holders)} "
            f"it for certain",
        )


def _disks_text(members: list[MemberId]) -> str:
    if not members:
        return "no disk holds"
    return f"only {nodes_text(members)} {'hold' if len(members) > 1 else 'holds'}"


def _is_queued_after_power_cut(machine: Machine, number: int) -> bool:
    try:
        _, state = NodeStorage.open(
            machine.disk.after_power_cut(), CLUSTER, machine.node, machine.member
        )
    except StateError:
        return False
    return state.queue.end > number or state.ledger.last.get(machine.node, 0) >= number
