"""The journal: what one node promised, accepted, decided and queued, one JSON line each.

    {"crc":"…","type":"open","cluster":"…","node":1,"member":"…","generation":3}
    {"crc":"…","type":"queue","run":{"debit":1,"first":17,"credit":[2],"amount":[10]}}
    {"crc":"…","type":"promise","ballot":[3,1]}
    {"crc":"…","type":"accept","ballot":[3,1],"block":{"slot":7,…}}
    {"crc":"…","type":"decide","slot":7,"ballot":[3,1],"hash":"…"}     what was accepted last
    {"crc":"…","type":"learn","block":{"slot":8,…}}                    decided, sent by a peer

Each line's checksum continues that of the line before, so no line can go missing in the middle. A
line before which everything was synced says so, in a field `"synced":true` behind its checksum. A
power cut tears off nothing before the last such line.

`NodeState` is the fold over those lines: a node's durable state at any moment is its checkpoint's
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
from benmo.paxos.types import Ballot, Durable, MemberId, NodeId, Proposal
from benmo.storage.lines import BEGINNING, PREFIX_BYTES, DamagedLine, block_of, raw_of, seal, unseal

SECTOR_BYTES = 512
"""The least that a disk writes at a time; each write begins and ends at a multiple of it."""


@dataclass(frozen=True, slots=True)
class QueueRecord:
    """Transfers of its own that the node queued."""

    run: Run


JournalRecord = PromiseRecord | AcceptRecord | DecideRecord | QueueRecord


class OpenLine(msgspec.Struct, frozen=True, tag="open", tag_field="type"):
    """The first line: whose journal it is, and which checkpoint it continues."""

    cluster: str
    node: NodeId
    member: MemberId
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
"""The field behind a line's checksum by which the line says that all before it was synced."""


def encode_record(record: JournalRecord, previous: int, after_sync: bool = False) -> bytes:
    """Encode a record as a line with its newline, to follow one with the checksum `previous`."""
    return seal(_line_of(record), previous, _SYNCED if after_sync else b"")


def _line_of(record: JournalRecord) -> Line:
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
class NodeState:
    """A node's durable state. `recent` holds the blocks since the checkpoint, in order."""

    promised: Ballot
    accepted: Proposal | None
    ledger: Ledger
    queue: Run
    recent: list[AppliedBlock] = field(default_factory=list)

    @property
    def durable(self) -> Durable:
        """The part of the state that the protocol needs."""
        return Durable(self.promised, self.accepted, self.ledger.height, self.ledger.head)

    def require_next(self) -> None:
        """Raises `DamagedLine` if the accepted block can't be the next, or isn't promised."""
        accepted = self.accepted
        if accepted is None:
            return
        next_ = (self.ledger.height + 1, self.ledger.head)
        is_next = (accepted.slot, accepted.block.previous) == next_
        is_promised = accepted.ballot <= self.promised
        _require(is_next and is_promised, "the accepted block can't be the next")

    def apply(self, line: Line) -> None:
        """Apply the next line. Raises `DamagedLine` if it can't follow the lines before."""
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
                is_same = run.member == self.queue.member
                _require(is_same or not len(self.queue), "the queue is another member's")
                self.queue = self.queue.joined(run) if is_same else run
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
        last = self.ledger.last.get(self.queue.debit, 0)
        self.queue = self.queue.since(last + 1)

    def _require_next(self, block: Block) -> None:
        is_next = (block.slot, block.previous) == (self.ledger.height + 1, self.ledger.head)
        _require(is_next, f"its block doesn't follow height {self.ledger.height}")


def decode_opening(line: bytes) -> OpenLine:
    """Decode a journal's first line, given without its newline. Raises `DamagedLine`."""
    return unseal(line, _open_decoder)


def decode_line(line: bytes, previous: int) -> Line:
    """Decode a line after the first, given without its newline. Raises `DamagedLine`."""
    return unseal(line, _decoder, previous)


def split_torn(journal: bytes) -> tuple[list[bytes], bytes]:
    """Split a journal into its lines, without their newlines, and the end that may be torn off.

    The end is what follows the last newline. It begins earlier if lines before lack pages: with the
    first of these lines after which no line says that all before was synced. Pages that weren't
    synced may reach the disk in any order.
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

    A page that didn't reach the disk is read as NULs. They begin where the synced part of the file
    ends, or where a sector begins, and they end where a sector ends. Any other NUL is damage: one
    flipped bit turns a space, say in a memo, into a NUL.
    """
    holes = list(re.finditer(rb"\0+", line))
    return bool(holes) and all(
        (hole.start() == 0 or (offset + hole.start()) % SECTOR_BYTES == 0)
        and (offset + hole.end()) % SECTOR_BYTES == 0
        for hole in holes
    )


def line_in(rest: bytes, previous: int) -> bytes | None:
    """The first line of a journal's end, made whole, if it lacks only what all lines have alike.

    That is the newline and the first bytes. To forget a line that was acknowledged breaks a
    promise; to keep one that wasn't acknowledged does not. So it doesn't matter whether a page is
    missing or a byte is damaged. Decisions after the line may be forgotten.
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
    """Raises `DamagedLine` if a journal's end is a whole line with a wrong byte for its newline.

    No write leaves another byte in the newline's place. NULs may follow, by which the file was
    made longer beforehand.
    """
    rest = rest.rstrip(b"\0")
    if line_in(rest[:-1], previous) == rest[:-1]:
        raise DamagedLine("the newline at its end is wrong")


def _is_after_sync(line: bytes) -> bool:
    """Whether a line says that all before it was synced, even if its checksum is wrong."""
    return line.startswith(_SYNCED, PREFIX_BYTES)


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise DamagedLine(what)
