"""Notices: what a node reports to people who watch it, as facts that programs can read.

The protocol's own notices are in `benmo.paxos.notices`, all others are here. `benmo.wording` puts
notices into words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, get_args

from benmo.ledger.transfers import Transfer
from benmo.paxos.notices import NoticeKind, ProtocolNotice
from benmo.paxos.types import Ballot, Change, MemberId, NodeId


@dataclass(frozen=True, slots=True)
class SlotDecided:
    """A block is decided.

    It was first proposed in ballot `proposed_in`. The ballot that decided it is `decided_in`, ZERO
    if this node knows only that the block is decided.
    """

    kind: ClassVar = NoticeKind.DECIDED
    slot: int
    proposed_in: Ballot
    decided_in: Ballot
    transfers: int
    """The number of the block's transfers."""
    change: Change | None = None
    """The block's change of the membership."""
    why_void: str = ""
    """The reason why that change had no effect, as a clause; empty if it had one."""


@dataclass(frozen=True, slots=True)
class TransferApplied:
    """A transfer of this node is decided and has moved money."""

    kind: ClassVar = NoticeKind.DECIDED
    slot: int
    transfer: Transfer


@dataclass(frozen=True, slots=True)
class TransferVoid:
    """A transfer of this node is decided, is void, and never moves money."""

    kind: ClassVar = NoticeKind.REFUSED
    slot: int
    transfer: Transfer


@dataclass(frozen=True, slots=True)
class RunApplied:
    """Transfers `first` to `end` - 1 of node `debit`, this node, have moved money."""

    kind: ClassVar = NoticeKind.DECIDED
    slot: int
    debit: NodeId
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class ConnectionDropped:
    """This node closed a connection that misbehaved; `peer` is None where none is known yet."""

    kind: ClassVar = NoticeKind.WARNING
    peer: NodeId | None
    reason: str


@dataclass(frozen=True, slots=True)
class SlowPeerDropped:
    """The connection to a peer was closed: the peer left too many bytes unread."""

    kind: ClassVar = NoticeKind.WARNING
    peer: NodeId


@dataclass(frozen=True, slots=True)
class PeerNotDialled:
    """The node that answers at a peer's address is not that peer."""

    kind: ClassVar = NoticeKind.WARNING
    peer: NodeId
    reason: str


@dataclass(frozen=True, slots=True)
class TwoProcessesSpeak:
    """Two live processes speak as one and the same member of a node: one has a copied directory."""

    kind: ClassVar = NoticeKind.WARNING
    peer: NodeId
    member: MemberId


@dataclass(frozen=True, slots=True)
class RetiredTurnedAway:
    """A member of a peer that was retired in this slot spoke, was told so, and isn't heard."""

    kind: ClassVar = NoticeKind.WARNING
    peer: NodeId
    member: MemberId
    slot: int


@dataclass(frozen=True, slots=True)
class DiskSlow:
    """This node's disk takes this many seconds to make something durable."""

    kind: ClassVar = NoticeKind.WARNING
    seconds: float


@dataclass(frozen=True, slots=True)
class DiskQuick:
    """This node's disk, which was slow, is so no more."""

    kind: ClassVar = NoticeKind.WARNING


@dataclass(frozen=True, slots=True)
class NodeLost:
    """The connection over which a node is commanded is lost."""

    kind: ClassVar = NoticeKind.LINK
    node: NodeId


@dataclass(frozen=True, slots=True)
class ProcessEnded:
    """A node's process has ended unasked; `how` says with which status, or by which signal."""

    kind: ClassVar = NoticeKind.WARNING
    how: str


NodeNotice = (
    SlotDecided
    | TransferApplied
    | TransferVoid
    | RunApplied
    | ConnectionDropped
    | SlowPeerDropped
    | PeerNotDialled
    | TwoProcessesSpeak
    | RetiredTurnedAway
    | DiskSlow
    | DiskQuick
    | NodeLost
    | ProcessEnded
)

Notice = ProtocolNotice | NodeNotice

NOTICES: dict[str, type[Notice]] = {each.__name__: each for each in get_args(Notice)}
"""All types of notices, by their names."""

Watcher = Callable[[Notice, float], None]
"""Takes a notice, and the time of its cause, in seconds since 1970.

For what happens in a turn, that is when the turn began: so on one machine, a cause has an earlier
time than its effect on another node.
"""
