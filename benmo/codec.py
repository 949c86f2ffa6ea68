"""The only place that knows msgpack and JSON; whatever comes in is validated here.

On the wire, a message is the msgpack of `[kind, fields]`. On disk, a line is one JSON object that
begins with the CRC-32 of the rest of it; a block inside it is the very bytes that are hashed. A
block's JSON is made once, by its proposer, and never again.
"""

from __future__ import annotations

import hashlib
import math
import re
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import msgpack
import msgspec

from benmo.errors import ProtocolError
from benmo.ledger import Block
from benmo.paxos.messages import (
    Accept,
    Accepted,
    Behind,
    Blocks,
    Confirm,
    Confirmed,
    Decide,
    Forward,
    Heartbeat,
    Message,
    Nack,
    Prepare,
    Promise,
)
from benmo.paxos.types import GENESIS_HASH, Ballot, Proposal
from benmo.runs import Run
from benmo.text import KEY_CHARACTERS_MAX, MEMO_CHARACTERS_MAX

_INTEGER_MAX = 2**53
"""Slots, heights and rounds stay below what every JSON reader holds exactly."""

BLOCK_BYTES_MAX = 8 << 20
"""Well below a frame's length, so that a block that was accepted can also be reported."""

_ARRAY_LENGTH_MAX = 1 << 17
_MAP_LENGTH_MAX = 16

_HASH = re.compile(rf"[0-9a-f]{{{len(GENESIS_HASH)}}}")

T = TypeVar("T")


# Blocks.


class _BlockBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    slot: int
    ballot: Ballot
    previous: str
    time: float
    runs: tuple[Run, ...]


_encoder = msgspec.json.Encoder()
_block_decoder = msgspec.json.Decoder(_BlockBody)


def encode_block(
    slot: int, ballot: Ballot, previous: str, time: float, runs: tuple[Run, ...]
) -> Block:
    """Make a block: this is the one time that it is encoded."""
    data = _encoder.encode(_BlockBody(slot, ballot, previous, time, runs))
    assert len(data) <= BLOCK_BYTES_MAX, "a pool bounds what it puts into a block"
    return Block(slot, ballot, previous, time, runs, data, hashlib.sha256(data).hexdigest())


def decode_block(data: bytes) -> Block:
    """The block of these bytes. Raises `ProtocolError` if they are not one.

    What a ledger finds void (an amount of 0, a node that isn't there) is a block all the same.
    """
    if len(data) > BLOCK_BYTES_MAX:
        raise ProtocolError(f"a block of {len(data)} bytes is too long")
    try:
        body = _block_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"not a block: {error}") from error
    _require(b"\n" not in data, "a block is one line")
    _require(data[:1] == b"{" and data[-1:] == b"}", "a block is nothing but an object")
    _require(0 < body.slot < _INTEGER_MAX, "a block's slot is a number from 1")
    _require_ballot(body.ballot)
    _require(_is_hash(body.previous), "a block names the previous block's hash")
    _require(math.isfinite(body.time), "a block's time is a number")
    _require(len(body.runs) > 0, "a block is not empty")
    for run in body.runs:
        _require_run(run)
    return Block(
        body.slot,
        body.ballot,
        body.previous,
        body.time,
        body.runs,
        data,
        hashlib.sha256(data).hexdigest(),
    )


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ProtocolError(sentence)


def _require_run(run: Run) -> None:
    _require(len(run.credit) == len(run.amount) > 0, "a run's columns are of one length, not 0")
    _require(0 < run.first < _INTEGER_MAX, "a run's first number is 1 or more")
    _require_column(run, run.memo, MEMO_CHARACTERS_MAX)
    _require_column(run, run.key, KEY_CHARACTERS_MAX)


def _require_column(run: Run, column: tuple[str, ...], characters_max: int) -> None:
    if column:
        _require(len(column) == len(run), "a run's columns are of one length")
        _require(max(map(len, column)) <= characters_max, "a memo or key is too long")


def _require_ballot(ballot: Ballot) -> None:
    is_one = 0 <= ballot.round < _INTEGER_MAX and 0 <= ballot.node < _INTEGER_MAX
    _require(is_one, "a ballot is two numbers from 0")


def _is_hash(text: str) -> bool:
    return _HASH.fullmatch(text) is not None


# Messages.


class _Accept(msgspec.Struct, forbid_unknown_fields=True):
    ballot: Ballot
    block: bytes


class _Promise(msgspec.Struct, forbid_unknown_fields=True):
    ballot: Ballot
    height: int
    accepted: _Accept | None


class _Blocks(msgspec.Struct, forbid_unknown_fields=True):
    blocks: tuple[bytes, ...]
    height: int


class _Forward(msgspec.Struct, forbid_unknown_fields=True):
    run: Run


_Flat = Prepare | Accepted | Nack | Decide | Behind | Heartbeat | Confirm | Confirmed

_FLAT: dict[str, type[_Flat]] = {
    "prepare": Prepare,
    "accepted": Accepted,
    "nack": Nack,
    "decide": Decide,
    "behind": Behind,
    "heartbeat": Heartbeat,
    "confirm": Confirm,
    "confirmed": Confirmed,
}
_FLAT_NAMES = {kind: name for name, kind in _FLAT.items()}


def encode_message(message: Message) -> bytes:
    """The bytes of a frame."""
    kind, fields = _to_wire(message)
    return bytes(msgpack.packb([kind, fields]))


def decode_message(data: bytes) -> Message:
    """The message of a frame. Raises `ProtocolError` if it isn't one."""
    parts = unpack(data)
    if not (isinstance(parts, list) and len(parts) == 2 and isinstance(parts[0], str)):
        raise ProtocolError("a message is a kind and its fields")
    kind, fields = parts
    flat = _FLAT.get(kind)
    if flat is not None:
        message = _convert(fields, flat)
        _require(len(fields) == len(flat.__dataclass_fields__), f"unknown fields in a {kind}")
        _require_fields(message)
        return message
    build = _NESTED.get(kind)
    if build is None:
        raise ProtocolError(f"there is no message of kind {kind[:20]!r}")
    return build(fields)


def unpack(data: bytes) -> Any:
    """msgpack to plain objects. Raises `ProtocolError` if it isn't msgpack."""
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            max_array_len=_ARRAY_LENGTH_MAX,
            max_map_len=_MAP_LENGTH_MAX,
        )
    except (ValueError, TypeError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise ProtocolError(f"not msgpack: {error}") from error


def pack(value: object) -> bytes:
    """Plain objects to msgpack."""
    return bytes(msgpack.packb(value))


def _to_wire(message: Message) -> tuple[str, dict[str, object]]:
    match message:
        case Accept(proposal):
            return "accept", _proposal_fields(proposal)
        case Promise(ballot, height, accepted):
            fields = None if accepted is None else _proposal_fields(accepted)
            return "promise", {"ballot": ballot, "height": height, "accepted": fields}
        case Blocks(blocks, height):
            return "blocks", {"blocks": [_data(block) for block in blocks], "height": height}
        case Forward(payload):
            assert isinstance(payload, Run)
            return "forward", {"run": msgspec.to_builtins(payload)}
        case _:
            names = type(message).__dataclass_fields__
            return _FLAT_NAMES[type(message)], {name: getattr(message, name) for name in names}


def _proposal_fields(proposal: Proposal) -> dict[str, object]:
    return {"ballot": proposal.ballot, "block": _data(proposal.block)}


def _data(block: object) -> bytes:
    assert isinstance(block, Block)
    return block.data


def _convert(fields: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(fields, kind, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise ProtocolError(f"a malformed {kind.__name__.strip('_').lower()}: {error}") from error


def _require_fields(message: Message) -> None:
    for name in type(message).__dataclass_fields__:
        value = getattr(message, name)
        if isinstance(value, Ballot):
            _require_ballot(value)
        elif isinstance(value, int):
            _require(0 <= value < _INTEGER_MAX, f"{name} is a number from 0")
        elif isinstance(value, str):
            _require(_is_hash(value), f"{name} is a hash")


def _build_proposal(fields: _Accept) -> Proposal:
    _require_ballot(fields.ballot)
    return Proposal(fields.ballot, decode_block(fields.block))


def _build_accept(fields: object) -> Accept:
    return Accept(_build_proposal(_convert(fields, _Accept)))


def _build_promise(fields: object) -> Promise:
    wire = _convert(fields, _Promise)
    accepted = None if wire.accepted is None else _build_proposal(wire.accepted)
    message = Promise(wire.ballot, wire.height, accepted)
    _require_fields(message)
    if accepted is not None:
        _require(accepted.slot == wire.height + 1, "what is accepted is for the next slot")
        _require(accepted.ballot < wire.ballot, "what is accepted is of a lower ballot")
    return message


def _build_blocks(fields: object) -> Blocks:
    wire = _convert(fields, _Blocks)
    message = Blocks(tuple(decode_block(data) for data in wire.blocks), wire.height)
    _require_fields(message)
    return message


def _build_forward(fields: object) -> Forward:
    run = _convert(fields, _Forward).run
    _require_run(run)
    return Forward(run)


_NESTED: dict[str, Callable[[object], Message]] = {
    "accept": _build_accept,
    "promise": _build_promise,
    "blocks": _build_blocks,
    "forward": _build_forward,
}


# Lines of the files.

BEGINNING = b'{"crc":"'
"""Of every line."""
PREFIX_BYTES = len(BEGINNING + b'00000000",')
"""How long the checksum with which each line begins is, punctuation and all."""


class DamagedLine(ValueError):
    """A line is not what was written."""


def seal(value: object, previous: int = 0, mark: bytes = b"") -> bytes:
    """A value (a Struct that is an object in JSON) as a line with its checksum, newline and all.

    `previous` is the checksum of the line before, where no line may go missing unnoticed; `mark` is
    another field of the object, with a comma after it, or nothing.
    """
    rest = mark + _encoder.encode(value)[1:]
    return b'{"crc":"%08x",%b\n' % (zlib.crc32(rest, previous), rest)


def checksum(line: bytes) -> int:
    """The checksum with which a whole line begins."""
    return int(line[PREFIX_BYTES - 10 : PREFIX_BYTES - 2], 16)


def unseal(line: bytes, decoder: msgspec.json.Decoder[T], previous: int = 0) -> T:
    """The value of a line, given without its newline. Raises `DamagedLine` if it isn't whole."""
    rest = line[PREFIX_BYTES:]
    if line[:PREFIX_BYTES] != b'{"crc":"%08x",' % zlib.crc32(rest, previous):
        raise DamagedLine("its checksum is wrong")
    try:
        return decoder.decode(b"{" + rest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedLine(f"it is not understood: {error}") from error


def raw_block(block: object) -> msgspec.Raw:
    """A block's bytes, to stand as they are inside a line."""
    return msgspec.Raw(_data(block))


def to_json(value: object) -> str:
    """Plain objects as one line of JSON."""
    return _encoder.encode(value).decode()


def from_json(data: bytes, kind: type[T]) -> T:
    """A JSON document as a typed value. Raises `ValueError` with what is wrong in it."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error


def prepare(*kinds: Any) -> None:
    """Let msgspec look at these types now, as each module does with its own when it is loaded.

    What it learns of a type it keeps with it; two threads in which it looks at one for the first
    time at the same moment crash the process (seen with msgspec 0.22).
    """
    for kind in kinds:
        msgspec.json.Decoder(kind)
