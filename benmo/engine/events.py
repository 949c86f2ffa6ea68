"""What may happen to a node, and what a turn of its engine leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.payment_keys import KnownPayment
from benmo.ledger.transfers import Payments, Run
from benmo.paxos.messages import Message
from benmo.paxos.notices import ProtocolNotice
from benmo.paxos.step import Confirmation
from benmo.paxos.types import NodeId


@dataclass(frozen=True, slots=True)
class Received:
    """A message came from a node that the transport has made sure of."""

    sender: NodeId
    message: Message


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The link to a peer came up or went down."""

    peer: NodeId
    up: bool


@dataclass(frozen=True, slots=True)
class Submitted:
    """The user of this node wants to pay, all of it or none.

    The answer comes back under the same ticket. What was asked for before, under the same key, is
    not asked for again.
    """

    ticket: int
    payments: Payments


@dataclass(frozen=True, slots=True)
class ReadRequested:
    """Somebody wants to know, under this ticket, how far the chain may be."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Hurried:
    """Somebody wants this node to campaign at once, if it has a reason to."""


Event = Received | LinkChanged | Submitted | ReadRequested | Hurried


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer to `Submitted`: the run that is now queued and durable, or why it is refused: for
    good, or until there is room again.

    `known` are those of the payments, by position, that are not in the run, since their keys were
    used for them before; they are as of this `height`.
    """

    ticket: int
    run: Run | None
    reason: str = ""
    known: Mapping[int, KnownPayment] = field(default_factory=dict)
    height: int = 0
    is_final: bool = True


@dataclass(slots=True)
class Report:
    """What a turn led to, for whoever watches: all of it is durable."""

    notices: list[ProtocolNotice] = field(default_factory=list)
    applied: list[AppliedBlock] = field(default_factory=list)
    admissions: list[Admission] = field(default_factory=list)
    misbehaved: list[tuple[NodeId, str]] = field(default_factory=list)
    confirmations: list[Confirmation] = field(default_factory=list)
