"""The effects of one call of a replica, which the caller carries out.

    step.records        append these and make them durable …
    step.messages       … before these leave, those to this node itself included
    step.decided        blocks for the ledger, in order
    step.decided_in     the ballot that decided them, ZERO if this node doesn't know it
    step.reads          blocks to read from the chain and to send
    step.confirmations  how far the chain may be, for reads that asked
    step.notices        facts to show to people who watch

The docstring of `benmo.paxos.replica.Replica` says in which order, and what may wait.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from benmo.paxos.messages import Message
from benmo.paxos.notices import ProtocolNotice
from benmo.paxos.types import Ballot, NodeId, PaxosBlock, Proposal


@dataclass(frozen=True, slots=True)
class PromiseRecord:
    """The acceptor promised this ballot."""

    ballot: Ballot


@dataclass(frozen=True, slots=True)
class AcceptRecord:
    """The acceptor accepted this proposal."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class DecideRecord:
    """The block is decided.

    With a ballot, it is the block of the last `AcceptRecord`, accepted in that ballot. With
    `Ballot.ZERO`, this node hasn't accepted the block; as a rule, a peer sent it once decided.
    """

    block: PaxosBlock
    ballot: Ballot


Record = PromiseRecord | AcceptRecord | DecideRecord


@dataclass(frozen=True, slots=True)
class BlocksWanted:
    """`to` lacks the blocks from `first_slot` on: read a chunk of them and send it."""

    to: NodeId
    first_slot: int


@dataclass(frozen=True, slots=True)
class Confirmation:
    """All that was decided before the question with this ticket is at `height` or below."""

    ticket: int
    height: int


@dataclass(slots=True)
class Step:
    """The effects of one call, in the order in which the roles asked for them."""

    records: list[Record] = field(default_factory=list)
    messages: list[tuple[NodeId, Message]] = field(default_factory=list)
    reads: list[BlocksWanted] = field(default_factory=list)
    decided: list[PaxosBlock] = field(default_factory=list)
    decided_in: Ballot = Ballot.ZERO
    """The ballot in which a quorum is known to have accepted the block in `decided`.

    ZERO if only the decision is known. One message announces one such ballot at most.
    """
    notices: list[ProtocolNotice] = field(default_factory=list)
    confirmations: list[Confirmation] = field(default_factory=list)

    def send(self, to: NodeId, message: Message) -> None:
        self.messages.append((to, message))

    def send_all(self, nodes: Iterable[NodeId], message: Message) -> None:
        self.messages.extend((node, message) for node in nodes)
