"""The effects of one call of a replica, which the caller carries out.

    step.records        append these and make them durable …
    step.messages       … before these leave, those to this node itself included
    step.decided        blocks for the ledger, in order
    step.decided_in     the ballot that decided them, ZERO if this node doesn't know it
    step.reads          blocks to read from the chain and to send
    step.confirmations  how far the chain may be, for reads that asked
    step.notices        facts to show to people who watch

The caller's duties for each step, in this order:

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

In a few lines, with nothing gathered:

    while True:
        if replica.deadline <= now():
            step = replica.on_timer(now())
        elif event := inbox.get(until=replica.deadline):
            # … or on_link, on_request, on_confirm
            step = replica.on_message(event.sender, event.message, now(), event.member)
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
