"""Mistakes of a leader."""

from __future__ import annotations

from typing import Any

from benmo.paxos.election import Election
from benmo.paxos.follower import Follower
from benmo.paxos.leader import Leader, Phase
from benmo.paxos.messages import Accept, Accepted, Message, Nack, Promise
from benmo.paxos.replica import Replica
from benmo.paxos.step import Step
from benmo.paxos.types import Ballot, MemberId, NodeId, Proposal
from benmo.sim.planted.patch import Patch


def rivals_ballot_used(patch: Patch) -> None:
    """A leader goes on with whatever ballot its own acceptor has promised, a rival's too."""
    original = Follower.follow

    def follow(self: Follower, ballot: Ballot, now: float, step: Step) -> None:
        if self._leader.is_active and ballot > self._leader.ballot:
            self._leader.ballot = ballot
        else:
            original(self, ballot, now, step)

    patch.set(Follower, "follow", follow)


def own_ballot_raised_blindly(patch: Patch) -> None:
    """A leader raises its own last ballot, and its own acceptor's promise goes back to that."""

    def campaign(self: Replica, now: float, step: Step) -> None:
        ballot = Ballot(self.leader.ballot.round + 1, self.settings.node)
        self.acceptor._promise(ballot, step)
        self.leader.campaign(ballot, now, step)
        accepted = self.acceptor.accepted
        step.send(self.settings.node, Promise(ballot, self.learner.height, accepted))

    patch.set(Replica, "_campaign", campaign)


def live_proposal(patch: Patch) -> None:
    """Whoever asks again gets the queue as it is by now, in the same ballot."""
    original = Leader.accept_for

    def accept_for(self: Leader, peer: NodeId, height: int) -> Accept | None:
        accept = original(self, peer, height)
        if accept is None or not self.proposed_own:
            return accept
        old: Any = accept.proposal.block
        block = self._application.block(old.slot, old.ballot, old.previous, old.time)
        return Accept(Proposal(self.ballot, block))

    patch.set(Leader, "accept_for", accept_for)


def late_promise_is_vote(patch: Patch) -> None:
    """A promise that comes after the proposal counts as a vote for it."""
    original = Leader.on_promise

    def on_promise(self: Leader, member: MemberId, message: Promise, *rest: Any) -> None:
        voter = self._membership.find(member)
        if self.phase is Phase.ACCEPT and message.ballot == self.ballot and voter is not None:
            self._accepted_by.add(voter.node)
        original(self, member, message, *rest)

    patch.set(Leader, "on_promise", on_promise)


def stale_vote_counted(patch: Patch) -> None:
    """A vote counts whatever ballot and slot it is for."""
    original = Leader.on_accepted

    def on_accepted(
        self: Leader, sender: NodeId, member: MemberId, message: Accepted, now: float, step: Step
    ) -> Proposal | None:
        if self.proposal is None:
            return None
        vote = Accepted(self.ballot, self.proposal.slot)
        return original(self, sender, member, vote, now, step)

    patch.set(Leader, "on_accepted", on_accepted)


def doubled_vote_counted(patch: Patch) -> None:
    """A vote that comes twice counts twice."""

    class Votes(list[NodeId]):
        add = list.append

    original = Leader.propose

    def propose(self: Leader, *arguments: Any) -> None:
        original(self, *arguments)
        self._accepted_by = Votes()  # type: ignore[assignment]

    patch.set(Leader, "propose", propose)


def one_vote_too_few(patch: Patch) -> None:
    """A block is shown as decided when one vote is still missing."""
    original = Leader.on_accepted

    def on_accepted(
        self: Leader, sender: NodeId, member: MemberId, message: Accepted, now: float, step: Step
    ) -> Proposal | None:
        if self.proposal is not None and message.ballot == self.ballot:
            self._accepted_by.add(0)
        return original(self, sender, member, message, now, step)

    patch.set(Leader, "on_accepted", on_accepted)


def one_promise_too_few(patch: Patch) -> None:
    """A leader proposes with one promise less than a quorum."""

    def may_propose(self: Leader) -> bool:
        return len(self._counted()) >= self._membership.quorum - 1

    patch.set(Leader, "_may_propose", property(may_propose))


def old_slot_adopted(patch: Patch) -> None:
    """What a lagging acceptor accepted for an old slot is proposed again."""

    def reported(self: Leader, height: int) -> object:
        found = [each.accepted for each in self.promises.values() if each.accepted is not None]
        return max(found, key=lambda proposal: proposal.ballot).block if found else None

    patch.set(Leader, "_reported", reported)


def reported_value_ignored(patch: Patch) -> None:
    """A leader proposes its own block, whatever the promises report."""
    patch.set(Leader, "_reported", lambda self, height: None)


def lowest_ballot_wins(patch: Patch) -> None:
    """Of the reported blocks, a leader takes the one with the lowest ballot."""

    def reported(self: Leader, height: int) -> object:
        found = _reported_at(self, height)
        return min(found, key=lambda proposal: proposal.ballot).block if found else None

    patch.set(Leader, "_reported", reported)


def proposes_before_catching_up(patch: Patch) -> None:
    """A new leader proposes for its own next slot, without the blocks that promises told of."""
    original = Leader.can_propose

    def can_propose(self: Leader, height: int) -> bool:
        return self.phase is Phase.CATCH_UP or original(self, height)

    patch.set(Leader, "can_propose", can_propose)


def goes_on_after_nack(patch: Patch) -> None:
    """After a nack a leader goes on in a higher ballot, without asking for promises."""

    original = Replica._route

    def route(
        self: Replica, sender: NodeId, member: MemberId, message: Message, now: float, step: Step
    ) -> None:
        if not isinstance(message, Nack):
            original(self, sender, member, message, now, step)
            return
        leader = self.leader
        is_refused = message.ballot == leader.ballot < message.promised
        if not is_refused or leader.proposal is None:
            return
        self._highest_round += 1
        ballot = Ballot(self._highest_round, self.settings.node)
        self.acceptor._promise(ballot, step)
        leader.ballot = ballot
        leader.proposal = Proposal(ballot, leader.proposal.block)
        leader._accepted_by = set()
        step.send_all(self.membership.nodes, Accept(leader.proposal))

    patch.set(Replica, "_route", route)


def equal_timers(patch: Patch) -> None:
    """All nodes wait equally long before they campaign, and leave it to nobody."""

    def on_leader(self: Election, ballot: Ballot, now: float) -> None:
        self.leader = ballot

    patch.set(Election, "on_leader", on_leader)
    patch.set(Election, "_delay", lambda self: self._settings.election_delay_s[0])
    patch.set(Election, "_jitter", lambda self: 0.001)


def _reported_at(leader: Leader, height: int) -> list[Proposal]:
    at_height = [each.accepted for each in leader.promises.values() if each.height == height]
    return [accepted for accepted in at_height if accepted is not None]
