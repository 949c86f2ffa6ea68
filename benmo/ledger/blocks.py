"""Blocks: an ordered, non-empty list of runs in a slot, and the one encoding that is hashed.

A block is one JSON object. Its proposer encodes it once; those bytes are what is hashed, sent,
written to disk and shown, and no node encodes the block again.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from benmo.ledger.transfers import Run, Transfer
from benmo.ledger.visible_text import KEY_CHARACTERS_MAX, MEMO_CHARACTERS_MAX
from benmo.paxos.types import (
    GENESIS_HASH,
    Ballot,
    Change,
    ChangeKind,
    MemberId,
    NodeId,
    ProtocolError,
)

INTEGER_MAX = 2**53
"""Slots, heights and rounds stay below this number: every JSON reader reads those exactly."""

BLOCK_BYTES_MAX = 8 << 20
"""The longest block: well below a frame's length, so that an accepted block fits a promise."""

_HOST_CHARACTERS_MAX = 255
_MEMBER = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(rf"[0-9a-f]{{{len(GENESIS_HASH)}}}")


class Outcome(StrEnum):
    """The outcome of a transfer in a decided block."""

    APPLIED = "applied"
    REFUSED = "refused"
    """The transfer is void, and never applies."""
    SKIPPED = "skipped"
    """The transfer is a duplicate or out of order, since its number isn't its debit node's next; or
    the member that queued it has been replaced."""


@dataclass(frozen=True, slots=True)
class Block:
    """An ordered list of runs in a slot, not empty unless the block holds a change.

    `data` is the block's one encoding, and `hash` its SHA-256; `ballot` is the ballot in which the
    block was first proposed; `time` is the proposer's clock, in seconds since 1970, and decides
    nothing. `change`, of the membership, is in force from the next slot on.
    """

    slot: int
    ballot: Ballot
    previous: str
    time: float
    runs: tuple[Run, ...]
    data: bytes
    hash: str
    change: Change | None = None

    def __len__(self) -> int:
        """How many transfers the block holds."""
        return sum(map(len, self.runs))

    def transfers(self) -> Iterator[Transfer]:
        for run in self.runs:
            yield from run.transfers()


@dataclass(frozen=True, slots=True)
class AppliedBlock:
    """A decided block and what became of its transfers.

    `refused` and `skipped` hold positions in the block, from 0; all others were applied. A change
    that is void had no effect on the membership.
    `decided_in` is a ballot in which a quorum accepted the block, ZERO where none is known: no file
    keeps it, and a block that a peer sends comes without it.
    """

    block: Block
    refused: tuple[int, ...] = ()
    skipped: tuple[int, ...] = ()
    decided_in: Ballot = field(default=Ballot.ZERO, compare=False)
    is_change_void: bool = False
    why_change_void: str = field(default="", compare=False)
    """Why a void change had no effect, as a clause; no file keeps that."""

    def find(self, debit: NodeId, number: int) -> tuple[Transfer, Outcome] | None:
        """Transfer `number` of node `debit` and its outcome, found without walking the block.

        None if the transfer isn't in the block, or was skipped in it.
        """
        start = 0
        for run in self.block.runs:
            position = start + number - run.first
            is_here = run.debit == debit and run.first <= number < run.end
            if is_here and position not in self.skipped:
                is_refused = position in self.refused
                return run.transfer(number), Outcome.REFUSED if is_refused else Outcome.APPLIED
            start += len(run)
        return None

    def outcomes(self) -> Iterator[tuple[Transfer, Outcome]]:
        """Each transfer of the block with its outcome, in order."""
        refused, skipped = set(self.refused), set(self.skipped)
        for position, transfer in enumerate(self.block.transfers()):
            if position in refused:
                yield transfer, Outcome.REFUSED
            elif position in skipped:
                yield transfer, Outcome.SKIPPED
            else:
                yield transfer, Outcome.APPLIED


# The encoding.


class ChangeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The fields of a `Change`, in blocks and messages."""

    kind: ChangeKind
    node: NodeId
    replaces: MemberId = ""
    member: MemberId = ""
    host: str = ""
    port: int = 0
    moved_in: int = 0


class _BlockBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    slot: int
    ballot: Ballot
    previous: str
    time: float
    runs: tuple[Run, ...]
    change: ChangeBody | None = None


_encoder = msgspec.json.Encoder()
_block_decoder = msgspec.json.Decoder(_BlockBody)


def encode_block(
    slot: int,
    ballot: Ballot,
    previous: str,
    time: float,
    runs: tuple[Run, ...],
    change: Change | None = None,
) -> Block:
    """Make a block; no other code encodes one. `time` is in seconds since 1970."""
    body = None if change is None else change_body(change)
    data = _encoder.encode(_BlockBody(slot, ballot, previous, time, runs, body))
    assert len(data) <= BLOCK_BYTES_MAX, "a queue bounds what it puts into a block"
    digest = hashlib.sha256(data).hexdigest()
    return Block(slot, ballot, previous, time, runs, data, digest, change)


def decode_block(data: bytes) -> Block:
    """Decode the block of these bytes. Raises `ProtocolError` if they are not a block.

    Void transfers (an amount of 0, an unknown node) are no error here: the ledger refuses them.
    """
    if len(data) > BLOCK_BYTES_MAX:
        raise ProtocolError(f"a block of {len(data)} bytes is too long")
    try:
        body = _block_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"not a block: {error}") from error
    require(b"\n" not in data, "a block is one line")
    require(data[:1] == b"{" and data[-1:] == b"}", "a block is nothing but an object")
    require(0 < body.slot < INTEGER_MAX, "a block's slot is a number from 1")
    require_ballot(body.ballot)
    require(is_hash(body.previous), "a block names the previous block's hash")
    require(math.isfinite(body.time), "a block's time is a number")
    require(len(body.runs) > 0 or body.change is not None, "a block is not empty")
    for run in body.runs:
        require_run(run)
    change = None if body.change is None else decode_change(body.change)
    return Block(
        body.slot,
        body.ballot,
        body.previous,
        body.time,
        body.runs,
        data,
        hashlib.sha256(data).hexdigest(),
        change,
    )


def decode_change(body: ChangeBody) -> Change:
    """Check the fields of a change. Raises `ProtocolError` if it can't be one of its kind.

    A change that is void is no error here.
    """
    change = Change(
        body.kind, body.node, body.replaces, body.member, body.host, body.port, body.moved_in
    )
    require(0 <= change.moved_in < INTEGER_MAX, "a change names a slot")
    require(0 < change.node < INTEGER_MAX, "a change names a node")
    for member in (change.replaces, change.member):
        require(not member or _MEMBER.fullmatch(member) is not None, "a change names a member")
    require(len(change.host) <= _HOST_CHARACTERS_MAX, "a host's name is too long")
    is_there = bool(change.member)
    require(bool(change.host) == is_there, "a member has a host")
    require((0 < change.port < 65536) if is_there else change.port == 0, "a member has a port")
    malformed = change.why_malformed()
    require(malformed is None, f"a change is malformed: {malformed}")
    return change


def change_body(change: Change) -> ChangeBody:
    """The fields of a change, to be encoded."""
    return ChangeBody(
        change.kind,
        change.node,
        change.replaces,
        change.member,
        change.host,
        change.port,
        change.moved_in,
    )


def require(condition: bool, sentence: str) -> None:
    """Raise `ProtocolError` with this sentence unless the condition holds."""
    if not condition:
        raise ProtocolError(sentence)


def require_run(run: Run) -> None:
    """Raise `ProtocolError` if a run's columns, first number or texts can't be."""
    require(len(run.credit) == len(run.amount) > 0, "a run's columns are of one length, not 0")
    require(0 < run.first < INTEGER_MAX, "a run's first number is 1 or more")
    require(0 <= run.member < INTEGER_MAX, "a run's member is a number from 0")
    _require_column(run, run.memo, MEMO_CHARACTERS_MAX)
    _require_column(run, run.key, KEY_CHARACTERS_MAX)


def _require_column(run: Run, column: tuple[str, ...], characters_max: int) -> None:
    if column:
        require(len(column) == len(run), "a run's columns are of one length")
        require(max(map(len, column)) <= characters_max, "a memo or key is too long")


def require_ballot(ballot: Ballot) -> None:
    """Raise `ProtocolError` unless both numbers are from 0 to below `INTEGER_MAX`."""
    is_one = 0 <= ballot.round < INTEGER_MAX and 0 <= ballot.node < INTEGER_MAX
    require(is_one, "a ballot is two numbers from 0")


def is_hash(text: str) -> bool:
    """Whether a text is a SHA-256 in 64 lower-case hexadecimal digits."""
    return _HASH.fullmatch(text) is not None
