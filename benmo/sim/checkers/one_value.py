"""In one slot and ballot at most one block is proposed, accepted, reported or decided."""

from __future__ import annotations

from benmo.paxos.messages import Accept, Decide, Message, Promise
from benmo.paxos.types import Ballot, NodeId, Proposal
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History
from benmo.sim.checkers.words import short
from benmo.sim.machine import Machine


class OneValue(Checker):
    """Looks at every message that names a block."""

    name = "one value"
    rule = "rule P6"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self._hashes: dict[tuple[int, Ballot], str] = {}

    def on_sent(self, machine: Machine, to: NodeId, message: Message) -> None:
        match message:
            case Accept(Proposal() as proposal) | Promise(_, _, Proposal() as proposal):
                self._one(proposal.slot, proposal.ballot, proposal.block.hash)
            case Decide(slot, ballot, block_hash):
                self._one(slot, ballot, block_hash)

    def _one(self, slot: int, ballot: Ballot, block_hash: str) -> None:
        known = self._hashes.setdefault((slot, ballot), block_hash)
        if known != block_hash:
            node, blocks = ballot.node, f"{short(known)} and {short(block_hash)}"
            sentence = f"node {node} proposed two blocks for slot {slot} in {ballot}, {blocks}"
            self.fail(sentence, node=node, slot=slot, ballot=ballot)
