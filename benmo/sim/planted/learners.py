"""Mistakes in what a node takes for decided."""

from __future__ import annotations

from benmo.paxos.follower import Follower
from benmo.paxos.learner import Learner
from benmo.paxos.messages import Blocks, Decide, Heartbeat
from benmo.paxos.step import Step
from benmo.paxos.types import Ballot, MemberId, NodeId, PaxosBlock, Proposal
from benmo.sim.planted.patch import Patch


def doubled_decision_appended(patch: Patch) -> None:
    """A decision that comes twice is appended twice."""
    original_append, original = Learner._append, Learner.on_decide

    def append(self: Learner, block: PaxosBlock, accepted_in: Ballot, step: Step) -> None:
        vars(self)["last"] = block
        original_append(self, block, accepted_in, step)

    def on_decide(
        self: Learner,
        sender: NodeId,
        message: Decide,
        accepted: Proposal | None,
        now: float,
        step: Step,
    ) -> None:
        if message.slot == self.height and "last" in vars(self):
            original_append(self, vars(self)["last"], Ballot.ZERO, step)
        else:
            original(self, sender, message, accepted, now, step)

    patch.set(Learner, "_append", append)
    patch.set(Learner, "on_decide", on_decide)


def decision_of_another_ballot(patch: Patch) -> None:
    """A decision is taken for what was accepted, whatever ballot that was in."""
    original = Learner.on_decide

    def on_decide(
        self: Learner,
        sender: NodeId,
        message: Decide,
        accepted: Proposal | None,
        now: float,
        step: Step,
    ) -> None:
        if accepted is not None and accepted.slot == message.slot == self.height + 1:
            self._append(accepted.block, accepted.ballot, step)
        else:
            original(self, sender, message, accepted, now, step)

    patch.set(Learner, "on_decide", on_decide)


def catch_up_applied_twice(patch: Patch) -> None:
    """Blocks from two peers overlap, and are all appended."""

    def on_blocks(self: Learner, sender: NodeId, message: Blocks, now: float, step: Step) -> None:
        self._reachability.on_height(sender, message.height)
        for block in message.blocks:
            self._append(block, Ballot.ZERO, step)

    patch.set(Learner, "on_blocks", on_blocks)


def missed_decision_stays_missed(patch: Patch) -> None:
    """A node that hears that others are ahead doesn't ask them for anything."""
    patch.set(Follower, "on_height", lambda self, sender, member, height, now, step: None)


def heartbeat_height_trusted(patch: Patch) -> None:
    """A node takes the height of a heartbeat for its own."""
    original = Follower.on_heartbeat

    def on_heartbeat(
        self: Follower,
        sender: NodeId,
        member: MemberId,
        message: Heartbeat,
        now: float,
        step: Step,
    ) -> None:
        original(self, sender, member, message, now, step)
        self._learner.height = max(self._learner.height, message.height)

    patch.set(Follower, "on_heartbeat", on_heartbeat)
