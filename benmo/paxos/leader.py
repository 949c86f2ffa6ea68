"""The leader: asks for promises, catches up, proposes, counts votes.

    IDLE ──campaign──> PREPARE ──quorum of promises──> CATCH_UP ──at their height──> ACCEPT
      ^                                                                                │
      └──nack, time limit, higher ballot, or tenure `block` after its one block────────┤
                                                    tenure `stable`: LEAD <──decided───┘

A leader in LEAD goes straight to ACCEPT with its next proposal.

*Paxos Made Simple*, section 2.2, phases 1 (a) and 2 (a). The rule that keeps a decided block
decided is in `_reported`.
"""

from __future__ import annotations

from enum import StrEnum
from math import inf

from benmo.paxos.announcements import Announcements
from benmo.paxos.application import Application
from benmo.paxos.membership import Membership
from benmo.paxos.messages import Accept, Accepted, Decide, Prepare, Promise
from benmo.paxos.notices import (
    BlockReported,
    CampaignBegun,
    ForeignBlockReported,
    LeadershipWon,
    ProposalMade,
)
from benmo.paxos.round_limit import RoundLimit
from benmo.paxos.step import Step
from benmo.paxos.thrifty_votes import ThriftyVotes
from benmo.paxos.types import Ballot, MemberId, NodeId, PaxosBlock, Proposal, Settings, Tenure


class Phase(StrEnum):
    """The leader's states, as in the diagram above."""

    IDLE = "idle"
    PREPARE = "prepare"
    CATCH_UP = "catch up"
    ACCEPT = "accept"
    LEAD = "lead"


class Leader:
    """Campaigns and leads for this node; none of its state is durable.

    After a crash the node is only an acceptor, and takes a higher ballot when it campaigns again.

    Invariants, asserted by `check`:

    P1. A node campaigns and leads only with a ballot of its own, which is the highest that its own
        acceptor has promised.
    P2. A proposal is made in the leader's ballot, for the slot right above the chain.
    P3. While a proposal is under way, its ballot was promised by a quorum of the members that vote
        for its slot, and by this node's member as one of them.

    Members are told apart by their certificates. Which of them vote for a slot is known only once
    all slots below are decided: so promises are kept under their members, and counted each time
    that a proposal is made.
    """

    def __init__(self, settings: Settings, application: Application) -> None:
        self.ballot = Ballot.ZERO
        self.phase = Phase.IDLE
        self.round_deadline = inf
        """When the current round counts as failed, in seconds; infinite if there is none."""
        self.proposal: Proposal | None = None
        self.proposed_own = False
        """Whether the last proposal was this node's own, not taken over from a promise."""
        self.promises: dict[MemberId, Promise] = {}
        """The promises of this ballot, also those of members that have no vote."""
        self.announcements = Announcements(settings)
        self.thrifty_votes = ThriftyVotes(settings)
        self.round_limit = RoundLimit(settings)
        self._settings = settings
        self._application = application
        self._counted_for: Membership | None = None
        """The members that vote for the proposal's slot, and of which a quorum has promised."""
        self._accepted_by: set[NodeId] = set()
        self._left_out: set[NodeId] = set()

    def check(self, height: int, promised: Ballot) -> None:
        """Assert the invariants; `promised` is what this node's acceptor has promised."""
        if self.phase is Phase.IDLE:
            return
        assert self.ballot.node == self._settings.node, "P1"
        assert self.ballot == promised, "P1"
        if self.proposal is not None:
            assert self.proposal.ballot == self.ballot, "P2"
            assert self.proposal.slot == height + 1, "P2"
            assert self._counted_for is self._membership, "P3"

    @property
    def deadline(self) -> float:
        """When `on_timer` has something to do, or the round has failed; in seconds."""
        return min(self.round_deadline, self.thrifty_votes.deadline, self.announcements.deadline)

    @property
    def is_active(self) -> bool:
        """Whether this node campaigns or leads."""
        return self.phase is not Phase.IDLE

    @property
    def is_leading(self) -> bool:
        """Whether a quorum has promised this node's ballot."""
        return self.phase not in (Phase.IDLE, Phase.PREPARE)

    @property
    def target_height(self) -> int:
        """The greatest height that a promise of a voter reported, 0 if there is none."""
        return max((promise.height for _, promise in self._counted()), default=0)

    @property
    def _membership(self) -> Membership:
        """The voters of the slot after the last that this node has applied."""
        return self._application.membership

    def _counted(self) -> list[tuple[NodeId, Promise]]:
        """The promises that count now, with their nodes."""
        voters = self._membership.voters.values()
        return [(each.node, self.promises[each.id]) for each in voters if each.id in self.promises]

    @property
    def _may_propose(self) -> bool:
        """Whether the ballot was promised by a quorum of those that vote now, and this one votes.

        An old and a new member of this node may have the same ballot: never for the same slot.
        """
        membership = self._membership
        return membership.is_voter(self._settings.member) and membership.has_quorum(self.promises)

    def can_propose(self, height: int) -> bool:
        """Whether `propose` has something to do, the chain being at this height."""
        if self.phase is Phase.CATCH_UP:
            return height >= self.target_height
        return self.phase is Phase.LEAD and self._application.ready()

    def campaign(self, ballot: Ballot, now: float, step: Step) -> None:
        """Phase 1a: send `Prepare` to all peers.

        The caller lets this node's own acceptor promise the ballot in the same step. So the ballot
        is durable before any message that bears it leaves, and no ballot is ever used twice,
        whatever crashes come between.
        """
        self.resign()
        self.ballot = ballot
        self._enter(Phase.PREPARE, now)
        self.round_limit.on_campaign(ballot, now)
        step.notices.append(CampaignBegun(ballot))
        step.send_all(self._membership.peers(self._settings.node), Prepare(ballot))

    def on_promise(self, member: MemberId, message: Promise, now: float, step: Step) -> None:
        """Keep a member's promise for the ballot that is being prepared.

        Any other comes too late, and only shows how long answers take.
        """
        self.round_limit.on_promise(member, message.ballot, self._membership, now, step)
        if self.phase is Phase.PREPARE and message.ballot == self.ballot:
            self.promises[member] = message
            self._count_promises(now, step)

    def _count_promises(self, now: float, step: Step) -> None:
        if self.phase is Phase.PREPARE and self._may_propose:
            self._enter(Phase.CATCH_UP, now)
            promised_by = tuple(node for node, _ in self._counted())
            step.notices.append(LeadershipWon(self.ballot, promised_by))

    def propose(self, height: int, head: str, now: float, step: Step) -> None:
        """Phase 2a: send `Accept`, with a block that continues `head`, the hash at `height`.

        The application must have applied every block up to `height`. In tenure `block`, a leader
        that finds nothing to propose is an acceptor again.
        """
        assert self.can_propose(height)
        if not self._may_propose:  # while this node caught up, it learned of a change
            self._enter(Phase.PREPARE, now)
            return
        if self._is_misled(height, head, step):
            self.resign()
            return
        block = self._reported(height)
        self.proposed_own = block is None
        if block is None and self._application.ready():
            block = self._application.block(height + 1, self.ballot, head, now)
        if block is None:
            self._rest(now)
            return
        self.proposal = Proposal(self.ballot, block)
        self._counted_for = self._membership
        self._accepted_by = set()
        self._enter(Phase.ACCEPT, now)
        self._tell_proposal(block, height, step)
        membership = self._membership
        everyone = [node for node in membership.nodes if node not in self._left_out]
        wanted = {*self._application.payers(block), *self.announcements.payers}
        if self._application.bytes_of(block) > self._settings.thrift_bytes_max:
            wanted.update(everyone)
        asked = self.thrifty_votes.ask(everyone, wanted, membership.quorum, now)
        step.send_all(asked, Accept(self.proposal))
        self.announcements.on_proposed(block.slot)

    def on_timer(self, now: float, step: Step) -> None:
        """Send the `Accept` and `Decide` messages that are due."""
        rest = [node for node in self.thrifty_votes.rest(now) if node not in self._left_out]
        if rest and self.proposal is not None:
            step.send_all(rest, Accept(self.proposal))
        self.announcements.on_timer(now, step)

    def on_accepted(
        self, sender: NodeId, member: MemberId, message: Accepted, now: float, step: Step
    ) -> Proposal | None:
        """Count an accept vote; return the proposal if this vote decides it, else None.

        The vote of a member that doesn't vote for this slot counts for nothing.
        """
        proposal, membership = self.proposal, self._membership
        if proposal is None or (message.ballot, message.slot) != (self.ballot, proposal.slot):
            return None
        if not membership.is_voter(member):
            return None
        self._accepted_by.add(sender)
        if len(self._accepted_by) < membership.quorum:
            return None
        peers = membership.peers(self._settings.node)
        reachable = [node for node in peers if node not in self._left_out]
        decide = Decide(proposal.slot, proposal.ballot, proposal.block.hash)
        payers = self._application.payers(proposal.block)
        self.announcements.on_decided(decide, payers, reachable, now, step)
        self._rest(now)
        self.thrifty_votes.on_decided(self._accepted_by)
        return proposal

    def may_decide(self, message: Accepted, votes: int) -> bool:
        """Whether `votes` more accept votes, `message` among them, may decide the proposal."""
        proposal = self.proposal
        return (
            proposal is not None
            and (message.ballot, message.slot) == (self.ballot, proposal.slot)
            and len(self._accepted_by) + votes >= self._membership.quorum
        )

    def accept_for(self, peer: NodeId, height: int) -> Accept | None:
        """The `Accept` in flight, if a peer at this height can accept it and hasn't; else None."""
        proposal = self.proposal
        if proposal is None or proposal.slot != height + 1 or peer in self._accepted_by:
            return None
        return Accept(proposal)

    def on_progress(self, height: int, now: float) -> None:
        """Note that the chain grew: give catching up more time, drop a proposal that is decided."""
        if self.phase is Phase.CATCH_UP:
            self._enter(Phase.CATCH_UP, now)
        elif self.proposal is not None and self.proposal.slot <= height:
            self._rest(now)

    def on_membership(self, now: float, step: Step) -> None:
        """Deal with a change of the membership, which the application has applied.

        Those who promised may be no quorum of the new members: so a leader gives its ballot up. A
        node that doesn't lead yet counts the promises anew, now or before it proposes.
        """
        if self.phase in (Phase.ACCEPT, Phase.LEAD):
            self.resign()
        self._count_promises(now, step)

    def on_link(self, peer: NodeId, up: bool, now: float) -> None:
        """Leave a peer that became unreachable out until the instance ends, if one is under way."""
        if not up:
            self.thrifty_votes.on_gone(peer, now)
            if self.phase is not Phase.LEAD:
                self._left_out.add(peer)

    def resign(self) -> None:
        """Give up the ballot: this node is only an acceptor again."""
        self.phase = Phase.IDLE
        self.round_deadline = inf
        self.thrifty_votes.end()
        self.proposal = None
        self.promises = {}
        self._left_out = set()
        self._application.drop_forwarded()

    def _is_misled(self, height: int, head: str, step: Step) -> bool:
        """Whether a promise reported an impossible block: one that doesn't continue the chain."""
        for node, promise in self._counted():
            accepted = promise.accepted if promise.height == height else None
            if accepted is not None and accepted.block.previous != head:
                step.notices.append(ForeignBlockReported(node))
                return True
        return False

    def _reported(self, height: int) -> PaxosBlock | None:
        """The block that must be proposed, or None if the choice is free: P2c of the paper.

        Of the proposals that members at this height accepted for the next slot, it is the one with
        the highest ballot; only members that vote for that slot count. A node below this height
        reported a slot that is decided. Above the greatest height that the promises reported, no
        node in the quorum had accepted anything.
        """
        reported = [
            promise.accepted
            for _, promise in self._counted()
            if promise.height == height and promise.accepted is not None
        ]
        if not reported:
            return None
        return max(reported, key=lambda proposal: proposal.ballot).block

    def _tell_proposal(self, block: PaxosBlock, height: int, step: Step) -> None:
        """Report what is proposed; of a block that is taken over, also which promises showed it."""
        if self.proposed_own:
            step.notices.append(ProposalMade(block.slot, self.ballot))
            return
        reports: dict[tuple[Ballot, Ballot], list[NodeId]] = {}
        for node, promise in self._counted():
            if promise.height == height and promise.accepted is not None:
                ballots = (promise.accepted.ballot, promise.accepted.block.ballot)
                reports.setdefault(ballots, []).append(node)
        for (accepted_in, proposed_in), nodes in sorted(reports.items()):
            step.notices.append(BlockReported(block.slot, accepted_in, proposed_in, tuple(nodes)))
        is_choice = len({proposed_in for _, proposed_in in reports}) > 1
        step.notices.append(ProposalMade(block.slot, self.ballot, block.ballot, is_choice))

    def _rest(self, now: float) -> None:
        """End the instance: lead on in tenure `stable`, else be an acceptor again."""
        if self._settings.tenure is Tenure.BLOCK:
            self.resign()
            return
        self.proposal = None
        self._left_out = set()
        self.thrifty_votes.end()
        self._enter(Phase.LEAD, now)

    def _enter(self, phase: Phase, now: float) -> None:
        self.phase = phase
        self.round_deadline = inf if phase is Phase.LEAD else now + self.round_limit.limit_s
