"""The rules P7, L1 and L2: what a node takes for decided, watched from outside.

A leader has heard the votes that arrived in its present life; its own counts once it is on disk.
Any other node has heard of a decision by a `Decide`, by an `Accept` for the next slot, or has the
block from a peer.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from benmo.engine.events import Received
from benmo.paxos.messages import Accept, Accepted, Blocks, Decide, Message
from benmo.paxos.step import AcceptRecord, DecideRecord
from benmo.paxos.types import Ballot, MemberId, NodeId, PaxosBlock, Proposal
from benmo.sim.checkers.acceptors import is_on_disk
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History
from benmo.sim.checkers.records import RecordedState
from benmo.sim.checkers.words import nodes_text, short
from benmo.sim.machine import Machine
from benmo.storage.journal import JournalRecord, NodeState

_Place = tuple[int, Ballot]
"""A slot and a ballot."""


@dataclass(slots=True)
class _Heard:
    """What a member has heard, and done as a leader, in its present life."""

    proposals: dict[_Place, Proposal] = field(default_factory=dict)
    votes: defaultdict[_Place, set[MemberId]] = field(default_factory=lambda: defaultdict(set))
    counted: set[_Place] = field(default_factory=set)
    """The proposals whose quorum of votes was found in order."""
    told: dict[int, set[Ballot]] = field(default_factory=dict)
    """By slot, the ballots in which a `Decide` said that it is decided."""
    decided: set[str] = field(default_factory=set)
    """The hashes of blocks that a message showed to be decided."""


class Decisions(Checker):
    """Knows the votes and the news of decisions that each node has heard."""

    name = "decisions"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self._recorded: defaultdict[MemberId, RecordedState] = defaultdict(RecordedState)
        self._heard: defaultdict[MemberId, _Heard] = defaultdict(_Heard)

    def on_start(self, machine: Machine, state: NodeState) -> None:
        self._recorded[machine.member].start(state)
        self._heard[machine.member] = _Heard()

    def on_death(self, machine: Machine) -> None:
        self._heard[machine.member] = _Heard()

    def on_arrived(self, machine: Machine, event: Received) -> None:
        heard = self._heard[machine.member]
        match event.message:
            case Accepted(ballot, slot):
                heard.votes[slot, ballot].add(event.member)
            case Decide(slot, ballot, _):
                heard.told.setdefault(slot, set()).add(ballot)
            case Accept(proposal):
                heard.decided.add(proposal.block.previous)
            case Blocks(blocks, _):
                heard.decided.update(block.hash for block in blocks)

    def on_sent(self, machine: Machine, to: NodeId, message: Message) -> None:
        heard = self._heard[machine.member]
        match message:
            case Accept(proposal):
                heard.proposals[proposal.slot, proposal.ballot] = proposal
            case Decide(slot, ballot, _):
                self._require_votes(machine, slot, ballot)

    def on_recorded(self, machine: Machine, record: JournalRecord) -> None:
        node = machine.node
        recorded, heard = self._recorded[machine.member], self._heard[machine.member]
        match record:
            case AcceptRecord(proposal):
                place = proposal.slot, proposal.ballot
                heard.votes[place].add(machine.member)
                if proposal.ballot.node == node:
                    heard.proposals[place] = proposal
            case DecideRecord(block, ballot):
                self._require_next(machine, recorded, block)
                self._require_decided(machine, block, ballot)
        recorded.add(record)

    def _require_next(self, machine: Machine, recorded: RecordedState, block: PaxosBlock) -> None:
        who = machine.label
        if (block.slot, block.previous) != (recorded.height + 1, recorded.head):
            sentence = (
                f"node {who} appended block {short(block.hash)} of slot {block.slot} to a chain "
                f"that ended with block {short(recorded.head)} of slot {recorded.height}"
            )
            self.fail(sentence, "rule L1", node=machine.node, slot=block.slot, ballot=block.ballot)

    def _require_decided(self, machine: Machine, block: PaxosBlock, accepted_in: Ballot) -> None:
        """Require a reason to take a block for decided: news of it, or a quorum of votes."""
        node, who, slot = machine.node, machine.label, block.slot
        heard = self._heard[machine.member]
        led = [
            place
            for place, proposal in heard.proposals.items()
            if place[0] == slot and proposal.block.hash == block.hash
        ]
        told = heard.told.get(slot, set())
        is_told = block.hash in heard.decided or accepted_in in told
        voters = self.history.of_slot(slot, machine)
        counted = [place for place in led if voters.has_quorum(heard.votes[place])]
        if is_told:
            heard.counted.update(counted)
        elif counted or (led and not told):
            self._require_votes(machine, slot, max(ballot for _, ballot in counted or led))
        else:
            what = f"node {who} took block {short(block.hash)} for decided in slot {slot}"
            why = _why_not(accepted_in, told)
            self.fail(f"{what}, {why}", "rule L2", node=node, slot=slot, ballot=accepted_in)

    def _require_votes(self, machine: Machine, slot: int, ballot: Ballot) -> None:
        """Require a quorum of votes for what this node proposed here."""
        node, who, heard = machine.node, machine.label, self._heard[machine.member]
        if (slot, ballot) in heard.counted:
            return
        voters, proposal = self.history.of_slot(slot, machine), heard.proposals.get((slot, ballot))
        counted = voters.among(heard.votes[slot, ballot])
        is_needed = machine.member in counted and len(counted) <= voters.quorum
        is_own_early = is_needed and (proposal is None or not is_on_disk(machine, proposal))
        if len(counted) < voters.quorum or is_own_early:
            count = f"{len(counted)} of {len(voters.ids)}"
            of_whom = f"the votes of {nodes_text(counted)} alone, {count}" if counted else "no vote"
            early = ", and its own block wasn't on its disk yet" if is_own_early else ""
            sentence = f"node {who} decided slot {slot} in {ballot} with {of_whom}{early}"
            self.fail(sentence, "rule P7", node=node, slot=slot, ballot=ballot)
        heard.counted.add((slot, ballot))


def _why_not(accepted_in: Ballot, told: set[Ballot]) -> str:
    """Say why a block isn't decided for a node that was told of these ballots."""
    if told and accepted_in != Ballot.ZERO:
        return f"which it had accepted in {accepted_in}, when told that {max(told)} decided"
    return "of which nobody had told it"
