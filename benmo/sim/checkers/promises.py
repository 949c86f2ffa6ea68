"""Promises bind a node: what its acceptor said holds over any crash, whatever its disk lost.

A promise never goes back. An accepted block stays until a block of a higher ballot takes its place
or the slot is decided.
"""

from __future__ import annotations

from benmo.paxos.messages import Accepted, Message, Promise
from benmo.paxos.types import Ballot, Durable, NodeId
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.machine import Machine, Turn
from benmo.storage.journal import NodeState


class Promises(Checker):
    """Compares each node's acceptor with the messages that left the node."""

    name = "promises"

    def __init__(self, facts: Facts, machines: Machines) -> None:
        super().__init__(facts, machines)
        self._promised = dict.fromkeys(facts.nodes, Ballot.ZERO)
        self._accepted: dict[NodeId, tuple[int, Ballot]] = dict.fromkeys(
            facts.nodes, (0, Ballot.ZERO)
        )

    def on_sent(self, machine: Machine, to: NodeId, message: Message) -> None:
        node = machine.node
        match message:
            case Promise(ballot, _, _):
                self._promised[node] = max(self._promised[node], ballot)
            case Accepted(ballot, slot):
                self._promised[node] = max(self._promised[node], ballot)
                self._accepted[node] = max(self._accepted[node], (slot, ballot))

    def on_start(self, machine: Machine, state: NodeState) -> None:
        self._check(machine.node, state.durable)

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        assert machine.engine is not None
        self._check(machine.node, machine.engine.replica.durable)

    def _check(self, node: NodeId, durable: Durable) -> None:
        promised = self._promised[node]
        self.require(
            durable.promised >= promised,
            f"node {node} has promised {promised}, and now knows of {durable.promised}",
        )
        slot, ballot = self._accepted[node]
        if slot > durable.height:
            accepted = durable.accepted
            is_kept = accepted is not None and (accepted.slot, accepted.ballot) >= (slot, ballot)
            self.require(is_kept, f"node {node} forgot that it accepted slot {slot} in {ballot}")
