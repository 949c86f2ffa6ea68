"""Notices: what a node reports for people who watch it, as facts that programs can read.

Those of the protocol are in `benmo.paxos.notices`; here are the others. `benmo.wording` puts them
into words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, get_args

from benmo.ledger.transfers import Transfer
from benmo.paxos.notices import NoticeKind, ProtocolNotice
from benmo.paxos.types import Ballot, NodeId


@dataclass(frozen=True, slots=True)
class SlotDecided:
    """A block is decided. `ballot` is the one in which it was first proposed."""

    kind: ClassVar = NoticeKind.DECIDED
    slot: int
    ballot: Ballot
    transfers: int
    """How many it holds."""


@dataclass(frozen=True, slots=True)
class TransferApplied:
    """A transfer of this node's is decided and has moved money."""

    kind: ClassVar = NoticeKind.DECIDED
    slot: int
    transfer: Transfer


@dataclass(frozen=True, slots=True)
class TransferVoid:
    """A transfer of this node's is decided and never applies."""

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
class StrangerDropped:
    """A connection of which it isn't known from which peer it is was closed."""

    kind: ClassVar = NoticeKind.WARNING
    reason: str


@dataclass(frozen=True, slots=True)
class PeerDropped:
    """The connection from a peer that misbehaved was closed."""

    kind: ClassVar = NoticeKind.WARNING
    peer: NodeId
    reason: str


@dataclass(frozen=True, slots=True)
class PeerTakesNothing:
    """The connection to a peer was closed, since too much waited to be sent."""

    kind: ClassVar = NoticeKind.WARNING
    peer: NodeId


@dataclass(frozen=True, slots=True)
class PeerNotDialled:
    """At a peer's address, another one answers."""

    kind: ClassVar = NoticeKind.WARNING
    peer: NodeId
    reason: str


@dataclass(frozen=True, slots=True)
class NodeLost:
    """The connection to the node that is commanded is gone."""

    kind: ClassVar = NoticeKind.LINK
    node: NodeId


@dataclass(frozen=True, slots=True)
class ProcessEnded:
    """A node's process has ended by itself; `how` says with which status, or by which signal."""

    kind: ClassVar = NoticeKind.WARNING
    how: str


NodeNotice = (
    SlotDecided
    | TransferApplied
    | TransferVoid
    | RunApplied
    | StrangerDropped
    | PeerDropped
    | PeerTakesNothing
    | PeerNotDialled
    | NodeLost
    | ProcessEnded
)

Notice = ProtocolNotice | NodeNotice

NOTICES: dict[str, type[Notice]] = {each.__name__: each for each in get_args(Notice)}
"""All kinds of notices by their names."""

Watcher = Callable[[Notice, float], None]
"""Takes a notice and when the turn began in which it happened, in seconds since 1970.

On one machine, a cause is earlier than its effect on another node.
"""
