"""`checkpoint.json`: a node's durable state without the chain, and without what the journal adds.

A JSON line, and one more for each time that the node rested since:

    {"crc":"…","type":"checkpoint","cluster":"…","node":1,"generation":3,"promised":[3,1],
     "accepted":null,"height":7,"head":"…","chain_bytes":2345,"balances":{"1":90,…},
     "last":{"1":2,…},"queue":{"debit":1,"first":3,"credit":[],"amount":[]}}
    {"crc":"…","type":"synced","length":1432,"last":305419896}

A journal that was cut off at a line's end looks like one to which nothing more was written. So the
second kind of line says how long the journal was, in bytes, and which checksum its last line had.
It is written after the journal was synced, and claims nothing that a power cut could take away. It
stands beside the checkpoint that the journal continues, so it can't be of another generation, and
in another file than the journal, so what shortens the journal spares it.
"""

from __future__ import annotations

import msgspec

from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.membership import Member, Membership
from benmo.paxos.types import Ballot, MemberId, NodeId, Proposal
from benmo.storage.journal import NodeState
from benmo.storage.lines import DamagedLine, block_of, checksum, raw_of, unseal


class AcceptedPart(msgspec.Struct, frozen=True):
    """A block that was accepted and isn't known to be decided."""

    ballot: Ballot
    block: msgspec.Raw

    @classmethod
    def of(cls, accepted: Proposal | None) -> AcceptedPart | None:
        return None if accepted is None else cls(accepted.ballot, raw_of(accepted.block))

    def proposal(self) -> Proposal:
        """Raises `DamagedLine`."""
        return Proposal(self.ballot, block_of(self.block))


class CheckpointLine(msgspec.Struct, frozen=True, tag="checkpoint", tag_field="type"):
    """The file's first line.

    `member` is whose directory this is; `members` are all members that the chain up to `height`
    knows of, past and present. `chain_bytes` is the length of the chain file up to there.
    """

    cluster: str
    node: NodeId
    member: MemberId
    generation: int
    promised: Ballot
    accepted: AcceptedPart | None
    height: int
    head: str
    chain_bytes: int
    balances: dict[NodeId, int]
    last: dict[NodeId, int]
    members: tuple[Member, ...]
    queue: Run

    def state(self) -> NodeState:
        """The state that the journal continues. Raises `DamagedLine`."""
        accepted = None if self.accepted is None else self.accepted.proposal()
        try:
            membership = Membership(self.members)
            ledger = Ledger(self.balances, self.last, self.height, self.head, membership)
            ledger.check_accounts()
        except (AssertionError, ValueError) as error:
            raise DamagedLine(str(error)) from error
        return NodeState(self.promised, accepted, ledger, self.queue)


class SyncedLine(msgspec.Struct, frozen=True, tag="synced", tag_field="type"):
    """A line after the checkpoint's: the journal's first `length` bytes are durable.

    `last` is the checksum of the last line in them.
    """

    length: int
    last: int

    def require_in(self, journal: bytes) -> None:
        """Raises `DamagedLine` unless the journal still begins with the lines that were durable."""
        lines = journal.count(b"\n", 0, self.length)
        if len(journal) < self.length:
            what = f"it is missing: {self.length} bytes were durable, {len(journal)} are left"
            raise DamagedLine(what, lines + 1)
        *_, last = journal[: self.length - 1].rsplit(b"\n", 1)
        if journal[self.length - 1 : self.length] != b"\n" or checksum(last) != self.last:
            raise DamagedLine("it isn't the line that was durable there", lines)


_decoder = msgspec.json.Decoder(CheckpointLine)
_synced_decoder = msgspec.json.Decoder(SyncedLine)


def decode_checkpoint(data: bytes) -> tuple[CheckpointLine, SyncedLine | None]:
    """Decode the content of a checkpoint's file: the checkpoint, and the last line that follows it.

    A line at the end that a crash interrupted doesn't count. Raises `DamagedLine`.
    """
    line, newline, rest = data.partition(b"\n")
    if not newline:
        raise DamagedLine("it has no end")
    return unseal(line, _decoder), _last_synced(rest, checksum(line))


def _last_synced(data: bytes, previous: int) -> SyncedLine | None:
    """Decode the lines after the checkpoint's, whose checksum is `previous`; return the last."""
    *lines, rest = data.split(b"\n")
    synced = None
    for number, line in enumerate(lines, 2):
        try:
            synced = unseal(line, _synced_decoder, previous)
        except DamagedLine as error:
            if number == len(lines) + 1 and not rest.strip(b"\0") and b"\0" in line:
                return synced  # a power cut left out part of the line
            error.line = number
            raise
        previous = checksum(line)
    _require_torn(rest.rstrip(b"\0"), previous, len(lines) + 2)
    return synced


def _require_torn(rest: bytes, previous: int, number: int) -> None:
    """Raises `DamagedLine` if a whole line ends with another byte than a newline."""
    try:
        unseal(rest[:-1], _synced_decoder, previous)
    except DamagedLine:
        return
    raise DamagedLine("the newline at its end is wrong", number)
