"""The acceptor's rules A1 and A3 to A5, watched from outside: on its disk and in its messages.

A1 and A3 are about each record that a node is about to write. A4 is about each message that says
that something is on disk. A5 compares what a node has said, in any of its lives, with what it says
and knows later.
"""

from __future__ import annotations

from collections import defaultdict

from benmo.ledger.blocks import Block
from benmo.paxos.messages import Accepted, Message, Prepare, Promise
from benmo.paxos.step import AcceptRecord, PromiseRecord
from benmo.paxos.types import Ballot, Durable, MemberId, NodeId, Proposal
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History
from benmo.sim.checkers.records import RecordedState
from benmo.sim.machine import Machine, Turn
from benmo.storage.journal import JournalRecord, NodeState


class Acceptors(Checker):
    """Knows what each node has on disk, and what it ever told others."""

    name = "acceptors"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self._recorded: defaultdict[MemberId, RecordedState] = defaultdict(RecordedState)
        self._votes: dict[MemberId, dict[tuple[int, Ballot], Proposal]] = {}
        """By member, what it accepted in its present life, or had accepted when that began."""
        self._promised: defaultdict[MemberId, Ballot] = defaultdict(lambda: Ballot.ZERO)
        """The highest ballot that a member told others to have promised or accepted."""
        self._accepted: dict[MemberId, tuple[int, Ballot]] = {}
        """The highest slot and ballot of which a member told others that it accepted them."""

    def promised(self, machine: Machine) -> Ballot:
        """The highest ballot that a machine has recorded, or found at its start."""
        return self._recorded[machine.member].promised

    def on_recorded(self, machine: Machine, record: JournalRecord) -> None:
        match record:
            case PromiseRecord(ballot):
                self._require_promise(machine, ballot)
            case AcceptRecord(proposal):
                self._require_accept(machine, proposal)
                self._votes[machine.member][proposal.slot, proposal.ballot] = proposal
        self._recorded[machine.member].add(record)

    def on_start(self, machine: Machine, state: NodeState) -> None:
        self._require_kept(machine, state.durable)
        self._recorded[machine.member].start(state)
        accepted = state.accepted
        votes = self._votes[machine.member] = {}
        if accepted is not None:
            votes[accepted.slot, accepted.ballot] = accepted

    def on_sent(self, machine: Machine, to: NodeId, message: Message) -> None:
        member = machine.member
        match message:
            case Prepare(ballot) if ballot.node == machine.node:
                self._require_promise_on_disk(machine, ballot, f"Prepare {ballot}")
            case Promise(ballot, height, accepted):
                self._require_promise_on_disk(machine, ballot, f"Promise {ballot}")
                self._require_reported(machine, ballot, height, accepted)
                self._promised[member] = max(self._promised[member], ballot)
            case Accepted(ballot, slot):
                self._require_vote_on_disk(machine, slot, ballot)
                self._promised[member] = max(self._promised[member], ballot)
                self._accepted[member] = max(self._accepted_by(machine), (slot, ballot))

    def on_turn(self, machine: Machine, turn: Turn) -> None:
        assert machine.engine is not None
        self._require_kept(machine, machine.engine.replica.durable)

    def _accepted_by(self, machine: Machine) -> tuple[int, Ballot]:
        return self._accepted.get(machine.member, (0, Ballot.ZERO))

    def _require_promise(self, machine: Machine, ballot: Ballot) -> None:
        node, who, promised = machine.node, machine.label, self.promised(machine)
        if ballot < promised:
            sentence = f"node {who} promised {promised} and then promised {ballot}"
            self.fail(sentence, "rule A1", node=node, ballot=ballot)

    def _require_accept(self, machine: Machine, proposal: Proposal) -> None:
        node, who, recorded = machine.node, machine.label, self._recorded[machine.member]
        promised, height = recorded.promised, recorded.height
        slot, ballot = proposal.slot, proposal.ballot
        if ballot < promised:
            sentence = f"node {who} promised {promised} and then accepted slot {slot} in {ballot}"
            self.fail(sentence, "rule A1", node=node, slot=slot, ballot=ballot)
        if slot != height + 1:
            sentence = f"node {who} accepted slot {slot} in {ballot} while its chain ended at slot"
            self.fail(f"{sentence} {height}", "rule A3", node=node, slot=slot, ballot=ballot)

    def _require_promise_on_disk(self, machine: Machine, ballot: Ballot, said: str) -> None:
        who = machine.label
        pair = f"[{ballot.round},{ballot.node}]"
        lines = (f'"promise","ballot":{pair}', f'"promised":{pair}', f'"ballot":{pair},"block":')
        if not _holds(machine, *(line.encode() for line in lines)):
            sentence = f"node {who} sent {said} before its promise was on its disk"
            self.fail(sentence, "rule A4", node=machine.node, ballot=ballot)

    def _require_vote_on_disk(self, machine: Machine, slot: int, ballot: Ballot) -> None:
        node, who = machine.node, machine.label
        proposal = self._votes[machine.member].get((slot, ballot))
        if proposal is None or not is_on_disk(machine, proposal):
            sentence = f"node {who} sent Accepted for slot {slot} in {ballot} before the block was"
            self.fail(f"{sentence} on its disk", "rule A4", node=node, slot=slot, ballot=ballot)

    def _require_reported(
        self, machine: Machine, promised: Ballot, height: int, accepted: Proposal | None
    ) -> None:
        node, who, (slot, ballot) = machine.node, machine.label, self._accepted_by(machine)
        if slot > height and not _is_as_high(accepted, slot, ballot):
            sentence = (
                f"node {who} accepted slot {slot} in {ballot} and then promised {promised} "
                f"without reporting that"
            )
            self.fail(sentence, "rule A5", node=node, slot=slot, ballot=ballot)

    def _require_kept(self, machine: Machine, durable: Durable) -> None:
        node, who, promised = machine.node, machine.label, self._promised[machine.member]
        if durable.promised < promised:
            sentence = f"node {who} promised {promised}, and now knows only of {durable.promised}"
            self.fail(sentence, "rule A5", node=node, ballot=promised)
        slot, ballot = self._accepted_by(machine)
        if slot > durable.height and not _is_as_high(durable.accepted, slot, ballot):
            sentence = f"node {who} accepted slot {slot} in {ballot}, and forgot it undecided"
            self.fail(sentence, "rule A5", node=node, slot=slot, ballot=ballot)


def is_on_disk(machine: Machine, proposal: Proposal) -> bool:
    """Whether an accepted proposal is where no power cut can take it away."""
    assert isinstance(proposal.block, Block)
    ballot = proposal.ballot
    line = f'"ballot":[{ballot.round},{ballot.node}],"block":'.encode() + proposal.block.data
    return _holds(machine, line)


def _holds(machine: Machine, *lines: bytes) -> bool:
    """Whether the disk surely holds one of these; one that the simulation damaged may."""
    return machine.is_damaged or any(machine.disk.surely_holds(line) for line in lines)


def _is_as_high(accepted: Proposal | None, slot: int, ballot: Ballot) -> bool:
    return accepted is not None and (accepted.slot, accepted.ballot) >= (slot, ballot)
