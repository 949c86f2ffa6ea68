"""Facts about messages, blocks and transfers, as JSON objects with short names.

`b` is a ballot, `s` a slot, `h` the first digits of a block's hash, `n` a number; the field `k` of
a message says which of the messages of `benmo.paxos.messages` it is. `facts_of` takes these facts.
"""

from __future__ import annotations

import msgspec

from benmo.paxos.types import Ballot, NodeId

HASH_DIGITS = 12
"""The number of digits of a block's hash that a record holds."""
TRANSFERS_SHOWN = 3
"""The limit of a block's or a request's transfers that a record holds."""
MEMO_CHARACTERS_SHOWN = 40

SHORT_NAMES = {
    "node": "i",
    "life": "l",
    "number": "n",
    "time": "t",
    "cause": "c",
    "ballot": "b",
    "slot": "s",
    "hash": "h",
    "message": "m",
    "frame": "id",
    "sender": "from",
}


class TransferFacts(msgspec.Struct, frozen=True, omit_defaults=True, rename=SHORT_NAMES):
    """One of the first transfers of a block, a queue or a request; `number` is 0 before it has one.

    `memo` is cut off after `MEMO_CHARACTERS_SHOWN` characters.
    """

    debit: NodeId
    number: int
    credit: NodeId
    amount: int
    memo: str = ""


class BlockFacts(msgspec.Struct, frozen=True, omit_defaults=True, rename=SHORT_NAMES):
    """A block: `first` is the ballot in which it was proposed first, `count` its transfers.

    `change` describes the change of the membership that it holds, if it holds one.
    """

    slot: int
    hash: str
    first: Ballot
    count: int
    transfers: tuple[TransferFacts, ...] = ()
    change: str = ""


class HeldBlock(msgspec.Struct, frozen=True, omit_defaults=True, rename=SHORT_NAMES):
    """A block that an acceptor has accepted, in `ballot`."""

    ballot: Ballot
    block: BlockFacts


# Messages: what they say, blocks by their facts.


class MessageFacts(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    rename=SHORT_NAMES,
    tag_field="k",
    tag=lambda name: name.removesuffix("Facts"),
):
    """A message between nodes."""


class PrepareFacts(MessageFacts, frozen=True):
    ballot: Ballot


class PromiseFacts(MessageFacts, frozen=True):
    ballot: Ballot
    height: int
    accepted: HeldBlock | None = None


class AcceptFacts(MessageFacts, frozen=True):
    ballot: Ballot
    block: BlockFacts


class AcceptedFacts(MessageFacts, frozen=True):
    ballot: Ballot
    slot: int


class NackFacts(MessageFacts, frozen=True):
    ballot: Ballot
    promised: Ballot


class DecideFacts(MessageFacts, frozen=True):
    ballot: Ballot
    slot: int
    hash: str


class BehindFacts(MessageFacts, frozen=True):
    height: int


class BlocksFacts(MessageFacts, frozen=True):
    blocks: tuple[BlockFacts, ...]
    height: int
    count: int


class HeartbeatFacts(MessageFacts, frozen=True):
    ballot: Ballot
    height: int


class ForwardFacts(MessageFacts, frozen=True):
    count: int
    transfers: tuple[TransferFacts, ...] = ()
    change: str = ""


class ConfirmFacts(MessageFacts, frozen=True):
    question: int


class ConfirmedFacts(MessageFacts, frozen=True):
    question: int
    height: int


AnyMessage = (
    PrepareFacts
    | PromiseFacts
    | AcceptFacts
    | AcceptedFacts
    | NackFacts
    | DecideFacts
    | BehindFacts
    | BlocksFacts
    | HeartbeatFacts
    | ForwardFacts
    | ConfirmFacts
    | ConfirmedFacts
)
