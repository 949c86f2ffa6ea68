"""The messages that nodes send one another.

One slot with a new leader; a stable leader starts each further slot at "phase 2":

    leader                                acceptors (the leader's own among them)
      |                                        |
      |  Prepare(ballot)                       |    phase 1: is anyone ahead of me,
      |--------------------------------------->|    or half-way through a decision?
      |           Promise(ballot, height, accepted)
      |<---------------------------------------|    durable before it leaves
      |                                        |
      |  Behind(height)                        |    only if a promise showed blocks
      |--------------------------------------->|    that the leader lacks
      |                      Blocks(blocks, height)
      |<---------------------------------------|
      |                                        |
      |  Accept(ballot, block)                 |    phase 2
      |--------------------------------------->|
      |                  Accepted(ballot, slot)|
      |<---------------------------------------|    durable before it leaves
      |                                        |
      |  Decide(slot, ballot, hash)            |    a quorum accepted: it is decided
      |--------------------------------------->|

A ballot that is too low is answered with Nack(ballot, promised) in either phase. `Behind` may be
sent at any time to a node that is known to have more blocks, and once all of its blocks have come.
The answer is a chunk of blocks, or the `Accept` that is in flight. `Heartbeat` goes to every peer
about once a second; `Forward` carries a queue to a stable leader. For `Confirm` and `Confirmed`,
see `benmo.paxos.quorum_reads`.
"""

from __future__ import annotations

from dataclasses import dataclass

from benmo.paxos.types import Ballot, PaxosBlock, Proposal


@dataclass(frozen=True, slots=True)
class Prepare:
    """Phase 1a: the sender wants to lead with this ballot."""

    ballot: Ballot


@dataclass(frozen=True, slots=True)
class Promise:
    """Phase 1b: the sender takes part in no lower ballot, in this slot or any later one.

    `height` is how many blocks the sender knows to be decided; `accepted` is what it accepted for
    the slot after that, if anything.
    """

    ballot: Ballot
    height: int
    accepted: Proposal | None


@dataclass(frozen=True, slots=True)
class Accept:
    """Phase 2a: asks for a vote; also says that every slot below the proposal's is decided."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Accepted:
    """Phase 2b: the sender has the proposal of this ballot and slot on its disk."""

    ballot: Ballot
    slot: int


@dataclass(frozen=True, slots=True)
class Nack:
    """The sender refuses `ballot`, since it has promised the higher ballot `promised`."""

    ballot: Ballot
    promised: Ballot


@dataclass(frozen=True, slots=True)
class Decide:
    """A quorum accepted the block with this hash, in this slot and ballot."""

    slot: int
    ballot: Ballot
    hash: str


@dataclass(frozen=True, slots=True)
class Behind:
    """The sender is at this height, and asks for the blocks above it."""

    height: int


@dataclass(frozen=True, slots=True)
class Blocks:
    """Decided blocks in the order of their slots; the sender itself is at `height`."""

    blocks: tuple[PaxosBlock, ...]
    height: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The sender is alive and at `height`; `ballot` is that of the leader it knows, or ZERO.

    A ballot of the sender's own says that the sender leads.
    """

    height: int
    ballot: Ballot


@dataclass(frozen=True, slots=True)
class Forward:
    """Undecided transfers of the sender's queue, for the leader to propose."""

    payload: object


@dataclass(frozen=True, slots=True)
class Confirm:
    """The sender asks, under this number of its own, how far the chain may be."""

    number: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """No slot above `height` was decided with the sender's vote when the `Confirm` came."""

    number: int
    height: int


Message = (
    Prepare
    | Promise
    | Accept
    | Accepted
    | Nack
    | Decide
    | Behind
    | Blocks
    | Heartbeat
    | Forward
    | Confirm
    | Confirmed
)
