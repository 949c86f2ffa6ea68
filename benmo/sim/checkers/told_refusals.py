"""A request with too low a ballot is answered with the higher one: no refusal is silent."""

from __future__ import annotations

from collections import defaultdict

from benmo.engine.events import Received
from benmo.paxos.messages import Accept, Message, Nack, Prepare
from benmo.paxos.types import Ballot, MemberId, NodeId
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History
from benmo.sim.machine import Machine, Turn
from benmo.storage.journal import NodeState


class ToldRefusals(Checker):
    """Compares requests below a node's promise with the nacks that left in the same turn."""

    name = "told refusals"
    rule = "rule A6"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self._promised: defaultdict[MemberId, Ballot] = defaultdict(lambda: Ballot.ZERO)
        self._nacks: set[tuple[MemberId, NodeId, Ballot]] = set()

    def on_start(self, machine: Machine, state: NodeState) -> None:
        self._promised[machine.member] = state.promised

    def on_sent(self, machine: Machine, to: NodeId, message: Message) -> None:
        if isinstance(message, Nack):
            self._nacks.add((machine.member, to, message.ballot))

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        promised = self._promised[machine.member]
        for event in turn.events:
            match event:
                case Received(sender, Prepare(ballot)) if ballot < promised:
                    self._require_nack(machine, sender, ballot)
                case Received(sender, Accept(proposal)) if proposal.ballot < promised:
                    self._require_nack(machine, sender, proposal.ballot)
        self._nacks.clear()
        assert machine.engine is not None
        self._promised[machine.member] = machine.engine.replica.acceptor.promised

    def _require_nack(self, machine: Machine, sender: NodeId, ballot: Ballot) -> None:
        node = machine.node
        if (machine.member, sender, ballot) in self._nacks or sender in machine.sends_not:
            return
        sentence = f"node {node} doesn't tell node {sender} that ballot {ballot} is too low"
        self.fail(sentence, node=node, ballot=ballot)
