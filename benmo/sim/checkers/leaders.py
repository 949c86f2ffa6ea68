"""The leader's rules P1 and P3 to P5, watched from outside: what it heard, and what it proposes.

A node has heard the promises that arrived in its present life, and has made its own. Perhaps it
counted only some of these: a proposal keeps the rules if any quorum of them allows it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from benmo.engine.events import Received
from benmo.paxos.messages import Accept, Message, Prepare, Promise
from benmo.paxos.step import AcceptRecord, PromiseRecord
from benmo.paxos.types import Ballot, MemberId, NodeId, Proposal
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.history import History, Voters
from benmo.sim.checkers.records import RecordedState
from benmo.sim.checkers.words import nodes_text, short
from benmo.sim.machine import Machine
from benmo.sim.member_names import label_of
from benmo.storage.journal import JournalRecord, NodeState

_Heard = dict[MemberId, Promise]


class Leaders(Checker):
    """Knows the promises that each node has heard, by ballot, and looks at each new proposal."""

    name = "leaders"

    def __init__(self, facts: Facts, machines: Machines, history: History | None = None) -> None:
        super().__init__(facts, machines, history)
        self._recorded: defaultdict[MemberId, RecordedState] = defaultdict(RecordedState)
        self._heard: defaultdict[MemberId, dict[Ballot, _Heard]] = defaultdict(dict)
        self._proposed: set[tuple[MemberId, int, Ballot]] = set()

    def on_start(self, machine: Machine, state: NodeState) -> None:
        self._recorded[machine.member].start(state)
        self._heard[machine.member] = {}

    def on_death(self, machine: Machine) -> None:
        self._heard[machine.member] = {}

    def on_recorded(self, machine: Machine, record: JournalRecord) -> None:
        node = machine.node
        recorded = self._recorded[machine.member]
        match record:
            case PromiseRecord(ballot) if ballot.node == node:
                own = Promise(ballot, recorded.height, recorded.accepted)
                self._heard[machine.member].setdefault(ballot, {})[machine.member] = own
            case AcceptRecord(proposal) if proposal.ballot.node == node:
                self._look_at(machine, proposal)
        recorded.add(record)

    def on_arrived(self, machine: Machine, event: Received) -> None:
        promise = event.message
        if isinstance(promise, Promise):
            heard = self._heard[machine.member].setdefault(promise.ballot, {})
            heard[event.member] = promise

    def on_sent(self, machine: Machine, to: NodeId, message: Message) -> None:
        node, who = machine.node, machine.label
        match message:
            case Prepare(ballot) if ballot.node != node:
                sentence = f"node {who} campaigns in {ballot}, a ballot of node {ballot.node}"
                self.fail(sentence, "rule P1", node=node, ballot=ballot)
            case Accept(proposal):
                self._look_at(machine, proposal)

    def _look_at(self, machine: Machine, proposal: Proposal) -> None:
        node, who, slot, ballot = machine.node, machine.label, proposal.slot, proposal.ballot
        if (machine.member, slot, ballot) in self._proposed:
            return
        self._proposed.add((machine.member, slot, ballot))
        broken = self._broken(machine, proposal)
        if broken is not None:
            rule, why = broken
            sentence = f"node {who} proposed block {short(proposal.block.hash)} for slot {slot}"
            self.fail(f"{sentence} in {ballot}{why}", rule, node=node, slot=slot, ballot=ballot)

    def _broken(self, machine: Machine, proposal: Proposal) -> tuple[str, str] | None:
        """The rule that a proposal breaks, and why; None if it keeps them all."""
        node, ballot = machine.node, proposal.ballot
        heard = self._heard[machine.member].get(ballot, {})
        voters = self.history.of_slot(proposal.slot, machine)
        if ballot.node != node:
            return "rule P1", f", a ballot of node {ballot.node}"
        if not voters.is_voter(machine.member):
            return "rule P3", f", in which those of {nodes_text(voters.ids.values())} vote"
        quorums = list(voters.quorums(heard))
        if not quorums:
            return "rule P3", _too_few_text(voters, heard)
        caught_up = [each for each in quorums if _is_above(proposal.slot, each, heard)]
        if not caught_up:
            ahead = max(quorums[0], key=lambda each: heard[each].height)
            is_own = ahead == machine.member
            reports = "was itself" if is_own else f"had heard that node {label_of(ahead)} is"
            return "rule P4", f", though it {reports} at height {heard[ahead].height}"
        if any(_allows(proposal, each, heard) for each in caught_up):
            return None
        return "rule P5", f", though {_reports_text(machine, caught_up[0], heard, proposal.slot)}"


def _too_few_text(voters: Voters, heard: _Heard) -> str:
    counted = voters.among(heard)
    promises = f"the promises of {nodes_text(counted)} alone" if counted else "no promise"
    others = [member for member in heard if member not in counted]
    more = f", besides {nodes_text(others)} without a vote" if others else ""
    return f" with {promises}, {len(counted)} of {len(voters.ids)}{more}"


def _is_above(slot: int, quorum: Iterable[MemberId], heard: _Heard) -> bool:
    return all(heard[member].height < slot for member in quorum)


def _reports(
    quorum: Iterable[MemberId], heard: _Heard, slot: int
) -> list[tuple[MemberId, Proposal]]:
    """The blocks reported for a slot, in the order of the ballots they were accepted in."""
    accepted = [(member, heard[member].accepted) for member in quorum]
    found = [(member, each) for member, each in accepted if each is not None and each.slot == slot]
    return sorted(found, key=lambda each: each[1].ballot)


def _allows(proposal: Proposal, quorum: Iterable[MemberId], heard: _Heard) -> bool:
    reports = _reports(quorum, heard, proposal.slot)
    return not reports or reports[-1][1].block.hash == proposal.block.hash


def _reports_text(leader: Machine, quorum: Iterable[MemberId], heard: _Heard, slot: int) -> str:
    """Describe the reports for a slot, that of the highest ballot first."""
    return " and ".join(
        f"{'it itself' if member == leader.member else f'node {label_of(member)}'} had accepted "
        f"block {short(each.block.hash)} in {each.ballot}"
        for member, each in reversed(_reports(quorum, heard, slot))
    )
