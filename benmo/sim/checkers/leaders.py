"""The leader's rules P1 and P3 to P5, watched from outside: what it heard, and what it proposes.

A node has heard the promises that arrived in its present life, and has made its own. Perhaps it
counted only some of these: a proposal keeps the rules if any quorum of them allows it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations

from benmo.paxos.messages import Accept, Message, Prepare, Promise
from benmo.paxos.step import AcceptRecord, PromiseRecord
from benmo.paxos.types import Ballot, MemberId, NodeId, Proposal
from benmo.sim.checkers.checker import Checker, Facts, Machines
from benmo.sim.checkers.records import RecordedState
from benmo.sim.checkers.words import nodes_text, short
from benmo.sim.machine import Machine
from benmo.storage.journal import JournalRecord, NodeState

_Heard = dict[NodeId, Promise]


class Leaders(Checker):
    """Knows the promises that each node has heard, by ballot, and looks at each new proposal."""

    name = "leaders"

    def __init__(self, facts: Facts, machines: Machines) -> None:
        super().__init__(facts, machines)
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
                self._heard[machine.member].setdefault(ballot, {})[node] = own
            case AcceptRecord(proposal) if proposal.ballot.node == node:
                self._look_at(machine, proposal)
        recorded.add(record)

    def on_arrived(self, machine: Machine, sender: NodeId, message: Message) -> None:
        if isinstance(message, Promise):
            self._heard[machine.member].setdefault(message.ballot, {})[sender] = message

    def on_sent(self, machine: Machine, to: NodeId, message: Message) -> None:
        node = machine.node
        match message:
            case Prepare(ballot) if ballot.node != node:
                sentence = f"node {node} campaigns in {ballot}, a ballot of node {ballot.node}"
                self.fail(sentence, "rule P1", node=node, ballot=ballot)
            case Accept(proposal):
                self._look_at(machine, proposal)

    def _look_at(self, machine: Machine, proposal: Proposal) -> None:
        node, slot, ballot = machine.node, proposal.slot, proposal.ballot
        if (machine.member, slot, ballot) in self._proposed:
            return
        self._proposed.add((machine.member, slot, ballot))
        broken = self._broken(machine, proposal)
        if broken is not None:
            rule, why = broken
            sentence = f"node {node} proposed block {short(proposal.block.hash)} for slot {slot}"
            self.fail(f"{sentence} in {ballot}{why}", rule, node=node, slot=slot, ballot=ballot)

    def _broken(self, machine: Machine, proposal: Proposal) -> tuple[str, str] | None:
        """The rule that a proposal breaks, and why; None if it keeps them all."""
        node, ballot = machine.node, proposal.ballot
        heard = self._heard[machine.member].get(ballot, {})
        if ballot.node != node:
            return "rule P1", f", a ballot of node {ballot.node}"
        if len(heard) < self.facts.quorum:
            promises = f"the promises of {nodes_text(heard)} alone" if heard else "no promise"
            return "rule P3", f" with {promises}, {len(heard)} of {len(self.facts.nodes)}"
        quorums = list(combinations(heard, self.facts.quorum))
        caught_up = [each for each in quorums if _is_above(proposal.slot, each, heard)]
        if not caught_up:
            ahead = max(quorums[0], key=lambda each: heard[each].height)
            reports = "was itself" if ahead == node else f"had heard that node {ahead} is"
            return "rule P4", f", though it {reports} at height {heard[ahead].height}"
        if any(_allows(proposal, each, heard) for each in caught_up):
            return None
        return "rule P5", f", though {_reports_text(node, caught_up[0], heard, proposal.slot)}"


def _is_above(slot: int, quorum: Iterable[NodeId], heard: _Heard) -> bool:
    return all(heard[node].height < slot for node in quorum)


def _reports(quorum: Iterable[NodeId], heard: _Heard, slot: int) -> list[tuple[NodeId, Proposal]]:
    """The blocks reported for a slot, in the order of the ballots they were accepted in."""
    accepted = [(node, heard[node].accepted) for node in quorum]
    found = [(node, each) for node, each in accepted if each is not None and each.slot == slot]
    return sorted(found, key=lambda each: each[1].ballot)


def _allows(proposal: Proposal, quorum: Iterable[NodeId], heard: _Heard) -> bool:
    reports = _reports(quorum, heard, proposal.slot)
    return not reports or reports[-1][1].block.hash == proposal.block.hash


def _reports_text(leader: NodeId, quorum: Iterable[NodeId], heard: _Heard, slot: int) -> str:
    """Describe the reports for a slot, that of the highest ballot first."""
    return " and ".join(
        f"{'it itself' if node == leader else f'node {node}'} had accepted block "
        f"{short(each.block.hash)} in {each.ballot}"
        for node, each in reversed(_reports(quorum, heard, slot))
    )
