"""One node's part in the protocol: routes events to the node's roles, and merges their effects.

A replica decides nothing itself. One call in, one `Step` out; no I/O, no clock, no lock.
"""

from __future__ import annotations

from math import inf
from random import Random
from typing import assert_never

from benmo.paxos.acceptor import Acceptor
from benmo.paxos.application import Application
from benmo.paxos.election import Election
from benmo.paxos.follower import Follower
from benmo.paxos.leader import Leader
from benmo.paxos.learner import Learner
from benmo.paxos.membership import Membership
from benmo.paxos.message_checks import admitted_round, round_max
from benmo.paxos.messages import (
    Accept,
    Accepted,
    Behind,
    Blocks,
    Confirm,
    Confirmed,
    Decide,
    Forward,
    Heartbeat,
    Message,
    Nack,
    Prepare,
    Promise,
)
from benmo.paxos.notices import (
    Defeat,
    LeaderLost,
    ReachabilityChanged,
)
from benmo.paxos.quorum_reads import QuorumReads, reported_height
from benmo.paxos.reachability import Reachability
from benmo.paxos.step import Step
from benmo.paxos.types import (
    Ballot,
    Durable,
    MemberId,
    NodeId,
    Settings,
    Tenure,
)


class Replica:
    """The acceptor, leader and learner of one node.

    `benmo.paxos.step` says what the caller does with each `Step`, and in which order. `on_timer` is
    due as soon as `deadline` has come, which may be at once. `now`, in seconds, never goes back. It
    counts from 1970, as well as the node's clock knows: `round_max` alone relies on that.

    Invariant, asserted at the start and after each call, besides those of the roles:

    R1. The accepted block, where there is one, continues this node's own chain.
    """

    def __init__(
        self,
        settings: Settings,
        durable: Durable,
        application: Application,
        random: Random,
        now: float,
    ) -> None:
        self.settings = settings
        self.reachability = Reachability(settings, application.membership)
        self.acceptor = Acceptor(durable.promised, durable.accepted)
        self.learner = Learner(settings, self.reachability, durable.height, durable.head)
        self.leader = Leader(settings, application)
        self.election = Election(settings, random, self.leader.round_limit)
        self.quorum_reads = QuorumReads(settings, random)
        self.follower = Follower(
            settings.node,
            self.acceptor,
            self.learner,
            self.leader,
            self.election,
            self.reachability,
        )
        self._application = application
        self._membership = application.membership
        """The membership of which the roles know: the application may be ahead of them."""
        self._highest_round = durable.promised.round
        self._heartbeat_at = now
        self._must_consult = True
        self._check(durable.promised, durable.height)

    # Questions, which change nothing.

    @property
    def durable(self) -> Durable:
        """The state that must survive a crash, as it is now."""
        return Durable(
            self.acceptor.promised, self.acceptor.accepted, self.learner.height, self.learner.head
        )

    @property
    def deadline(self) -> float:
        """When `on_timer` is due next, in seconds; minus infinity for at once."""
        if self._must_consult or self.leader.can_propose(self.learner.height):
            return -inf
        return min(
            self._heartbeat_at,
            self.leader.deadline,
            self.learner.deadline,
            self.election.deadline,
            self.reachability.deadline,
        )

    @property
    def known_leader(self) -> Ballot:
        """The ballot of the leader that this node knows, perhaps its own; ZERO if none."""
        return self.leader.ballot if self.leader.is_leading else self.election.leader

    @property
    def membership(self) -> Membership:
        """The members that vote for the slot right above the chain, as the roles know them."""
        return self._membership

    @property
    def is_voter(self) -> bool:
        """Whether this node's member votes for the slot right above the chain."""
        return self._membership.is_voter(self.settings.member)

    @property
    def _peers(self) -> tuple[NodeId, ...]:
        return self._membership.peers(self.settings.node)

    @property
    def _reported_height(self) -> int:
        return reported_height(self.learner.height, self.acceptor.accepted)

    # Events: the calls that return a step.

    def on_message(self, sender: NodeId, message: Message, now: float, member: MemberId) -> Step:
        """Deal with a message from `sender`, which may be this node itself.

        `member` is the sender's, as its certificate says. A retired one and one of which this node
        hasn't heard yet are answered like any other; their promises and votes don't count. Another
        member of this very node is not heard: its ballots would look like this node's own. Raises
        `ProtocolError` if no correct peer sends this message; nothing durable has changed then.
        """
        step = Step()
        if sender == self.settings.node and member != self.settings.member:
            return step
        self._highest_round = admitted_round(sender, message, self._highest_round, now)
        before = self._before()
        if self.reachability.is_peer(sender, member) and self.reachability.on_heard(sender, now):
            self._reachability_changed(sender, True, now, step)
        self._route(sender, member, message, now, step)
        return self._finish(before, now, step)

    def on_request(self, now: float, is_urgent: bool = False) -> Step:
        """Deal with a queue that has grown; if urgent, campaign now if there is a reason to.

        The queued transfers must be durable before a message of this step or a later one leaves.
        """
        step = Step()
        before = self._before()
        if is_urgent:
            self.election.hurry(now)
        if not self._must_consult:
            self._propose(now, step)
        return self._finish(before, now, step)

    def on_confirm(self, ticket: int, now: float) -> Step:
        """Ask how far the chain may be: see `benmo.paxos.quorum_reads`.

        A later step's `confirmations`, or this one's, hold the answer under this ticket.
        """
        step = Step()
        before = self._before()
        self.quorum_reads.ask(ticket, self._reported_height, self._membership, step)
        return self._finish(before, now, step)

    def on_link(self, peer: NodeId, up: bool, now: float) -> Step:
        """Deal with a link to a peer that came up or went down."""
        step = Step()
        before = self._before()
        if self.reachability.on_link(peer, up, now):
            self._reachability_changed(peer, up, now, step)
        if up:
            step.send(peer, self._heartbeat())
        return self._finish(before, now, step)

    def on_timer(self, now: float) -> Step:
        """Do what is due; `deadline` says when more is."""
        step = Step()
        before = self._before()
        if self._must_consult:
            self._consult_application(now, step)
        for peer in self.reachability.silent(now):
            self._reachability_changed(peer, False, now, step)
        if now >= self._heartbeat_at:
            self._heartbeat_at = now + self.settings.heartbeat_s
            step.send_all(self._peers, self._heartbeat())
            self._forward(step, again=True)
        if now >= self.leader.round_deadline:
            self.follower.step_down(Defeat.NO_ANSWER, now, step)
        self.learner.on_timer(now, step)
        self._propose(now, step)
        self.leader.on_timer(now, step)
        if now >= self.election.deadline:
            self._campaign(now, step)
        return self._finish(before, now, step)

    # Messages.

    def _route(
        self, sender: NodeId, member: MemberId, message: Message, now: float, step: Step
    ) -> None:
        match message:
            case Prepare():
                self.follower.on_prepare(sender, message.ballot, now, step)
            case Promise():
                self.leader.on_promise(member, message, now, step)
                self.follower.on_height(sender, member, message.height, now, step)
            case Accept():
                self.follower.on_accept(sender, message.proposal, now, step)
            case Accepted():
                self._on_accepted(sender, member, message, now, step)
            case Nack():
                self.follower.on_nack(sender, message, now, step)
            case Decide():
                self.learner.on_decide(sender, message, self.acceptor.accepted, now, step)
            case Behind():
                self.follower.on_behind(sender, message.height, step)
            case Blocks():
                self.learner.on_blocks(sender, message, now, step)
            case Heartbeat():
                self.follower.on_heartbeat(sender, member, message, now, step)
            case Forward():
                if self.leader.is_active:  # before a quorum: a node forwards once it promises
                    self._application.take_forwarded(sender, message.payload)
            case Confirm() | Confirmed():
                height = self._reported_height
                self.quorum_reads.on_message(sender, member, message, height, step)
            case _:
                assert_never(message)

    def _on_accepted(
        self, sender: NodeId, member: MemberId, message: Accepted, now: float, step: Step
    ) -> None:
        proposal = self.leader.on_accepted(sender, member, message, now, step)
        if proposal is None:
            return
        was_accepted_here = proposal.is_same_as(self.acceptor.accepted)
        self.learner.append(
            proposal.block, proposal.ballot if was_accepted_here else Ballot.ZERO, step
        )
        step.decided_in = proposal.ballot
        self.election.on_own_decided(self.leader.proposed_own, now)

    # Effects that several handlers share.

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(self.learner.height, self.known_leader)

    def _propose(self, now: float, step: Step) -> None:
        if self.leader.can_propose(self.learner.height):
            self.leader.propose(self.learner.height, self.learner.head, now, step)

    def _forward(self, step: Step, again: bool = False) -> None:
        if self.settings.tenure is Tenure.STABLE and not self.leader.is_active:
            self.election.forward(self._application, again, step)

    def _campaign(self, now: float, step: Step) -> None:
        if not self.reachability.has_quorum:
            self.election.on_failed(now)
            has_something = self._application.front() > 0 or self._application.has_change
            self.reachability.report_no_quorum(has_something, step)
            return
        self.election.on_impatient()
        self.learner.forget_request()
        self._highest_round += 1
        ballot = Ballot(self._highest_round, self.settings.node)
        answer = self.acceptor.on_prepare(ballot, self.learner.height, step)
        assert isinstance(answer, Promise)
        self.leader.campaign(ballot, now, step)
        step.send(self.settings.node, answer)

    def _reachability_changed(self, peer: NodeId, up: bool, now: float, step: Step) -> None:
        step.notices.append(ReachabilityChanged((peer,), up))
        self.leader.on_link(peer, up, now)
        if not up:
            self.learner.on_gone(peer, now)
        if not up and self.election.on_gone(peer, now):
            step.notices.append(LeaderLost(peer))

    def _consult_application(self, now: float, step: Step) -> None:
        """Do what depends on the application, which has applied all that is decided."""
        self._must_consult = False
        if self._application.membership is not self._membership:
            self._membership_changed(now, step)
        front = self._application.front()
        self.election.on_front(front or -self.learner.height, now)
        has_something = front > 0 or self._application.has_change
        wants = has_something or self.acceptor.accepted is not None
        self.election.settle(wants and self.is_voter, self.leader.is_active, now)
        self._forward(step)
        if self.quorum_reads.has_open:
            height, reported = self.learner.height, self._reported_height
            self.quorum_reads.settle(height, reported, self._membership, step)
        if not self.reachability.has_quorum:
            self.reachability.report_no_quorum(has_something, step)

    def _membership_changed(self, now: float, step: Step) -> None:
        """Let the roles know of a change of the membership, which the application has applied."""
        self._membership = self._application.membership
        for peer, is_up in self.reachability.on_membership(self._membership, now).items():
            self._reachability_changed(peer, is_up, now, step)
        self.leader.on_membership(now, step)

    # Invariants.

    def _before(self) -> tuple[Ballot, int]:
        """The promised ballot and the height, both of which may only grow."""
        return self.acceptor.promised, self.learner.height

    def _check(self, promised: Ballot, height: int) -> None:
        """Assert all invariants; `promised` and `height` are as they were before the call."""
        self.acceptor.check(self.learner.height, promised)
        self.learner.check(height)
        self.leader.check(self.learner.height, self.acceptor.promised)
        accepted = self.acceptor.accepted
        assert accepted is None or accepted.block.previous == self.learner.head, "R1"

    def _finish(self, before: tuple[Ballot, int], now: float, step: Step) -> Step:
        """End each call: report decisions to the roles, or consult the application at once."""
        if step.decided:
            rounds = (block.ballot.round for block in step.decided)
            usable = (number for number in rounds if number <= round_max(now))
            self._highest_round = max((self._highest_round, *usable))
            self.acceptor.on_decided(self.learner.height)
            self.leader.on_progress(self.learner.height, now)
            self.election.on_decided(now)
            self._must_consult = True
        else:
            self._consult_application(now, step)
        self._check(*before)
        return step
