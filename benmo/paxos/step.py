"""What one call of a replica gives back: effects to be carried out, in a fixed order.

step.records    append these and make them durable …
step.messages   … before these leave, one's own to oneself included
step.reads      blocks to be read from the chain and sent
step.decided    blocks for the ledger, in order
step.confirmations  how far the chain may be, where that was asked
step.notices    what people who watch want to know
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

    With a ballot, it is the block of the last `AcceptRecord`, accepted in that ballot; with
    `Ballot.ZERO`, it was learned whole from a peer.
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
    """Everything that was decided before the question under this ticket is at `height` or below."""

    ticket: int
    height: int


@dataclass(slots=True)
class Step:
    """The effects of one call, in the order in which the roles asked for them."""

    records: list[Record] = field(default_factory=list)
    messages: list[tuple[NodeId, Message]] = field(default_factory=list)
    reads: list[BlocksWanted] = field(default_factory=list)
    decided: list[PaxosBlock] = field(default_factory=list)
    notices: list[ProtocolNotice] = field(default_factory=list)
    confirmations: list[Confirmation] = field(default_factory=list)

    def send(self, to: NodeId, message: Message) -> None:
        self.messages.append((to, message))

    def send_all(self, nodes: Iterable[NodeId], message: Message) -> None:
        self.messages.extend((node, message) for node in nodes)
