"""One node's part in the protocol: routes events to the node's roles, and merges their effects.

A replica decides nothing itself. One call in, one `Step` out; no I/O, no clock, no lock.
"""

from __future__ import annotations

from math import inf
from random import Random
from typing import assert_never

from benmo.paxos.acceptor import Acceptor, Ahead
from benmo.paxos.application import Application
from benmo.paxos.election import Election
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
    BallotGivenUp,
    BallotRefused,
    Defeat,
    LeaderLost,
    PeerWentBack,
    PromiseMade,
    ProposalAccepted,
    ReachabilityChanged,
)
from benmo.paxos.quorum_reads import QuorumReads, reported_height
from benmo.paxos.reachability import Reachability
from benmo.paxos.step import BlocksWanted, Step
from benmo.paxos.types import (
    Ballot,
    Durable,
    MemberId,
    NodeId,
    Proposal,
    ProtocolError,
    Settings,
    Tenure,
)


class Replica:
    """The acceptor, leader and learner of one node.

    The caller's duties for the `Step` that each call returns, in this order:

    1. Make `step.records` durable, in their order. A `DecideRecord` alone may wait: its block is
       durable at a quorum. One whose block has a change doesn't wait: members that leave may count
       on it.
    2. Send `step.messages`. A message to this node itself goes into `on_message`, like any other.
    3. Apply `step.decided` to the application, in order.
    4. Only then call the replica again.

    Duties 1 and 2 may be gathered over several steps, as long as no message leaves before the
    records of its own step and of all earlier steps, decisions apart, are durable. One message is
    excepted: an `Accept` to this node itself may come back at once, since it leads only to a later
    record, and to a vote that waits for that record and all earlier ones. Duty 3 may not be put
    off: the replica relies on an application that has applied every decided block. The blocks that
    `step.reads` names are read from the chain and sent after duty 3, at any time.

    `on_timer` is due as soon as `deadline` has come, which may be at once. `now`, in seconds, never
    goes back. It counts from 1970, as well as the node's clock knows: `round_max` alone relies on
    that. In a few lines, with nothing gathered:

        while True:
            if replica.deadline <= now():
                step = replica.on_timer(now())
            elif event := inbox.get(until=replica.deadline):
                step = replica.on_message(event.sender, event.message, now())  # or on_link, …
            else:
                continue
            storage.append(step.records)
            storage.sync()
            for to, message in step.messages:
                send(to, message)  # to this node itself: into the inbox
            for block in step.decided:
                application.apply(block)
            for wanted in step.reads:
                send(wanted.to, Blocks(storage.read(wanted.first_slot), replica.durable.height))

    `benmo.engine.engine` is this loop with the records and messages of many steps gathered.

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
    def _has_something(self) -> bool:
        """Whether something waits here to be proposed."""
        return self._application.front() > 0 or self._application.has_change

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
        if self._is_peer(sender, member) and self.reachability.on_heard(sender, now):
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
        membership = self._membership
        self.quorum_reads.ask(ticket, self._reported_height, membership, step)
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
            self._give_up(Defeat.NO_ANSWER, now, step)
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
                self._on_prepare(sender, message.ballot, now, step)
            case Promise():
                self.leader.on_promise(member, message, now, step)
                self._on_height(sender, member, message.height, now, step)
            case Accept():
                self._on_accept(sender, message.proposal, now, step)
            case Accepted():
                self._on_accepted(sender, member, message, now, step)
            case Nack():
                self._on_nack(sender, message, now, step)
            case Decide():
                self.learner.on_decide(sender, message, self.acceptor.accepted, now, step)
            case Behind():
                self._on_behind(sender, message.height, step)
            case Blocks():
                self.learner.on_blocks(sender, message, now, step)
            case Heartbeat():
                self._on_heartbeat(sender, member, message, now, step)
            case Forward():
                if self.leader.is_active:  # before a quorum: a node forwards once it promises
                    self._application.take_forwarded(sender, message.payload)
            case Confirm() | Confirmed():
                height = self._reported_height
                self.quorum_reads.on_message(sender, member, message, height, step)
            case _:
                assert_never(message)

    def _on_prepare(self, sender: NodeId, ballot: Ballot, now: float, step: Step) -> None:
        answer = self.acceptor.on_prepare(ballot, self.learner.height, step)
        match answer:
            case Promise(_, height, accepted):
                accepted_in = Ballot.ZERO if accepted is None else accepted.ballot
                step.notices.append(PromiseMade(ballot, sender, height + 1, accepted_in))
                self._follow(ballot, now, step)
            case Nack(_, promised):
                step.notices.append(BallotRefused(ballot, promised, sender))
        if answer is not None:
            step.send(sender, answer)

    def _on_accept(self, sender: NodeId, proposal: Proposal, now: float, step: Step) -> None:
        self._learn_from_accept(proposal, step)
        is_next = proposal.slot == self.learner.height + 1
        if is_next and proposal.block.previous != self.learner.head:
            raise ProtocolError(f"the proposal of node {sender} continues another chain")
        answer = self.acceptor.on_accept(proposal, self.learner.height, step)
        match answer:
            case Accepted():
                step.notices.append(
                    ProposalAccepted(proposal.slot, proposal.ballot, sender, proposal.block.ballot)
                )
                self._follow(proposal.ballot, now, step)
                step.send(sender, answer)
            case Behind():
                self._follow(proposal.ballot, now, step)
                self.learner.ask(sender, proposal.slot - 1, now, step)
            case Nack(ballot, promised):
                step.notices.append(BallotRefused(ballot, promised, sender, proposal.slot))
                step.send(sender, answer)
            case Ahead(first_slot):
                self._send_blocks(sender, first_slot, step)
            case _:
                assert_never(answer)

    def _learn_from_accept(self, proposal: Proposal, step: Step) -> None:
        """Append the accepted block if the proposal names it as the previous, decided block."""
        accepted = self.acceptor.accepted
        if (
            accepted is not None
            and proposal.slot == accepted.slot + 1
            and proposal.block.previous == accepted.block.hash
        ):
            self.learner.append(accepted.block, accepted.ballot, step)
            self.acceptor.on_decided(self.learner.height)

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

    def _on_heartbeat(
        self, sender: NodeId, member: MemberId, message: Heartbeat, now: float, step: Step
    ) -> None:
        if not self._is_peer(sender, member):
            self._on_height(sender, member, message.height, now, step)
            return
        leads = message.ballot.node == sender
        if leads and message.ballot >= self.acceptor.promised:
            if self.election.leader != message.ballot:
                self._follow(message.ballot, now, step)
        elif not leads:
            self.election.on_not_leading(sender, now)
        height_before = self.reachability.height(sender)
        if message.height < height_before:
            step.notices.append(PeerWentBack(sender, height_before, message.height))
        self._on_height(sender, member, message.height, now, step)

    # Effects that several handlers share.

    def _is_peer(self, sender: NodeId, member: MemberId) -> bool:
        """Whether a sender speaks for another node: as its member, or as one that came later."""
        return sender in self.reachability and not self._membership.is_retired(member)

    def _on_height(
        self, sender: NodeId, member: MemberId, height: int, now: float, step: Step
    ) -> None:
        if sender != self.settings.node and not self._membership.is_retired(member):
            self.learner.ask(sender, height, now, step)

    def _send_blocks(self, to: NodeId, first_slot: int, step: Step) -> None:
        if to != self.settings.node:
            step.reads.append(BlocksWanted(to, first_slot))

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(self.learner.height, self.known_leader)

    def _follow(self, ballot: Ballot, now: float, step: Step) -> None:
        """Follow another node that leads, or tries to, in a ballot not below the promised one."""
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
        limit_s = self.leader.round_limit.limit_s
        step.notices.append(BallotGivenUp(self.leader.ballot, defeat, higher, nacker, limit_s))
        self.leader.resign()
        self.election.on_failed(now)

    def _campaign(self, now: float, step: Step) -> None:
        if not self.reachability.has_quorum:
            self.election.on_failed(now)
            self.reachability.report_no_quorum(self._has_something, step)
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
        wants = self._has_something or self.acceptor.accepted is not None
        self.election.settle(wants and self.is_voter, self.leader.is_active, now)
        self._forward(step)
        height, reported = self.learner.height, self._reported_height
        self.quorum_reads.settle(height, reported, self._membership, step)
        if not self.reachability.has_quorum:
            self.reachability.report_no_quorum(self._has_something, step)

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
