"""In one slot and ballot at most one block is proposed, accepted, reported or decided."""

from __future__ import annotations

from benmo.paxos.messages import Accept, Decide, Message, Promise
from benmo.paxos.types import Ballot, NodeId, Proposal
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.machine import Machine


class OneValue(Checker):
    """Looks at every message that names a block."""

    name = "one value"

    def __init__(self, facts: Facts, machines: Machines) -> None:
        super().__init__(facts, machines)
        self._hashes: dict[tuple[int, Ballot], str] = {}

    def on_sent(self, machine: Machine, to: NodeId, message: Message) -> None:
        match message:
            case Accept(Proposal() as proposal) | Promise(_, _, Proposal() as proposal):
                self._one(proposal.slot, proposal.ballot, proposal.block.hash)
            case Decide(slot, ballot, block_hash):
                self._one(slot, ballot, block_hash)

    def _one(self, slot: int, ballot: Ballot, block_hash: str) -> None:
        known = self._hashes.setdefault((slot, ballot), block_hash)
        self.require(
            known == block_hash, f"there are two blocks for slot {slot} in ballot {ballot}"
        )
