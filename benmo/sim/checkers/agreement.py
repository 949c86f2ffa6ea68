"""Promise 3: of any two nodes' chains, one is a prefix of the other, always.

The hash of a chain's head stands for the chain, since each block contains the hash of the one
before. So it is enough to know the one chain that was first seen, and to compare heads.
"""

from __future__ import annotations

from typing import NoReturn

from benmo.ledger.blocks import AppliedBlock
from benmo.paxos.types import GENESIS_HASH, Ballot, NodeId
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History
from benmo.sim.checkers.words import short
from benmo.sim.machine import Machine, Turn
from benmo.sim.violation import Finding, Fork
from benmo.storage.journal import NodeState


class Agreement(Checker):
    """Knows every decided block, in the order of slots, and the node that first showed it."""

    name = "agreement"
    rule = "promise 3"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self.chain: list[AppliedBlock] = []
        self._first: list[NodeId] = []
        self._heads = [GENESIS_HASH]

    def on_start(self, machine: Machine, state: NodeState) -> None:
        """Take in decisions that a node found on its disk: it died before it could show them."""
        assert machine.storage is not None
        while len(self.chain) < state.ledger.height:
            (applied, *_) = machine.storage.read(len(self.chain) + 1, 1)
            self._on_applied(machine, applied)
        self._require_known(machine, state.ledger.height, state.ledger.head)

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        for applied in turn.report.applied:
            self._on_applied(machine, applied)
        assert machine.engine is not None
        ledger = machine.engine.ledger
        self._require_known(machine, ledger.height, ledger.head)

    def _on_applied(self, machine: Machine, applied: AppliedBlock) -> None:
        node, slot = machine.node, applied.block.slot
        if slot == len(self.chain) + 1:
            self.chain.append(applied)
            self._first.append(node)
            self._heads.append(applied.block.hash)
        if slot > len(self.chain):
            sentence = f"node {node} decided slot {slot} before any node decided those below"
            self.fail(sentence, node=node, slot=slot, ballot=applied.block.ballot)
        known = self.chain[slot - 1]
        if known.block.hash != applied.block.hash:
            self._fail_forked(node, applied)
        if known != applied:
            first = self._first[slot - 1]
            sentence = f"nodes {first} and {node} decided the same block in slot {slot}, but with"
            self.fail(f"{sentence} other outcomes of its transfers", node=node, slot=slot)

    def _require_known(self, machine: Machine, height: int, head: str) -> None:
        node = machine.node
        is_known = height < len(self._heads)
        self.require(is_known, f"node {node} is at height {height}, which nobody decided", node)
        if self._heads[height] != head:
            self._fail_forked(node, self._differing(machine, height))

    def _differing(self, machine: Machine, height: int) -> AppliedBlock | None:
        """Find the first block of a node's chain that isn't the known one, if it can be read."""
        assert machine.storage is not None
        for slot in range(1, min(height, machine.storage.height) + 1):
            applied = machine.storage.read(slot, 1)[0]
            if applied.block.hash != self._heads[slot]:
                return applied
        return None

    def _fail_forked(self, node: NodeId, other: AppliedBlock | None) -> NoReturn:
        if other is None:
            self.fail(f"node {node} knows of another head than its chain's", node=node)
        slot, ballot = other.block.slot, other.block.ballot
        known = self.chain[slot - 1]
        sentence = (
            f"node {self._first[slot - 1]} decided {_block_text(known)} for slot {slot}, "
            f"and node {node} decided {_block_text(other)}"
        )
        raise Fork(Finding(self.name, sentence, self.rule, node, slot, ballot))


def _block_text(applied: AppliedBlock) -> str:
    block, decided_in = applied.block, applied.decided_in
    decided = "" if decided_in == Ballot.ZERO else f", decided in {decided_in}"
    return f"block {short(block.hash)} (first proposed in {block.ballot}{decided})"
