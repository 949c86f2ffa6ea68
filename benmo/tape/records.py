"""The records of a tape, as JSON objects with short names.

Each has where and when, and the field `k` for its kind:

    i   node: the node's id; 0 for a supervisor, or the simulated world
    l   life: when the node's process began; a later process of the node has a greater one. It is
        below 2^53, so that JavaScript's numbers hold it
    n   number: 1, 2, 3 … in each life of a node
    t   time: in seconds since the trace began
    c   cause: the number of the record of the same life that led to this one; left out if none did

In the fields of the kinds, `b` is a ballot, `s` a slot, `h` the first digits of a block's hash, `m`
a message. A frame's `id` is `dialler:port:number`, the same where it is sent and where it arrives:
connections keep the order of what is sent on them.

What a node was about to make durable as it died may be on its disk nevertheless, though no
`durable` says so: the node's next `state` shows what the disk has kept.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from benmo.paxos.types import Ballot, NodeId
from benmo.tape.facts import AnyMessage, BlockFacts, HeldBlock, TransferFacts
from benmo.tape.record import Record
from benmo.tape.world_records import (
    CutRecord,
    DidRecord,
    HealedRecord,
    LostRecord,
    NoteRecord,
    ProcessRecord,
    SlowedRecord,
    ViolationRecord,
    WorldRecord,
)


class StateRecord(Record, frozen=True, tag="state"):
    """All that a reader needs to begin with: the node as it is when its records begin.

    `chain` holds the last blocks, `queue` how many transfers wait, `due_s` when the node campaigns
    if nothing comes before; `members` the ids of the nodes that vote. `member` is the identity of
    the node's member: another one stands for a replaced node, which has another's promises.
    """

    role: str
    ballot: Ballot
    promised: Ballot
    accepted: HeldBlock | None
    height: int
    chain: tuple[BlockFacts, ...]
    balances: dict[NodeId, int]
    queue: int
    links: dict[NodeId, bool]
    leader: Ballot
    members: tuple[NodeId, ...]
    due_s: float | None = None
    member: str = ""


class ReceivedRecord(Record, frozen=True, tag="received"):
    """A message arrived, and the node turns to it; a node's own has no frame."""

    sender: NodeId
    message: AnyMessage
    frame: str = ""


class SentRecord(Record, frozen=True, tag="sent"):
    """A message left; `late_ms` is how long a slowed link has held it back."""

    to: NodeId
    message: AnyMessage
    frame: str
    late_ms: float = 0.0


class DroppedRecord(Record, frozen=True, tag="dropped"):
    """A message was lost at its sender, or on its way: `why` says how."""

    to: NodeId
    message: AnyMessage
    why: str
    frame: str = ""


class PromisedRecord(Record, frozen=True, tag="promised"):
    """The acceptor promised a ballot; not durable before the next `durable`."""

    ballot: Ballot


class AcceptedRecord(Record, frozen=True, tag="accepted"):
    """The acceptor accepted a block; not durable before the next `durable`."""

    ballot: Ballot
    block: BlockFacts


class DecidedRecord(Record, frozen=True, tag="decided"):
    """The node knows that a block is decided; `ballot` is that of its own acceptance, if any."""

    ballot: Ballot
    block: BlockFacts


class AppliedRecord(Record, frozen=True, tag="applied"):
    """A decided block has changed the ledger; `refused` and `skipped` count void transfers.

    `queue` is how many of the node's own transfers wait after this block, and after all others that
    were applied in the same turn.
    """

    slot: int
    balances: dict[NodeId, int]
    queue: int
    refused: int = 0
    skipped: int = 0
    members: tuple[NodeId, ...] = ()
    """The nodes that vote from now on, if the block has changed that."""


class QueuedRecord(Record, frozen=True, tag="queued"):
    """Transfers of this node wait for consensus; not durable before the next `durable`."""

    first: int
    count: int
    transfers: tuple[TransferFacts, ...] = ()


class DurableRecord(Record, frozen=True, tag="durable"):
    """Everything up to record `upto` is on the disk."""

    upto: int


class DueRecord(Record, frozen=True, tag="due"):
    """A time is up: the election delay, the round's limit, a silent peer's, an announcement's.

    Of the times for heartbeats, only those are recorded of which more comes.
    """

    what: tuple[str, ...]


class RoleRecord(Record, frozen=True, tag="role"):
    """The node's part has changed: acceptor, candidate, catching up, proposing, leader."""

    was: str
    now: str
    ballot: Ballot


class TimerRecord(Record, frozen=True, tag="timer"):
    """A countdown was set or ended: `due` is in seconds since the trace began, None for none."""

    what: str
    due: float | None


class LeaderRecord(Record, frozen=True, tag="leader"):
    """The node follows another leader than before; ZERO for none."""

    ballot: Ballot


class LinkRecord(Record, frozen=True, tag="link"):
    """The link to a peer came up or went down."""

    peer: NodeId
    is_up: bool


class AskedRecord(Record, frozen=True, tag="asked"):
    """Somebody asked the node: to pay, to confirm its height, for a change, to hurry."""

    what: str
    ticket: int = 0
    count: int = 0
    transfers: tuple[TransferFacts, ...] = ()
    change: str = ""


class AnsweredRecord(Record, frozen=True, tag="answered"):
    """The answer to a request: `outcome` is queued, refused, known or confirmed."""

    ticket: int
    outcome: str
    reason: str = ""
    height: int = 0


class NoticedRecord(Record, frozen=True, tag="noticed"):
    """A notice: `what` names its class in `benmo.notices`, `text` is what a prompt shows.

    `ballot` is the leader's, in which it learned of a reported block; ZERO with other notices.
    """

    what: str
    fields: dict[str, Any]
    text: str
    ballot: Ballot = Ballot.ZERO


class MisbehavedRecord(Record, frozen=True, tag="misbehaved"):
    """A peer sent what no correct peer sends."""

    peer: NodeId
    reason: str


class GapRecord(Record, frozen=True, tag="gap"):
    """The records from `first` to `last` are missing: too many came, or they were read too late.

    It stands in their place: its own number is `last`, and the next record's is one more.
    """

    first: int
    last: int
    why: str


AnyRecord = (
    StateRecord
    | ReceivedRecord
    | SentRecord
    | DroppedRecord
    | PromisedRecord
    | AcceptedRecord
    | DecidedRecord
    | AppliedRecord
    | QueuedRecord
    | DurableRecord
    | DueRecord
    | RoleRecord
    | TimerRecord
    | LeaderRecord
    | LinkRecord
    | AskedRecord
    | AnsweredRecord
    | NoticedRecord
    | MisbehavedRecord
    | GapRecord
    | ProcessRecord
    | CutRecord
    | SlowedRecord
    | HealedRecord
    | LostRecord
    | WorldRecord
    | DidRecord
    | ViolationRecord
    | NoteRecord
)

KINDS: dict[str, type[AnyRecord]] = {
    each.__struct_config__.tag: each for each in get_args(AnyRecord)
}


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first line of a trace.

    source   `live` for real nodes, `simulated`, `explored`, or `played` by hand
    nodes    those that vote at the beginning; others may join, and have records then
    began    when the trace began, in seconds since 1970; 0.0 in a simulation
    heartbeats  whether heartbeats are recorded that nothing came of
    """

    benmo: Literal["trace"]
    version: int
    source: str
    nodes: tuple[NodeId, ...]
    tenure: str
    began: float = 0.0
    cluster: str = ""
    heartbeats: bool = False
    command: str = ""
    """The command that repeats the run, if there is one."""


VERSION = 1
