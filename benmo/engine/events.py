"""The events that may happen to a node, and the report of what a turn of its engine led to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benmo.errors import Reason
from benmo.ledger.blocks import AppliedBlock
from benmo.ledger.payment_keys import KnownPayment
from benmo.ledger.transfers import Payments, Run
from benmo.paxos.messages import Message
from benmo.paxos.notices import ProtocolNotice
from benmo.paxos.step import Confirmation
from benmo.paxos.types import Change, MemberId, NodeId


@dataclass(frozen=True, slots=True)
class Received:
    """A message came; the transport has verified that `sender`, by its `member`, sent it."""

    sender: NodeId
    message: Message
    member: MemberId


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The link to a peer came up or went down."""

    peer: NodeId
    up: bool


@dataclass(frozen=True, slots=True)
class Submitted:
    """A user of this node wants to make these payments, all or none.

    The answer is an `Admission` with the same ticket. A payment that was asked for before, under
    the same key, is not queued again. `queue_limit`, if given, is how many transfers may wait once
    these are queued; else the limit of the engine alone holds.
    """

    ticket: int
    payments: Payments
    queue_limit: int | None = None


@dataclass(frozen=True, slots=True)
class ReadRequested:
    """A client asks how far the chain may be; a `Confirmation` with this ticket answers."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Hurried:
    """A user wants this node to campaign at once, if it has a reason to."""


@dataclass(frozen=True, slots=True)
class ChangeRequested:
    """An operator wants the membership changed; a `ChangeAnswer` with this ticket answers.

    The change is kept in memory until it is decided: after a crash it must be asked for again.
    """

    ticket: int
    change: Change


Event = Received | LinkChanged | Submitted | ReadRequested | ChangeRequested | Hurried


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer to `Submitted`: the run that is now queued and durable, or why it was refused.

    A refusal has no `run`, but a `reason` for people and a `code` for programs; it is for good if
    `is_final`, else until there is room in the queue.
    `known` holds, by position, the payments that are not in the run since their keys were used for
    them before; what it says of them is as of `height`.
    """

    ticket: int
    run: Run | None
    reason: str = ""
    known: Mapping[int, KnownPayment] = field(default_factory=dict)
    height: int = 0
    is_final: bool = True
    code: Reason = Reason.OTHER


@dataclass(frozen=True, slots=True)
class ChangeAnswer:
    """Whether a change waits now to be proposed: `reason` says why it would have no effect.

    The reason is a clause; it is empty if the change waits.
    """

    ticket: int
    reason: str = ""


@dataclass(slots=True)
class Report:
    """The results of a turn, for the turn's caller to publish.

    All of it is durable: decisions at a quorum, everything else at this node.
    `misbehaved` holds peers whose message was refused, each with the reason.
    """

    notices: list[ProtocolNotice] = field(default_factory=list)
    applied: list[AppliedBlock] = field(default_factory=list)
    admissions: list[Admission] = field(default_factory=list)
    misbehaved: list[tuple[NodeId, str]] = field(default_factory=list)
    confirmations: list[Confirmation] = field(default_factory=list)
    change_answers: list[ChangeAnswer] = field(default_factory=list)
