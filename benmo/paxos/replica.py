"""One node's part in the protocol: routes what happens to its roles, and merges what they ask.

It decides nothing itself. One call in, one `Step` out; no I/O, no clock, no lock.
"""

from __future__ import annotations

from math import inf
from random import Random
from typing import assert_never

from benmo.paxos.acceptor import Acceptor, Ahead
from benmo.paxos.election import Election
from benmo.paxos.leader import Leader
from benmo.paxos.learner import Learner
from benmo.paxos.message_checks import admitted_round
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
    BallotGivenUp,
    Defeat,
    LeaderLost,
    PromiseMade,
    ProposalAccepted,
    ReachabilityChanged,
)
from benmo.paxos.quorum_reads import QuorumReads, reported_height
from benmo.paxos.reachability import Reachability
from benmo.paxos.step import BlocksWanted, Step
from benmo.paxos.types import (
    Application,
    Ballot,
    Durable,
    NodeId,
    Proposal,
    ProtocolError,
    Settings,
    Tenure,
)


class Replica:
    """The acceptor, leader and learner of one node.

    The caller's duties, in this order, for each `Step` that a call returns: make its records
    durable (a decision's alone may wait), send its messages, apply its decided blocks to the
    application; all before the next call, except that messages and durability of several steps
    may be gathered as long as no message leaves before the records of its own step and of all
    earlier ones are durable; an `Accept` to oneself may, for it leads to no more than a later
    record. `on_timer` is to be called when `deadline` has come, which may be at once. `now` is in
    seconds and never goes back.

    Invariant, asserted at the start and after each call, besides those of the roles:

    R1. What was accepted continues this node's own chain.
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
        self.reachability = Reachability(settings)
        self.acceptor = Acceptor(durable.promised, durable.accepted)
        self.learner = Learner(settings, self.reachability, durable.height, durable.head)
        self.leader = Leader(settings, application)
        self.election = Election(settings, random)
        self.quorum_reads = QuorumReads(settings, random)
        self._application = application
        self._highest_round = durable.promised.round
        self._heartbeat_at = now
        self._must_settle = True
        self._check(durable.promised, durable.height)

    # What an observer may ask.

    @property
    def durable(self) -> Durable:
        """What must survive a crash, as it stands."""
        return Durable(
            self.acceptor.promised, self.acceptor.accepted, self.learner.height, self.learner.head
        )

    @property
    def deadline(self) -> float:
        """When `on_timer` is to be called next; minus infinity for at once."""
        if self._must_settle or self.leader.can_propose(self.learner.height):
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
    def _reported_height(self) -> int:
        return reported_height(self.learner.height, self.acceptor.accepted)

    # What happens to a node.

    def on_message(self, sender: NodeId, message: Message, now: float) -> Step:
        """A message arrived. A wrong one raises `ProtocolError`, with nothing durable changed."""
        step = Step()
        highest = admitted_round(sender, message, self.settings, self._highest_round)
        self._highest_round = highest
        before = self._before()
        if sender in self.reachability and self.reachability.on_heard(sender, now):
            self._reachability_changed(sender, True, now, step)
        self._route(sender, message, now, step)
        return self._finish(before, now, step)

    def on_request(self, now: float, is_urgent: bool = False) -> Step:
        """The application's queue grew, durably soon; if urgent, a campaign is not put off."""
        step = Step()
        before = self._before()
        if is_urgent:
            self.election.hurry(now)
        if not self._must_settle:
            self._propose(now, step)
        return self._finish(before, now, step)

    def on_confirm(self, ticket: int, now: float) -> Step:
        """Somebody wants to know how far the chain may be: see `benmo.paxos.quorum_reads`."""
        step = Step()
        before = self._before()
        self.quorum_reads.ask(ticket, self._reported_height, step)
        return self._finish(before, now, step)

    def on_link(self, peer: NodeId, up: bool, now: float) -> Step:
        """The link to a peer came up or went down."""
        step = Step()
        before = self._before()
        if self.reachability.on_link(peer, up, now):
            self._reachability_changed(peer, up, now, step)
        if up:
            step.send(peer, self._heartbeat())
        return self._finish(before, now, step)

    def on_timer(self, now: float) -> Step:
        """Do whatever is due."""
        step = Step()
        before = self._before()
        if self._must_settle:
            self._settle(now, step)
        for peer in self.reachability.silent(now):
            self._reachability_changed(peer, False, now, step)
        if now >= self._heartbeat_at:
            self._heartbeat_at = now + self.settings.heartbeat_s
            step.send_all(self.settings.peers, self._heartbeat())
            self._forward(step, again=True)
        if now >= self.leader.round_deadline:
            self._give_up(Defeat.NO_ANSWER, now, step)
        self.learner.on_timer(now, step)
        self._propose(now, step)
        self.leader.on_timer(now, step)
        if now >= self.election.deadline:
            self._campaign(now, step)
        return self._finish(before, now, step)

    # Messages.

    def _route(self, sender: NodeId, message: Message, now: float, step: Step) -> None:
        match message:
            case Prepare():
                self._on_prepare(sender, message.ballot, now, step)
            case Promise():
                self.leader.on_promise(sender, message, now, step)
                self._on_height(sender, message.height, now, step)
            case Accept():
                self._on_accept(sender, message.proposal, now, step)
            case Accepted():
                self._on_accepted(sender, message, now, step)
            case Nack():
                self._on_nack(sender, message, now, step)
            case Decide():
                self.learner.on_decide(sender, message, self.acceptor.accepted, now, step)
            case Behind():
                self._on_behind(sender, message.height, step)
            case Blocks():
                self.learner.on_blocks(sender, message, now, step)
            case Heartbeat():
                self._on_heartbeat(sender, message, now, step)
            case Forward():
                if self.leader.is_active:  # whoever promised forwards, and the others come later
                    self._application.take_forwarded(sender, message.payload)
            case Confirm() | Confirmed():
                self.quorum_reads.on_message(sender, message, self._reported_height, step)
            case _:
                assert_never(message)

    def _on_prepare(self, sender: NodeId, ballot: Ballot, now: float, step: Step) -> None:
        answer = self.acceptor.on_prepare(ballot, self.learner.height, step)
        if isinstance(answer, Promise):
            step.notices.append(PromiseMade(ballot, sender))
            self._follow(ballot, now, step)
        if answer is not None:
            step.send(sender, answer)

    def _on_accept(self, sender: NodeId, proposal: Proposal, now: float, step: Step) -> None:
        self._on_told(proposal, step)
        is_next = proposal.slot == self.learner.height + 1
        if is_next and proposal.block.previous != self.learner.head:
            raise ProtocolError(f"the proposal of node {sender} continues another chain")
        answer = self.acceptor.on_accept(proposal, self.learner.height, step)
        match answer:
            case Accepted():
                step.notices.append(ProposalAccepted(proposal.slot, proposal.ballot, sender))
                self._follow(proposal.ballot, now, step)
                step.send(sender, answer)
            case Behind():
                self._follow(proposal.ballot, now, step)
                self.learner.ask(sender, proposal.slot - 1, now, step)
            case Nack():
                step.send(sender, answer)
            case Ahead(first_slot):
                self._send_blocks(sender, first_slot, step)
            case _:
                assert_never(answer)

    def _on_told(self, proposal: Proposal, step: Step) -> None:
        """A proposal tells that the slot before it is decided, and which block is in it."""
        accepted = self.acceptor.accepted
        if (
            accepted is not None
            and proposal.slot == accepted.slot + 1
            and proposal.block.previous == accepted.block.hash
        ):
            self.learner.append(accepted.block, accepted.ballot, step)
            self.acceptor.on_decided(self.learner.height)

    def _on_accepted(self, sender: NodeId, message: Accepted, now: float, step: Step) -> None:
        proposal = self.leader.on_accepted(sender, message, now, step)
        if proposal is None:
            return
        was_accepted_here = proposal.is_same_as(self.acceptor.accepted)
        self.learner.append(
            proposal.block, proposal.ballot if was_accepted_here else Ballot.ZERO, step
        )
        self.election.on_own_decided(self.leader.proposed_own, now)

    def _on_nack(self, sender: NodeId, message: Nack, now: float, step: Step) -> None:
        is_refused = message.ballot == self.leader.ballot < message.promised
        if self.leader.is_active and is_refused:
            self._give_up(Defeat.NACK, now, step, message.promised, sender)

    def _on_behind(self, sender: NodeId, height: int, step: Step) -> None:
        self.reachability.on_height(sender, height)
        accept = self.leader.accept_for(sender, height)
        if height < self.learner.height:
            self._send_blocks(sender, height + 1, step)
        elif accept is not None:
            step.send(sender, accept)

    def _on_heartbeat(self, sender: NodeId, message: Heartbeat, now: float, step: Step) -> None:
        leads = message.ballot.node == sender
        if leads and message.ballot >= self.acceptor.promised:
            if self.election.leader != message.ballot:
                self._follow(message.ballot, now, step)
        elif not leads and self.election.leader.node == sender:
            self.election.on_gone(sender, now)
        self._on_height(sender, message.height, now, step)

    # Effects that several handlers share.

    def _on_height(self, sender: NodeId, height: int, now: float, step: Step) -> None:
        if sender in self.reachability:
            self.learner.ask(sender, height, now, step)

    def _send_blocks(self, to: NodeId, first_slot: int, step: Step) -> None:
        if to != self.settings.node:
            step.reads.append(BlocksWanted(to, first_slot))

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(self.learner.height, self.known_leader)

    def _follow(self, ballot: Ballot, now: float, step: Step) -> None:
        """Another node's ballot is the highest promised: it leads, or tries to."""
        if ballot.node == self.settings.node:
            return
        if self.leader.is_active and ballot > self.leader.ballot:
            self._give_up(Defeat.OUTBID, now, step, ballot)
        if self.reachability.is_reachable(ballot.node):
            if ballot != self.election.leader:
                self.learner.forget_request()
            self.election.on_leader(ballot, now)

    def _propose(self, now: float, step: Step) -> None:
        if self.leader.can_propose(self.learner.height):
            self.leader.propose(self.learner.height, self.learner.head, now, step)

    def _forward(self, step: Step, again: bool = False) -> None:
        if self.settings.tenure is Tenure.STABLE and not self.leader.is_active:
            self.election.forward(self._application, again, step)

    def _give_up(
        self,
        defeat: Defeat,
        now: float,
        step: Step,
        higher: Ballot = Ballot.ZERO,
        nacker: NodeId | None = None,
    ) -> None:
        step.notices.append(BallotGivenUp(self.leader.ballot, defeat, higher, nacker))
        self.leader.resign()
        self.election.on_failed(now)

    def _campaign(self, now: float, step: Step) -> None:
        if not self.reachability.has_quorum:
            self.election.on_failed(now)
            self.reachability.report_no_quorum(self._application.front() > 0, step)
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
        step.notices.append(ReachabilityChanged(peer, up))
        self.leader.on_link(peer, up, now)
        if not up:
            self.learner.on_gone(peer, now)
        if not up and self.election.on_gone(peer, now):
            step.notices.append(LeaderLost(peer))

    def _settle(self, now: float, step: Step) -> None:
        """What depends on the application: only once it has applied what was decided."""
        self._must_settle = False
        front = self._application.front()
        self.election.on_front(front or -self.learner.height, now)
        wants = front > 0 or self.acceptor.accepted is not None
        self.election.settle(wants, self.leader.is_active, now)
        self._forward(step)
        if not self.reachability.has_quorum:
            self.reachability.report_no_quorum(front > 0, step)

    # Invariants.

    def _before(self) -> tuple[Ballot, int]:
        """What may only grow."""
        return self.acceptor.promised, self.learner.height

    def _check(self, promised: Ballot, height: int) -> None:
        """These are what it was before, at most."""
        self.acceptor.check(self.learner.height, promised)
        self.learner.check(height)
        self.leader.check(self.learner.height, self.acceptor.promised)
        accepted = self.acceptor.accepted
        assert accepted is None or accepted.block.previous == self.learner.head, "R1"

    def _finish(self, before: tuple[Ballot, int], now: float, step: Step) -> Step:
        if step.decided:
            rounds = [block.ballot.round for block in step.decided]
            self._highest_round = max(self._highest_round, *rounds)
            self.acceptor.on_decided(self.learner.height)
            self.leader.on_progress(self.learner.height, now)
            self.election.on_decided(now)
            self._must_settle = True
        else:
            self._settle(now, step)
        self._check(*before)
        return step
