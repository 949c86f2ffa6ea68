"""The journal: what one node promised, accepted, decided and queued, one JSON line each.

    {"crc":"…","type":"open","cluster":"…","node":1,"generation":3}
    {"crc":"…","type":"queue","run":{"debit":1,"first":17,"credit":[2],"amount":[10]}}
    {"crc":"…","type":"promise","ballot":[3,1]}
    {"crc":"…","type":"accept","ballot":[3,1],"block":{"slot":7,…}}
    {"crc":"…","type":"decide","slot":7,"ballot":[3,1],"hash":"…"}     what was accepted last
    {"crc":"…","type":"learn","block":{"slot":8,…}}                    decided, sent by a peer

A line's checksum goes on from that of the line before, so none can go missing in the middle. A line
before which everything was synced says so, in a field `"synced":true` behind its checksum: what
can be torn off by a power cut begins no earlier than with the last such line.

`State` is the fold over those lines: a node's durable state at any moment is its checkpoint's
state with the journal's lines applied to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import msgspec

from benmo.ledger.blocks import AppliedBlock, Block
from benmo.ledger.ledger import Ledger
from benmo.ledger.transfers import Run
from benmo.paxos.step import AcceptRecord, DecideRecord, PromiseRecord
from benmo.paxos.types import Ballot, Durable, NodeId, Proposal
from benmo.storage.lines import BEGINNING, PREFIX_BYTES, DamagedLine, block_of, raw_of, seal, unseal

SECTOR_BYTES = 512
"""A disk writes no less at a time; what it writes at a time begins and ends at a multiple of it."""


@dataclass(frozen=True, slots=True)
class QueueRecord:
    """The node queued these transfers of its own."""

    run: Run


Record = PromiseRecord | AcceptRecord | DecideRecord | QueueRecord


class OpenLine(msgspec.Struct, frozen=True, tag="open", tag_field="type"):
    """The first line: whose journal it is, and which checkpoint it continues."""

    cluster: str
    node: NodeId
    generation: int


class _PromiseLine(msgspec.Struct, frozen=True, tag="promise", tag_field="type"):
    ballot: Ballot


class _AcceptLine(msgspec.Struct, frozen=True, tag="accept", tag_field="type"):
    ballot: Ballot
    block: msgspec.Raw


class _DecideLine(msgspec.Struct, frozen=True, tag="decide", tag_field="type"):
    slot: int
    ballot: Ballot
    hash: str


class _LearnLine(msgspec.Struct, frozen=True, tag="learn", tag_field="type"):
    block: msgspec.Raw


class _QueueLine(msgspec.Struct, frozen=True, tag="queue", tag_field="type"):
    run: Run


Line = OpenLine | _PromiseLine | _AcceptLine | _DecideLine | _LearnLine | _QueueLine

_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_open_decoder = msgspec.json.Decoder(OpenLine)


_SYNCED = b'"synced":true,'
"""Behind the checksum of a line: all lines before it were synced when it was written."""


def encode_record(record: Record, previous: int, after_sync: bool = False) -> bytes:
    """The line of a record, newline and all, after a line with the checksum `previous`."""
    return seal(_line_of(record), previous, _SYNCED if after_sync else b"")


def _line_of(record: Record) -> Line:
    match record:
        case PromiseRecord(ballot):
            return _PromiseLine(ballot)
        case AcceptRecord(proposal):
            return _AcceptLine(proposal.ballot, raw_of(proposal.block))
        case DecideRecord(block, ballot) if ballot != Ballot.ZERO:
            return _DecideLine(block.slot, ballot, block.hash)
        case DecideRecord(block, _):
            return _LearnLine(raw_of(block))
        case QueueRecord(run):
            return _QueueLine(run)


@dataclass(slots=True)
class State:
    """A node's durable state. `recent` are the blocks since the checkpoint, in order."""

    promised: Ballot
    accepted: Proposal | None
    ledger: Ledger
    queue: Run
    recent: list[AppliedBlock] = field(default_factory=list)

    @property
    def durable(self) -> Durable:
        """What the protocol needs of it."""
        return Durable(self.promised, self.accepted, self.ledger.height, self.ledger.head)

    def require_next(self) -> None:
        """Raises `DamagedLine` if what is accepted can't be the next block, or isn't promised."""
        accepted = self.accepted
        if accepted is None:
            return
        next_ = (self.ledger.height + 1, self.ledger.head)
        is_next = (accepted.slot, accepted.block.previous) == next_
        is_promised = accepted.ballot <= self.promised
        _require(is_next and is_promised, "the accepted block can't be the next")

    def apply(self, line: Line) -> None:
        """One line further. Raises `DamagedLine` if it can't follow what went before it."""
        match line:
            case _PromiseLine(ballot):
                _require(ballot > self.promised, "a promise goes back")
                self.promised = ballot
            case _AcceptLine(ballot, raw):
                self._accept(ballot, block_of(raw))
            case _DecideLine(slot, ballot, block_hash):
                self._decide(slot, ballot, block_hash)
            case _LearnLine(raw):
                self._append(block_of(raw))
            case _QueueLine(run):
                is_next = run.debit == self.queue.debit and run.first == self.queue.end
                _require(is_next, "the queue has a gap")
                self.queue = self.queue.joined(run)
            case _:
                raise DamagedLine("it is the second line that opens the journal")

    def _accept(self, ballot: Ballot, block: Block) -> None:
        _require(ballot >= self.promised, "it accepts below the promised ballot")
        is_new = self.accepted is None or ballot > self.accepted.ballot
        _require(is_new, "it accepts two blocks in one ballot")
        self._require_next(block)
        self.promised = ballot
        self.accepted = Proposal(ballot, block)

    def _decide(self, slot: int, ballot: Ballot, block_hash: str) -> None:
        accepted = self.accepted
        if accepted is None or (slot, ballot) != (accepted.slot, accepted.ballot):
            raise DamagedLine("it decides what was not accepted")
        _require(accepted.block.hash == block_hash, "it decides another block than was accepted")
        assert isinstance(accepted.block, Block)
        self._append(accepted.block)

    def _append(self, block: Block) -> None:
        self._require_next(block)
        self.recent.append(self.ledger.apply(block))
        self.accepted = None
        last = self.ledger.last[self.queue.debit]
        self.queue = self.queue.since(last + 1)

    def _require_next(self, block: Block) -> None:
        is_next = (block.slot, block.previous) == (self.ledger.height + 1, self.ledger.head)
        _require(is_next, f"its block doesn't follow height {self.ledger.height}")


def decode_opening(line: bytes) -> OpenLine:
    """What a journal's first line, given without its newline, says. Raises `DamagedLine`."""
    return unseal(line, _open_decoder)


def decode_line(line: bytes, previous: int) -> Line:
    """What a line, given without its newline, says. Raises `DamagedLine`."""
    return unseal(line, _decoder, previous)


def split_torn(journal: bytes) -> tuple[list[bytes], bytes]:
    """The lines of a journal, without their newlines, and what may be torn off at its end.

    That is what follows the last newline; or, with its newline, the first of those lines of which
    pages are missing, and all after it, if none of them says that what is before it was synced.
    Pages of what wasn't may reach the disk in any order.
    """
    *lines, rest = journal.split(b"\n")
    end = len(journal) - len(rest)
    torn_from = len(lines)
    for last in range(len(lines) - 1, 0, -1):
        end -= len(lines[last]) + 1
        if _lacks_pages(lines[last], end):
            torn_from = last
        elif b"\0" in lines[last]:
            break
        if _is_after_sync(lines[last]):
            break
    if torn_from < len(lines):
        rest = b"\n".join([*lines[torn_from:], rest])
    return lines[:torn_from], rest


def _lacks_pages(line: bytes, offset: int) -> bool:
    """Whether a line at this offset of the file has NULs in it, all as missing pages leave them.

    Pages reach the disk in any order, and what didn't is read as NULs, from where the file was
    synced to, or where a sector begins, up to where one ends. Any other NUL is damage: one flipped
    bit makes it of a space, say, in a memo.
    """
    holes = list(re.finditer(rb"\0+", line))
    return bool(holes) and all(
        (hole.start() == 0 or (offset + hole.start()) % SECTOR_BYTES == 0)
        and (offset + hole.end()) % SECTOR_BYTES == 0
        for hole in holes
    )


def line_in(rest: bytes, previous: int) -> bytes | None:
    """The first line of a journal's end, if nothing is missing of it but what can be told.

    That is its newline, and its first bytes, which are the same in every line. Whoever forgets a
    line that was acknowledged breaks a promise; whoever keeps one that wasn't does not. So whether
    a page is missing or a byte is damaged need not be known. Decisions after it may be forgotten.
    """
    line = rest.partition(b"\n")[0].rstrip(b"\0")
    missing = len(line) - len(line.lstrip(b"\0"))
    line = BEGINNING[:missing] + line[missing:]
    try:
        unseal(line, _decoder, previous)
    except DamagedLine:
        return None
    return line


def require_torn(rest: bytes, previous: int) -> None:
    """Raises `DamagedLine` if this, a journal's end, is a line that is whole but for its newline.

    No write ends with anything else in a newline's place. NULs may follow, from which the file was
    made longer beforehand.
    """
    rest = rest.rstrip(b"\0")
    if line_in(rest[:-1], previous) == rest[:-1]:
        raise DamagedLine("the newline at its end is wrong")


def _is_after_sync(line: bytes) -> bool:
    """Whether a line says that all before it was synced, whatever its checksum."""
    return line.startswith(_SYNCED, PREFIX_BYTES)


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise DamagedLine(what)
