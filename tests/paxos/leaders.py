"""Leaders that are somewhere in their ballot: it has begun, is promised, or has a proposal."""

from __future__ import annotations

from benmo.paxos.leader import Leader
from benmo.paxos.membership import numbered, numbered_member
from benmo.paxos.messages import Accepted, Promise
from benmo.paxos.step import Step
from benmo.paxos.types import Ballot, NodeId, Proposal, Tenure
from tests.support.replicas import (
    FakeApplication,
    at_height,
    settings,
)

MINE = Ballot(5, 1)


def preparing(
    size: int = 3, tenure: Tenure = Tenure.BLOCK, queue: tuple[str, ...] = ("own",)
) -> Leader:
    """Node 1's leader, which has just asked for promises for ballot (5, 1)."""
    leader = Leader(settings(1, tenure), FakeApplication(*queue, size=size))
    leader.campaign(MINE, 0.0, Step())
    return leader


def promised(
    *promises: tuple[NodeId, int, Proposal | None],
    tenure: Tenure = Tenure.BLOCK,
    queue: tuple[str, ...] = ("own",),
) -> Leader:
    """A leader of five nodes that heard these promises: sender, height, accepted."""
    leader = preparing(5, tenure, queue)
    for sender, height, accepted in promises:
        leader.on_promise(numbered_member(sender), Promise(MINE, height, accepted), 0.0, Step())
    return leader


def propose(leader: Leader, height: int = 0) -> Step:
    step = Step()
    leader.propose(height, at_height(height).head, 0.0, step)
    return step


def proposing(size: int = 3, tenure: Tenure = Tenure.BLOCK) -> Leader:
    """A leader that has just proposed its own block for slot 1."""
    leader = preparing(size, tenure)
    for node in range(1, numbered(range(1, size + 1)).quorum + 1):
        leader.on_promise(numbered_member(node), Promise(MINE, 0, None), 0.0, Step())
    propose(leader)
    return leader


def vote(leader: Leader, *senders: NodeId, slot: int = 1, ballot: Ballot = MINE) -> Step:
    step = Step()
    for sender in senders:
        leader.on_accepted(sender, numbered_member(sender), Accepted(ballot, slot), 0.0, step)
    return step
