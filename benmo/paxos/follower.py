"""A node's part while another leads, or tries to: it answers, follows, and leads no more itself."""

from __future__ import annotations

from typing import assert_never

from benmo.paxos.acceptor import Acceptor, Ahead
from benmo.paxos.election import Election
from benmo.paxos.leader import Leader
from benmo.paxos.learner import Learner
from benmo.paxos.messages import Accepted, Behind, Heartbeat, Nack, Promise
from benmo.paxos.notices import (
    BallotGivenUp,
    BallotRefused,
    Defeat,
    PeerWentBack,
    PromiseMade,
    ProposalAccepted,
)
from benmo.paxos.reachability import Reachability
from benmo.paxos.step import BlocksWanted, Step
from benmo.paxos.types import Ballot, MemberId, NodeId, Proposal, ProtocolError


class Follower:
    """Answers leaders, for the roles of one node.

    The acceptor decides what is promised and accepted; the other roles hear of it here.
    """

    def __init__(
        self,
        node: NodeId,
        acceptor: Acceptor,
        learner: Learner,
        leader: Leader,
        election: Election,
        reachability: Reachability,
    ) -> None:
        self._node = node
        self._acceptor = acceptor
        self._learner = learner
        self._leader = leader
        self._election = election
        self._reachability = reachability

    def on_prepare(self, sender: NodeId, ballot: Ballot, now: float, step: Step) -> None:
        answer = self._acceptor.on_prepare(ballot, self._learner.height, step)
        match answer:
            case Promise(_, height, accepted):
                accepted_in = Ballot.ZERO if accepted is None else accepted.ballot
                step.notices.append(PromiseMade(ballot, sender, height + 1, accepted_in))
                self.follow(ballot, now, step)
            case Nack(_, promised):
                step.notices.append(BallotRefused(ballot, promised, sender))
        if answer is not None:
            step.send(sender, answer)

    def on_accept(self, sender: NodeId, proposal: Proposal, now: float, step: Step) -> None:
        self._learn_from_accept(proposal, step)
        is_next = proposal.slot == self._learner.height + 1
        if is_next and proposal.block.previous != self._learner.head:
            raise ProtocolError(f"the proposal of node {sender} continues another chain")
        answer = self._acceptor.on_accept(proposal, self._learner.height, step)
        match answer:
            case Accepted():
                step.notices.append(
                    ProposalAccepted(proposal.slot, proposal.ballot, sender, proposal.block.ballot)
                )
                self.follow(proposal.ballot, now, step)
                step.send(sender, answer)
            case Behind():
                self.follow(proposal.ballot, now, step)
                self._learner.ask(sender, proposal.slot - 1, now, step)
            case Nack(ballot, promised):
                step.notices.append(BallotRefused(ballot, promised, sender, proposal.slot))
                step.send(sender, answer)
            case Ahead(first_slot):
                self._send_blocks(sender, first_slot, step)
            case _:
                assert_never(answer)

    def _learn_from_accept(self, proposal: Proposal, step: Step) -> None:
        """Append the accepted block if the proposal names it as the previous, decided block."""
        accepted = self._acceptor.accepted
        if (
            accepted is not None
            and proposal.slot == accepted.slot + 1
            and proposal.block.previous == accepted.block.hash
        ):
            self._learner.append(accepted.block, accepted.ballot, step)
            self._acceptor.on_decided(self._learner.height)

    def on_nack(self, sender: NodeId, message: Nack, now: float, step: Step) -> None:
        is_refused = message.ballot == self._leader.ballot < message.promised
        if self._leader.is_active and is_refused:
            self.step_down(Defeat.NACK, now, step, message.promised, sender)

    def on_behind(self, sender: NodeId, height: int, step: Step) -> None:
        self._reachability.on_height(sender, height)
        accept = self._leader.accept_for(sender, height)
        if height < self._learner.height:
            self._send_blocks(sender, height + 1, step)
        elif accept is not None:
            step.send(sender, accept)

    def on_heartbeat(
        self, sender: NodeId, member: MemberId, message: Heartbeat, now: float, step: Step
    ) -> None:
        if not self._reachability.is_peer(sender, member):
            self.on_height(sender, member, message.height, now, step)
            return
        leads = message.ballot.node == sender
        if leads and message.ballot >= self._acceptor.promised:
            if self._election.leader != message.ballot:
                self.follow(message.ballot, now, step)
        elif not leads:
            self._election.on_not_leading(sender, now)
        height_before = self._reachability.height(sender)
        if message.height < height_before:
            step.notices.append(PeerWentBack(sender, height_before, message.height))
        self.on_height(sender, member, message.height, now, step)

    def on_height(
        self, sender: NodeId, member: MemberId, height: int, now: float, step: Step
    ) -> None:
        if sender != self._node and not self._reachability.is_retired(member):
            self._learner.ask(sender, height, now, step)

    def follow(self, ballot: Ballot, now: float, step: Step) -> None:
        """Follow another node that leads, or tries to, in a ballot not below the promised one."""
        if ballot.node == self._node:
            return
        if self._leader.is_active and ballot > self._leader.ballot:
            self.step_down(Defeat.OUTBID, now, step, ballot)
        if self._reachability.is_reachable(ballot.node):
            if ballot != self._election.leader:
                self._learner.forget_request()
            self._election.on_leader(ballot, now)

    def step_down(
        self,
        defeat: Defeat,
        now: float,
        step: Step,
        higher: Ballot = Ballot.ZERO,
        nacker: NodeId | None = None,
    ) -> None:
        limit_s = self._leader.round_limit.limit_s
        step.notices.append(BallotGivenUp(self._leader.ballot, defeat, higher, nacker, limit_s))
        self._leader.resign()
        self._election.on_failed(now)

    def _send_blocks(self, to: NodeId, first_slot: int, step: Step) -> None:
        if to != self._node:
            step.reads.append(BlocksWanted(to, first_slot))
