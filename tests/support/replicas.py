"""What the tests of the protocol's roles share: blocks of two words, and one replica on a bench.

A block's hash is its name, as `a2`, so that a failing test shows chains that can be read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from benmo.engine.events import Received
from benmo.paxos.membership import numbered, numbered_member
from benmo.paxos.messages import Accept, Accepted, Message, Prepare, Promise
from benmo.paxos.replica import Replica
from benmo.paxos.step import Step
from benmo.paxos.types import (
    GENESIS_HASH,
    Ballot,
    Change,
    Durable,
    NodeId,
    PaxosBlock,
    Proposal,
    Settings,
    Tenure,
)

TENURES = tuple(Tenure)
SIZES = (1, 3, 5, 7)


@dataclass(frozen=True, slots=True)
class NamedBlock:
    """A block of which the protocol sees all that it needs, and nothing more."""

    slot: int
    previous: str
    hash: str
    ballot: Ballot = Ballot.ZERO
    change: Change | None = None


def block(slot: int, name: str = "a", previous: str | None = None) -> NamedBlock:
    """The block `name` of a slot; it continues the chain a1, a2, … unless `previous` is given."""
    if previous is None:
        previous = GENESIS_HASH if slot == 1 else f"a{slot - 1}"
    return NamedBlock(slot, previous, f"{name}{slot}")


def blocks(first: int, last: int) -> tuple[NamedBlock, ...]:
    """A part of the chain a1, a2, …, both ends included."""
    return tuple(block(slot) for slot in range(first, last + 1))


def proposal(round: int, node: NodeId, slot: int = 1, name: str = "a") -> Proposal:
    return Proposal(Ballot(round, node), block(slot, name))


def at_height(
    height: int, promised: Ballot = Ballot.ZERO, accepted: Proposal | None = None
) -> Durable:
    """The durable state of a node with the chain a1 … a`height`."""
    return Durable(promised, accepted, height, f"a{height}" if height else GENESIS_HASH)


def settings(
    node: NodeId = 1,
    tenure: Tenure = Tenure.BLOCK,
    election_delay_s: tuple[float, float] = (20.0, 60.0),
) -> Settings:
    return Settings(node, numbered_member(node), tenure, election_delay_s)


class FakeApplication:
    """A queue that is only counted: blocks are named after what waited first."""

    def __init__(self, *queue: str, size: int = 3) -> None:
        self.membership = numbered(range(1, size + 1))
        self.change: Change | None = None
        self.queue = list(queue)
        self.forwarded: list[object] = []
        self.dropped = 0
        self.block_bytes = 100
        self.payers_of: dict[int, tuple[NodeId, ...]] = {}
        """By slot, whose users wait for its block."""
        self.sent_in = Ballot.ZERO

    @property
    def has_change(self) -> bool:
        return self.change is not None

    def front(self) -> int:
        return int(bool(self.queue))

    def ready(self) -> bool:
        return bool(self.queue or self.forwarded)

    def block(self, slot: int, ballot: Ballot, previous: str, now: float) -> PaxosBlock:
        first = self.queue[0] if self.queue else str(self.forwarded[0])
        return NamedBlock(slot, previous, f"{first}{slot}", change=self.change)

    def forward(self, ballot: Ballot, again: bool) -> list[object]:
        if not self.queue or (ballot == self.sent_in and not again):
            return []
        self.sent_in = ballot
        return [tuple(self.queue)]

    def payers(self, block: PaxosBlock) -> tuple[NodeId, ...]:
        return self.payers_of.get(block.slot, ())

    def bytes_of(self, block: PaxosBlock) -> int:
        return self.block_bytes

    def take_forwarded(self, sender: NodeId, payload: object) -> None:
        self.forwarded.append(payload)

    def drop_forwarded(self) -> None:
        self.forwarded = []
        self.dropped += 1

    def apply(self, decided: PaxosBlock) -> None:
        self.queue = [name for name in self.queue if f"{name}{decided.slot}" != decided.hash]
        if decided.change is not None:
            self.membership = self.membership.after(decided.change, decided.slot)
            self.change = None


class Bench:
    """One replica and its caller: all peers linked, no wait before a campaign but the jitter.

    What the replica sends to itself waits in `own`, until `hear_own` delivers it.
    """

    def __init__(
        self,
        node: NodeId = 1,
        size: int = 3,
        tenure: Tenure = Tenure.BLOCK,
        durable: Durable | None = None,
        queue: tuple[str, ...] = (),
        links: bool = True,
        thrift_s: float = 0.0,
        decide_delay_s: float = 0.0,
    ) -> None:
        self.now = 1000.0
        self.settings = replace(
            settings(node, tenure, (0.0, 0.0)),
            thrift_s=thrift_s,
            decide_delay_s=decide_delay_s,
        )
        self.application = FakeApplication(*queue, size=size)
        self.own: list[Message] = []
        self.replica = Replica(
            self.settings, durable or Durable(), self.application, Random(1), self.now
        )
        if links:
            for peer in self.peers:
                self.take(self.replica.on_link(peer, True, self.now))

    @property
    def peers(self) -> tuple[NodeId, ...]:
        return self.application.membership.peers(self.settings.node)

    def take(self, step: Step) -> Step:
        """The caller's duty: apply what is decided, keep what the replica sends to itself."""
        for decided in step.decided:
            self.application.apply(decided)
        self.own += [message for to, message in step.messages if to == self.settings.node]
        return step

    def hear(self, sender: NodeId, message: Message) -> Step:
        member = numbered_member(sender)
        return self.take(self.replica.on_message(sender, message, self.now, member))

    def hear_own(self) -> list[Step]:
        """Deliver what the replica sends to itself, as it becomes durable."""
        steps = []
        while self.own:
            steps.append(self.hear(self.settings.node, self.own.pop(0)))
        return steps

    def tick(self) -> Step:
        """One call of the timer."""
        return self.take(self.replica.on_timer(self.now))

    def due(self) -> list[Step]:
        """All that is due now."""
        steps = []
        while self.replica.deadline <= self.now:
            steps.append(self.tick())
        return steps

    def wait(self, seconds: float) -> list[Step]:
        """All that becomes due in this time, the peers sending nothing."""
        end = self.now + seconds
        steps = self.due()
        while self.replica.deadline <= end:
            self.now = self.replica.deadline
            steps += self.due()
        self.now = end
        return steps

    def campaign(self) -> Ballot:
        """Let the replica campaign; its ballot. Its own promise has come back to it."""
        self.due()
        self.now = max(self.now, self.replica.election.deadline)
        self.due()
        assert self.replica.leader.is_active
        self.hear_own()
        return self.replica.leader.ballot

    def lead(self, height: int | None = None) -> Ballot:
        """Campaign, and be promised the ballot by a majority that accepted nothing."""
        ballot = self.campaign()
        height = self.replica.learner.height if height is None else height
        for peer in self.peers[: self.application.membership.quorum - 1]:
            self.hear(peer, Promise(ballot, height, None))
        self.due()
        return ballot

    def decide(self) -> list[Step]:
        """Let a majority accept what is proposed."""
        proposed = self.replica.leader.proposal
        assert proposed is not None
        steps = self.hear_own()
        for peer in self.peers[: self.application.membership.quorum - 1]:
            steps.append(self.hear(peer, Accepted(proposed.ballot, proposed.slot)))
        return steps + self.due()


def sent(steps: Step | list[Step], kind: type[Any]) -> list[tuple[NodeId, Any]]:
    """What these steps send of a kind: to whom, and the message."""
    steps = [steps] if isinstance(steps, Step) else steps
    return [(to, said) for step in steps for to, said in step.messages if isinstance(said, kind)]


def receivers(steps: Step | list[Step], kind: type[Any]) -> list[NodeId]:
    return [to for to, _ in sent(steps, kind)]


def prepared(steps: Step | list[Step]) -> Ballot:
    """The ballot for which these steps ask."""
    ballots = {message.ballot for _, message in sent(steps, Prepare)}
    assert len(ballots) == 1, ballots
    return Ballot(*ballots.pop())


def accept_of(round: int, node: NodeId, slot: int = 1, name: str = "a") -> Accept:
    return Accept(proposal(round, node, slot, name))


def received(sender: NodeId, message: Message) -> Received:
    """The event that a message came from a node's first member."""
    return Received(sender, message, numbered_member(sender))
