"""Notices: what a replica reports for people who watch, as facts, each a type of its own.

None of them is a sentence. `benmo.wording` puts all notices into words, in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from benmo.paxos.types import Ballot, NodeId


class NoticeKind(StrEnum):
    """The subject of a notice, so that a watcher can choose notices."""

    PROMISED = "promised"
    NACKED = "nacked"
    ACCEPTED = "accepted"
    CAMPAIGN = "campaign"
    LEADER = "leader"
    PROPOSED = "proposed"
    NO_QUORUM = "no quorum"
    DECIDED = "decided"
    REFUSED = "refused"
    LINK = "link"
    CAUGHT_UP = "caught up"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class PromiseMade:
    """This node promised a ballot to the node that asked, and reported what it has accepted.

    `accepted_in` is the ballot in which this node has accepted a block for `slot`, the slot right
    above its chain; ZERO if it has accepted none.
    """

    kind: ClassVar = NoticeKind.PROMISED
    ballot: Ballot
    to: NodeId
    slot: int
    accepted_in: Ballot = Ballot.ZERO


@dataclass(frozen=True, slots=True)
class BallotRefused:
    """This node answered `to`, the ballot's node, that it has promised the higher one `promised`.

    `slot` is that of the proposal that it refused to accept; 0 if it refused to promise.
    """

    kind: ClassVar = NoticeKind.NACKED
    ballot: Ballot
    promised: Ballot
    to: NodeId
    slot: int = 0


@dataclass(frozen=True, slots=True)
class ProposalAccepted:
    """This node accepted a proposal for a slot; `proposed_in` is its block's first ballot."""

    kind: ClassVar = NoticeKind.ACCEPTED
    slot: int
    ballot: Ballot
    proposer: NodeId
    proposed_in: Ballot


@dataclass(frozen=True, slots=True)
class CampaignBegun:
    """This node asks for promises for a ballot of its own."""

    kind: ClassVar = NoticeKind.CAMPAIGN
    ballot: Ballot


class Defeat(StrEnum):
    """Why a node gives its ballot up."""

    NO_ANSWER = "no answer"
    """No quorum answered within the round's time limit."""
    NACK = "nack"
    """An acceptor answered that it has promised a higher ballot."""
    OUTBID = "outbid"
    """This node itself promised a higher ballot, or heard of its leader."""


@dataclass(frozen=True, slots=True)
class BallotGivenUp:
    """This node gave up a ballot of its own, with which it campaigned or led.

    `higher` is the ballot that stands in the way, ZERO for `Defeat.NO_ANSWER`; `nacker` is the node
    that refused, None except for `Defeat.NACK`; `limit_s` was the time limit of the round.
    """

    kind: ClassVar = NoticeKind.CAMPAIGN
    ballot: Ballot
    defeat: Defeat
    higher: Ballot = Ballot.ZERO
    nacker: NodeId | None = None
    limit_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RoundLimitRaised:
    """A quorum took `took_s` seconds to promise: from now on a round may take `limit_s` seconds."""

    kind: ClassVar = NoticeKind.CAMPAIGN
    took_s: float
    limit_s: float


@dataclass(frozen=True, slots=True)
class LeadershipWon:
    """A quorum promised this node's ballot."""

    kind: ClassVar = NoticeKind.LEADER
    ballot: Ballot
    promised_by: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class LeaderLost:
    """The leader that this node followed can't be reached any more."""

    kind: ClassVar = NoticeKind.LEADER
    leader: NodeId


@dataclass(frozen=True, slots=True)
class BlockReported:
    """Promises of `reporters`, for this node's ballot, reported a block for the next slot.

    They accepted it in ballot `accepted_in`; it was first proposed in ballot `proposed_in`.
    """

    kind: ClassVar = NoticeKind.PROPOSED
    slot: int
    accepted_in: Ballot
    proposed_in: Ballot
    reporters: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class ProposalMade:
    """This node, as leader, proposes a new block, or takes over one that promises reported.

    `taken_over` is the ballot in which the block was first proposed, ZERO for a new block. With
    `is_choice`, other blocks were reported too, and this one in the highest ballot.
    """

    kind: ClassVar = NoticeKind.PROPOSED
    slot: int
    ballot: Ballot
    taken_over: Ballot = Ballot.ZERO
    is_choice: bool = False


@dataclass(frozen=True, slots=True)
class QuorumMissing:
    """Something waits in the queue of `node`, which reaches fewer nodes than a quorum."""

    kind: ClassVar = NoticeKind.NO_QUORUM
    node: NodeId
    reached: int
    """How many nodes it reaches, itself included."""
    nodes: int
    quorum: int


@dataclass(frozen=True, slots=True)
class ReachabilityChanged:
    """Peers can be reached again, or not any more."""

    kind: ClassVar = NoticeKind.LINK
    peers: tuple[NodeId, ...]
    is_reachable: bool


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """This node has fetched all blocks of the peer that it asked."""

    kind: ClassVar = NoticeKind.CAUGHT_UP
    height: int


@dataclass(frozen=True, slots=True)
class PeerWentBack:
    """A peer reports a shorter chain than it did before.

    A power cut can take the last blocks of a chain from a disk; all that the node promised and
    accepted is still there. With an old copy of its directory it is not.
    """

    kind: ClassVar = NoticeKind.WARNING
    peer: NodeId
    height_before: int
    height: int


@dataclass(frozen=True, slots=True)
class ForeignBlockReported:
    """A promise reports an accepted block that doesn't continue this node's chain."""

    kind: ClassVar = NoticeKind.WARNING
    reporter: NodeId


ProtocolNotice = (
    PromiseMade
    | BallotRefused
    | ProposalAccepted
    | CampaignBegun
    | BallotGivenUp
    | RoundLimitRaised
    | LeadershipWon
    | LeaderLost
    | BlockReported
    | ProposalMade
    | QuorumMissing
    | ReachabilityChanged
    | CaughtUp
    | PeerWentBack
    | ForeignBlockReported
)
